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
        executor.MODEL_CONFIG_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.GENERATOR_VERSION_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        executor.SCHEMA_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Schema, optional=True
        ),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        executor.TRANSFORM_MODULE_KEY: component_spec.ChannelParameter(
            type=ModuleFile, optional=True
        ),
        executor.TRAINER_MODULE_KEY: component_spec.ChannelParameter(
            type=ModuleFile, optional=True
        ),
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

    A component whose parameters change makes new artifacts, so one that makes both modules lets
    Transform run again for every change of the ModelConfig. A node for each module does not:

    !!! Example
        ``` python
        transform_codegen = ConfigCodegen(features, schema=schema).with_id('TransformCodegen')
        trainer_codegen = ConfigCodegen(features, model, schema, transform=False)
        ```

    Component `outputs` contains:

     - `transform_module`: Channel of type `ModuleFile` with a `preprocessing_fn`, unless
        `transform` is False.
     - `trainer_module`: Channel of type `ModuleFile` with a `run_fn`, if there is a ModelConfig.
    """

    SPEC_CLASS = ConfigCodegenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        feature_config: feature_config_pb2.FeatureConfig | str,
        model_config: model_config_pb2.ModelConfig | str | None = None,
        schema: types.BaseChannel | None = None,
        *,
        transform: bool = True,
    ):
        """Makes the component; the contents of the configs become part of its cache key.

        Args:
            feature_config: A FeatureConfig, or its JSON.
            model_config: A ModelConfig, or its JSON; None leaves the Trainer module out.
            schema: Channel of type `standard_artifacts.Schema`; if given, the columns of the
                FeatureConfig are checked against it before anything reads the data again.
            transform: Whether the Transform module is made.

        Raises:
            InputError: A config is wrong, or the two do not fit; with every problem found.
            ValueError: No module is left to make.
        """
        features = parse_feature_config(_as_json(feature_config))
        modules = {}
        if transform:
            modules[executor.TRANSFORM_MODULE_KEY] = types.Channel(type=ModuleFile)
        model = None
        if model_config is not None:
            model = parse_model_config(_as_json(model_config))
            check_pair(features, model)
            modules[executor.TRAINER_MODULE_KEY] = types.Channel(type=ModuleFile)
        if not modules:
            raise ValueError(
                "Expected a model_config or transform=True, got neither: no module is left to make."
            )
        spec = ConfigCodegenSpec(
            feature_config=canonical_json(features),
            model_config=None if model is None else canonical_json(model),
            generator_version=generator_version(),
            schema=schema,
            **modules,
        )
        super().__init__(spec=spec)


def _as_json(
    config: feature_config_pb2.FeatureConfig | model_config_pb2.ModelConfig | str,
) -> str:
    return config if isinstance(config, str) else canonical_json(config)
