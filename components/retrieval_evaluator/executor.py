"""Executor of RetrievalEvaluator."""

from __future__ import annotations

import logging
import os
from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as evaluator_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from tfx_retrieval.components.retrieval_evaluator import measuring, options, report, thresholds

_logger = logging.getLogger("tfx_retrieval.retrieval_evaluator")


class Executor(evaluator_executor.Executor):
    """Measures a model and blesses it; see `RetrievalEvaluator`.

    It replaces the stock Evaluator's `Do` and is its subclass for one reason: TFX's entrypoint on
    Vertex writes the managed name of the model into the blessing, by which
    LatestBlessedModelStrategy finds it, only for executors that are. Tried with TFX 1.16.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the component.

        Args:
            input_dict: `model`, `examples`, optionally `candidates` and `baseline_model`.
            output_dict: `evaluation`, `blessing`.
            exec_properties: See the parameters of `RetrievalEvaluator`.

        Raises:
            InputError: See `options.parse_options` and `measuring.measure_model`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        wanted = options.parse_options(exec_properties)
        model = artifact_utils.get_single_instance(input_dict["model"])
        baselines = input_dict.get("baseline_model") or []
        baseline = artifact_utils.get_single_instance(baselines) if baselines else None
        measured = measuring.measure_model(
            _saved_model(model),
            input_dict["examples"],
            input_dict.get("candidates") or [],
            wanted,
            _saved_model(baseline) if baseline else None,
        )
        checks, blessed = thresholds.check_thresholds(wanted.thresholds, measured.evaluation)
        content = report.as_json(measured, wanted, checks, blessed)
        evaluation = artifact_utils.get_single_uri(output_dict["evaluation"])
        io_utils.write_string_file(
            os.path.join(evaluation, report.METRICS_FILE), report.json_text(content)
        )
        io_utils.write_string_file(
            os.path.join(evaluation, report.REPORT_FILE), report.markdown_text(content, wanted.ks)
        )
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        _write_blessing(blessing, model, baseline, blessed)
        if "current_component_id" in exec_properties:
            blessing.set_string_custom_property(
                "component_id", exec_properties["current_component_id"]
            )
        _log_result(content, wanted.ks, checks)


def _saved_model(model: types.Artifact) -> str:
    return path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))


def _write_blessing(
    blessing: types.Artifact, model: types.Artifact, baseline: types.Artifact | None, blessed: bool
) -> None:
    """Marks the model as blessed or not, as the stock Evaluator does."""
    blessing.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
    )
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline is not None:
        blessing.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri
        )
        blessing.set_int_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id
        )
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE,
    )


def _log_result(
    content: dict[str, Any], ks: tuple[int, ...], checks: tuple[thresholds.Check, ...]
) -> None:
    """Tells the main figures and why a model is not blessed."""
    for k in ks:
        name = f"recall@{k}"
        _logger.info(
            "%s %.4f (popularity %.4f)", name, content["eval"][name], content["baseline"][name]
        )
    for check in checks:
        if check.outcome == thresholds.FAILED:
            _logger.info("check failed: %s, %s: %s", check.metric, check.rule, check.reason)
    _logger.info("the model is %s", "blessed" if content["blessed"] else "not blessed")
