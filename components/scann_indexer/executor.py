"""Executor of ScaNNIndexer."""

from __future__ import annotations

import os
from typing import Any

from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from tfx_retrieval.components.scann_indexer import building, options, reading

EXACT_FOLDER = "exact"
REPORT_FILE = "index_evaluation.json"


class Executor(base_executor.BaseExecutor):
    """Builds, saves and measures the index; see `ScaNNIndexer`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the component.

        Args:
            input_dict: `model`, `candidates`, optionally `examples` and `model_blessing`.
            output_dict: `index`, `evaluation`, `blessing`.
            exec_properties: See the parameters of `ScaNNIndexer`.

        Raises:
            InputError: See `building.build_and_measure`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        index = artifact_utils.get_single_instance(output_dict["index"])
        retrieval = options.parse_retrieval(exec_properties.get("retrieval"))
        queries_source = None
        if input_dict.get("examples"):
            queries_source = reading.split_source(
                input_dict["examples"], [exec_properties["query_split"]]
            )
        request = building.Request(
            path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"])),
            reading.candidate_source(input_dict["candidates"]),
            exec_properties["candidate_id"],
            exec_properties.get("title") or None,
            retrieval,
        )
        built, measured = building.build_and_measure(
            request,
            path_utils.serving_model_dir(index.uri),
            os.path.join(index.uri, EXACT_FOLDER),
            building.QuerySample(
                queries_source,
                int(exec_properties["num_recall_queries"]),
                int(exec_properties["seed"]),
            ),
        )
        report = building.judge_index(
            measured, retrieval, _model_blessed(input_dict.get("model_blessing"))
        )
        evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
        building.write_report(report, os.path.join(evaluation.uri, REPORT_FILE))
        index.set_string_custom_property("algorithm", built.plan.algorithm)
        index.set_string_custom_property("algorithm_reason", built.plan.reason)
        index.set_int_custom_property("candidates", len(built.catalogue.ids))
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        _write_blessing(blessing, index.uri, report["blessed"])
        _name_model(blessing, input_dict.get("model_blessing"))


def _model_blessed(blessings: list[types.Artifact] | None) -> bool | None:
    """Whether the model is blessed; None if nobody has judged it."""
    if not blessings:
        return None
    return model_utils.is_model_blessed(artifact_utils.get_single_instance(blessings))


def _write_blessing(blessing: types.Artifact, index_uri: str, blessed: bool) -> None:
    """Marks the index as blessed or not, as Pusher and Cond read it.

    `current_model_id` is not the index's own: LatestBlessedModelStrategy would then take this
    index, which is a Model too, for the latest blessed model, and no model can be compared with an
    index; see `_name_model`.
    """
    io_utils.write_string_file(
        os.path.join(blessing.uri, "BLESSED" if blessed else "NOT_BLESSED"), ""
    )
    blessing.set_string_custom_property("current_model", index_uri)
    blessing.set_int_custom_property("blessed", int(blessed))


def _name_model(blessing: types.Artifact, model_blessings: list[types.Artifact] | None) -> None:
    """Copies the id of the trained model from its blessing.

    Vertex AI's resolver takes the latest blessing of any task for the name of the latest blessed
    model, so this one has to name the model that the index was made of. The id is an integer
    locally and a resource name on Vertex AI.
    """
    for model_blessing in model_blessings or ():
        name = model_blessing.get_string_custom_property("current_model_id")
        number = model_blessing.get_int_custom_property("current_model_id")
        if name:
            blessing.set_string_custom_property("current_model_id", name)
        elif number:
            blessing.set_int_custom_property("current_model_id", number)
