"""TwoTowerTuner component definition."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.proto import trainer_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from tfx_retrieval.artifacts import ModuleFile
from tfx_retrieval.components.two_tower_trainer import overrides
from tfx_retrieval.components.two_tower_tuner import executor

_STOCK_SPEC = standard_component_specs.TunerSpec


class TwoTowerTunerSpec(component_spec.ComponentSpec):
    """Specification of TFX's Tuner, plus the module as input and the usual overrides."""

    PARAMETERS: ClassVar[dict[str, Any]] = {**_STOCK_SPEC.PARAMETERS, **overrides.PARAMETERS}
    INPUTS: ClassVar[dict[str, Any]] = {
        **_STOCK_SPEC.INPUTS,
        executor.MODULE_KEY: component_spec.ChannelParameter(type=ModuleFile),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = _STOCK_SPEC.OUTPUTS


class TwoTowerTuner(base_component.BaseComponent):
    """Tries training options with a `tuner_fn` that an upstream component wrote.

    ConfigCodegen writes one if the ModelConfig has a `search_space`. Trials run one after the
    other in this component.

    !!! Example
        ``` python
        tuner = TwoTowerTuner(
            examples=transform.outputs['transformed_examples'],
            transform_graph=transform.outputs['transform_graph'],
            module=config_codegen.outputs['trainer_module'],
        )
        trainer = TwoTowerTrainer(
            ...,
            hyperparameters=tuner.outputs['best_hyperparameters'],
        )
        ```

    Component `outputs` contains:

     - `best_hyperparameters`: Channel of type `standard_artifacts.HyperParameters`.
     - `tuner_results`: Channel of type `standard_artifacts.TunerResults`: options and score of
       each trial, best first, in `tuner_results.json`.
    """

    SPEC_CLASS = TwoTowerTunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        module: types.BaseChannel,
        schema: types.BaseChannel | None = None,
        base_model: types.BaseChannel | None = None,
        train_args: trainer_pb2.TrainArgs | None = None,
        eval_args: trainer_pb2.EvalArgs | None = None,
        epochs: int | data_types.RuntimeParameter | None = None,
        batch_size: int | data_types.RuntimeParameter | None = None,
        learning_rate: float | data_types.RuntimeParameter | None = None,
        custom_config: dict[str, Any] | None = None,
    ):
        """Makes the component.

        Args:
            examples: Channel of type `standard_artifacts.Examples` with transformed rows, splits
                `train` and `eval` unless the args name others.
            transform_graph: Channel of type `standard_artifacts.TransformGraph`.
            module: Channel of type `ModuleFile` with a module that defines `tuner_fn(fn_args)`.
            schema: Channel of type `standard_artifacts.Schema`, passed on to `tuner_fn`.
            base_model: Channel of type `standard_artifacts.Model` from which each trial takes its
                first weights.
            train_args: Splits and, if epochs are not to count, `num_steps`.
            eval_args: Splits and `num_steps` of the eval split.
            epochs: Takes the place of the ModelConfig's and is not searched; 0 or None leaves it.
            batch_size: Takes the place of the ModelConfig's and is not searched; 0 or None leaves
                it.
            learning_rate: Takes the place of the ModelConfig's and is not searched; 0 or None
                leaves it.
            custom_config: Passed on to `tuner_fn`.

        Raises:
            ValueError: An override is negative.
        """
        spec = TwoTowerTunerSpec(
            examples=examples,
            transform_graph=transform_graph,
            module=module,
            schema=schema,
            base_model=base_model,
            train_args=train_args or trainer_pb2.TrainArgs(),
            eval_args=eval_args or trainer_pb2.EvalArgs(),
            custom_config=json_utils.dumps(custom_config or {}),
            **overrides.checked(epochs, batch_size, learning_rate),
            best_hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
            tuner_results=types.Channel(type=standard_artifacts.TunerResults),
        )
        super().__init__(spec=spec)
