"""ConfigCodegen executor: writes modules as files and wheels."""

from __future__ import annotations

import logging
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from tfx_retrieval.components.config_codegen import packaging, schema_check
from tfx_retrieval.components.config_codegen.trainer_module import generate_trainer_module
from tfx_retrieval.components.config_codegen.transform_module import generate_transform_module
from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.errors import InputError

FEATURE_CONFIG_KEY = "feature_config"
MODEL_CONFIG_KEY = "model_config"
GENERATOR_VERSION_KEY = "generator_version"
SCHEMA_KEY = "schema"
TRANSFORM_MODULE_KEY = "transform_module"
TRAINER_MODULE_KEY = "trainer_module"

_LOGGER = logging.getLogger("tfx_retrieval.config_codegen")

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Generates the modules of a FeatureConfig and a ModelConfig."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes the modules that have an output.

        Args:
            input_dict: Optionally `schema`.
            output_dict: `transform_module`, `trainer_module` or both.
            exec_properties: `feature_config` as JSON, `generator_version`, and for
                `trainer_module` `model_config` as JSON.

        Raises:
            InputError: A config is wrong, or the schema lacks a column or has it otherwise.
        """
        features = parse_feature_config(exec_properties[FEATURE_CONFIG_KEY])
        if input_dict.get(SCHEMA_KEY):
            uri = artifact_utils.get_single_uri(input_dict[SCHEMA_KEY])
            schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uri))
            problems = schema_check.find_problems(features, schema)
            if problems:
                raise InputError(problems)
        modules = {}
        if TRANSFORM_MODULE_KEY in output_dict:
            modules[TRANSFORM_MODULE_KEY] = generate_transform_module(features)
        if TRAINER_MODULE_KEY in output_dict:
            model = parse_model_config(exec_properties[MODEL_CONFIG_KEY])
            modules[TRAINER_MODULE_KEY] = generate_trainer_module(features, model)
        for key, source in modules.items():
            artifact = artifact_utils.get_single_instance(output_dict[key])
            packaging.write_module(artifact.uri, key, source)
            artifact.set_string_custom_property(
                GENERATOR_VERSION_KEY, exec_properties[GENERATOR_VERSION_KEY]
            )
            _LOGGER.info("generated %s.py: %d lines", key, source.count("\n"))
