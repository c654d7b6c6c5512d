"""Transform component definition."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import transform_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from tfx_retrieval.artifacts import ModuleFile
from tfx_retrieval.components.transform import engine as engines
from tfx_retrieval.components.transform import executor

MODULE_KEY = executor.MODULE_KEY
ENGINE_KEY = executor.ENGINE_KEY

_STOCK_SPEC = standard_component_specs.TransformSpec


class TransformSpec(component_spec.ComponentSpec):
    """Specification of TFX's Transform, plus the module as input and the engine."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **_STOCK_SPEC.PARAMETERS,
        ENGINE_KEY: component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        **_STOCK_SPEC.INPUTS,
        MODULE_KEY: component_spec.ChannelParameter(type=ModuleFile),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = _STOCK_SPEC.OUTPUTS
    TYPE_ANNOTATION = _STOCK_SPEC.TYPE_ANNOTATION


class Transform(base_beam_component.BaseBeamComponent):
    """Transforms examples with a preprocessing_fn that an upstream component wrote.

    TFX's Transform packages its module file when the pipeline is built, so a module made by
    another component cannot reach it; passing the path instead breaks Beam workers and Kubeflow
    Pipelines v2. This component takes the module as an artifact. Whatever reads the outputs of
    TFX's Transform reads these.

    !!! Example
        ``` python
        transform = Transform(
            examples=example_gen.outputs['examples'],
            schema=schema_gen.outputs['schema'],
            module=config_codegen.outputs['transform_module'],
        )
        ```

    Component `outputs` contains:

     - `transform_graph`: Channel of type `standard_artifacts.TransformGraph`. Its custom
       properties `engine` and `engine_reason` say how it was computed.
     - `transformed_examples`: Channel of type `standard_artifacts.Examples`, if `materialize`.
     - `updated_analyzer_cache`: Channel of type `standard_artifacts.TransformCache`, unless
       `disable_analyzer_cache`.
     - `pre_transform_schema`, `pre_transform_stats`, `post_transform_schema`,
       `post_transform_stats`, `post_transform_anomalies`, unless `disable_statistics`.
    """

    SPEC_CLASS = TransformSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        module: types.BaseChannel,
        splits_config: transform_pb2.SplitsConfig | None = None,
        analyzer_cache: types.BaseChannel | None = None,
        materialize: bool = True,
        disable_analyzer_cache: bool = True,
        force_tf_compat_v1: bool = False,
        custom_config: dict[str, Any] | None = None,
        disable_statistics: bool = True,
        engine: str = engines.AUTO,
    ):
        """Makes the component.

        Args:
            examples: Channel of type `standard_artifacts.Examples` with the splits of
                `splits_config`, or else one named `train`.
            schema: Channel of type `standard_artifacts.Schema`.
            module: Channel of type `ModuleFile` with a module that defines
                `preprocessing_fn(inputs)` or `preprocessing_fn(inputs, custom_config)`, and
                optionally `stats_options_updater_fn`.
            splits_config: Splits to analyze and to transform; by default `train` is analyzed and
                every split transformed.
            analyzer_cache: Cache of an earlier run; needs `disable_analyzer_cache=False` and Beam.
            materialize: Whether to write transformed examples.
            disable_analyzer_cache: Whether to read and write no cache. True by default: the cache
                serves rolling spans under Beam, and elsewhere costs more than it saves.
            force_tf_compat_v1: Whether to trace with TensorFlow 1 behaviour; needs Beam.
            custom_config: Passed to `preprocessing_fn` if it takes it.
            disable_statistics: Whether to leave out statistics of the rows before and after. True
                by default, unlike TFX: StatisticsGen has described the raw rows already, and the
                statistics take about half of the time and need Beam.
            engine: `in_process` reads, analyzes and writes in the executor's process; `beam` is
                TFX's own executor; `auto` takes `in_process` where Beam would run in that one
                process anyway and every analyzer is proven to give the same results, and `beam`
                otherwise.

        Raises:
            ValueError: `engine` is unknown, `in_process` is asked for together with an option
                that needs Beam, or `analyzer_cache` is given although the cache is disabled.
        """
        if engine not in engines.ENGINES:
            raise ValueError(f"engine must be one of {', '.join(engines.ENGINES)}, got {engine!r}.")
        if analyzer_cache and disable_analyzer_cache:
            raise ValueError(
                "analyzer_cache is given although disable_analyzer_cache is True; set it to False."
            )
        needing_beam = {
            "disable_analyzer_cache=False": not disable_analyzer_cache,
            "disable_statistics=False": not disable_statistics,
            "force_tf_compat_v1=True": force_tf_compat_v1,
        }
        conflicts = [option for option, is_set in needing_beam.items() if is_set]
        if engine == engines.IN_PROCESS and conflicts:
            raise ValueError(
                f"engine='in_process' does not offer {', '.join(conflicts)}; use 'auto' or 'beam'."
            )
        transformed_examples = None
        if materialize:
            transformed_examples = types.Channel(type=standard_artifacts.Examples)
            transformed_examples.matching_channel_name = standard_component_specs.EXAMPLES_KEY
        spec = TransformSpec(
            examples=examples,
            schema=schema,
            module=module,
            engine=engine,
            splits_config=splits_config,
            analyzer_cache=analyzer_cache,
            force_tf_compat_v1=int(force_tf_compat_v1),
            custom_config=json_utils.dumps(custom_config),
            disable_statistics=int(disable_statistics),
            transform_graph=types.Channel(type=standard_artifacts.TransformGraph),
            transformed_examples=transformed_examples,
            updated_analyzer_cache=(
                None
                if disable_analyzer_cache
                else types.Channel(type=standard_artifacts.TransformCache)
            ),
            **({} if disable_statistics else _statistics_channels()),
        )
        super().__init__(spec=spec)


def _statistics_channels() -> dict[str, types.Channel]:
    keys = standard_component_specs
    channel_types = {
        keys.PRE_TRANSFORM_SCHEMA_KEY: standard_artifacts.Schema,
        keys.PRE_TRANSFORM_STATS_KEY: standard_artifacts.ExampleStatistics,
        keys.POST_TRANSFORM_SCHEMA_KEY: standard_artifacts.Schema,
        keys.POST_TRANSFORM_STATS_KEY: standard_artifacts.ExampleStatistics,
        keys.POST_TRANSFORM_ANOMALIES_KEY: standard_artifacts.ExampleAnomalies,
    }
    return {key: types.Channel(type=channel_type) for key, channel_type in channel_types.items()}
