"""TwoTowerTuner executor: runs the `tuner_fn` of a module artifact.

It subclasses TFX's Tuner executor, which TFX keeps without promising to.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from tfx import types
from tfx.components.tuner import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import json_utils

from tfx_retrieval.components.config_codegen import packaging
from tfx_retrieval.components.two_tower_trainer import overrides
from tfx_retrieval.components.two_tower_trainer.line_logger import LineLogger
from tfx_retrieval.errors import InputError, Problem

MODULE_KEY = "module"

_LOGGER = logging.getLogger("tfx_retrieval.two_tower_tuner")

Artifacts = dict[str, list[types.Artifact]]


class Executor(tfx_executor.Executor):
    """Searches the options of a generated module."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes `best_hyperparameters` and `tuner_results`.

        Args:
            input_dict: `examples`, `transform_graph` and `module`; optionally `schema` and
                `base_model`.
            output_dict: `best_hyperparameters` and `tuner_results`.
            exec_properties: Parameters of TFX's Tuner, `epochs`, `batch_size` and
                `learning_rate`.

        Raises:
            InputError: The module has no `tuner_fn`.
        """
        module = packaging.read_module(artifact_utils.get_single_uri(input_dict[MODULE_KEY]))
        _check_has_tuner(module)
        custom_config = overrides.custom_config(exec_properties)
        # What tuner_fn prints, trials and epochs, is progress, not output.
        with (
            packaging.local_source(module) as source,
            contextlib.redirect_stdout(LineLogger(_LOGGER)),
        ):
            super().Do(
                input_dict,
                output_dict,
                {
                    **exec_properties,
                    standard_component_specs.MODULE_FILE_KEY: source,
                    standard_component_specs.CUSTOM_CONFIG_KEY: json_utils.dumps(custom_config),
                },
            )


def _check_has_tuner(module: packaging.PackagedModule) -> None:
    with fileio.open(module.source_uri, "r") as file:
        source = file.read()
    if "tuner_fn" not in source:
        raise InputError(
            Problem(
                f"module {module.source_uri}",
                "no tuner_fn",
                "a function tuner_fn(fn_args)",
                "Add search_space to the ModelConfig, and ConfigCodegen writes one.",
            )
        )
