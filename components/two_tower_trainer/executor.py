"""TwoTowerTrainer executor: runs the `run_fn` of a module artifact.

It subclasses TFX's GenericExecutor, which TFX keeps without promising to.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from typing import Any

from tfx import types
from tfx.components.trainer import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import json_utils, path_utils

from tfx_retrieval.components.config_codegen import packaging
from tfx_retrieval.components.two_tower_trainer import overrides
from tfx_retrieval.components.two_tower_trainer.line_logger import LineLogger

MODULE_KEY = "module"

_LOGGER = logging.getLogger("tfx_retrieval.two_tower_trainer")

Artifacts = dict[str, list[types.Artifact]]


class Executor(tfx_executor.GenericExecutor):
    """Trains a model with a generated module."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes `model` and `model_run`.

        Args:
            input_dict: `examples`, `transform_graph` and `module`; optionally `schema`,
                `base_model` and `hyperparameters`.
            output_dict: `model` and `model_run`.
            exec_properties: Parameters of TFX's Trainer, `epochs`, `batch_size` and
                `learning_rate`.

        Raises:
            RuntimeError: `run_fn` left no SavedModel, and this machine is the one that saves.
        """
        module = packaging.read_module(artifact_utils.get_single_uri(input_dict[MODULE_KEY]))
        config_key = standard_component_specs.CUSTOM_CONFIG_KEY
        custom_config = overrides.custom_config(exec_properties)
        model = artifact_utils.get_single_instance(output_dict[standard_component_specs.MODEL_KEY])
        directory = path_utils.serving_model_dir(model.uri)
        # TFX checks only that it exists, and does not say which module left nothing there.
        fileio.makedirs(directory)
        # What run_fn prints, Keras' line for each epoch above all, is progress, not output.
        with (
            packaging.local_source(module) as source,
            LineLogger(_LOGGER) as stream,
            contextlib.redirect_stdout(stream),
        ):
            super().Do(
                input_dict,
                output_dict,
                {
                    **exec_properties,
                    standard_component_specs.MODULE_FILE_KEY: source,
                    config_key: json_utils.dumps(custom_config),
                },
            )
        if is_chief() and not fileio.exists(os.path.join(directory, "saved_model.pb")):
            raise RuntimeError(
                f"run_fn of {module.name} ({module.source_uri}) wrote no SavedModel: expected "
                f"saved_model.pb in {directory}, but got {sorted(fileio.listdir(directory))}"
            )


def is_chief() -> bool:
    """Returns whether this machine is the one of its cluster, if it is in one, that saves.

    Vertex AI tells each machine of a custom job its place in `TF_CONFIG`.
    """
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    task = config.get("task")
    if not task:
        return True
    # The first worker is the chief of a cluster without one.
    chief = "chief" if config.get("cluster", {}).get("chief") else "worker"
    return (task["type"], int(task["index"])) == (chief, 0)
