"""ConfigCodegen component definition."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_retrieval.artifacts import ModuleFile
from tfx_retrieval.components.config_codegen import executor
from tfx_retrieval.components.config_codegen.version import generator_version
from tfx_retrieval.config import (
    canonical_json,
    check_pair,
    parse_feature_config,
    parse_model_config,
)
from tfx_retrieval.proto import feature_config_pb2, model_config_pb2


class ConfigCodegenSpec(component_spec.ComponentSpec):
    """Specification of ConfigCodegen."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        executor.FEATURE_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.MODEL_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.GENERATOR_VERSION_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        executor.SCHEMA_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Schema, optional=True
        ),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        executor.TRANSFORM_MODULE_KEY: component_spec.ChannelParameter(type=ModuleFile),
        executor.TRAINER_MODULE_KEY: component_spec.ChannelParameter(type=ModuleFile),
    }


class ConfigCodegen(base_component.BaseComponent):
    """Generates the Transform and the Trainer module of a FeatureConfig and a ModelConfig.

    !!! Example
        ``` python
        codegen = ConfigCodegen(
            feature_config=tfx_retrieval.read_feature_config('features.json'),
            model_config=tfx_retrieval.read_model_config('model.json'),
            schema=schema_gen.outputs['schema'],
        )
        ```

    Component `outputs` contains:

     - `transform_module`: Channel of type `ModuleFile` with a `preprocessing_fn`.
     - `trainer_module`: Channel of type `ModuleFile` with a `run_fn`.
    """

    SPEC_CLASS = ConfigCodegenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        feature_config: feature_config_pb2.FeatureConfig | str,
        model_config: model_config_pb2.ModelConfig | str,
        schema: types.BaseChannel | None = None,
    ):
        """Makes the component; the contents of the configs become part of its cache key.

        Args:
            feature_config: A FeatureConfig, or its JSON.
            model_config: A ModelConfig, or its JSON.
            schema: Channel of type `standard_artifacts.Schema`; if given, the columns of the
                FeatureConfig are checked against it before anything reads the data again.

        Raises:
            InputError: A config is wrong, or the two do not fit; with every problem found.
        """
        features = parse_feature_config(_as_json(feature_config))
        model = parse_model_config(_as_json(model_config))
        check_pair(features, model)
        spec = ConfigCodegenSpec(
            feature_config=canonical_json(features),
            model_config=canonical_json(model),
            generator_version=generator_version(),
            schema=schema,
            transform_module=types.Channel(type=ModuleFile),
            trainer_module=types.Channel(type=ModuleFile),
        )
        super().__init__(spec=spec)


def _as_json(
    config: feature_config_pb2.FeatureConfig | model_config_pb2.ModelConfig | str,
) -> str:
    return config if isinstance(config, str) else canonical_json(config)
