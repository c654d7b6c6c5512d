"""The component's spec, and what its constructor refuses."""

import json

import pytest
from tfx import types
from tfx.orchestration import data_types
from tfx.proto import trainer_pb2
from tfx.types import channel_utils, standard_artifacts

import tfx_retrieval
from tfx_retrieval.artifacts import ModuleFile

_INPUTS = {
    "examples": standard_artifacts.Examples,
    "transform_graph": standard_artifacts.TransformGraph,
    "module": ModuleFile,
}


def _make(**parameters):
    channels = {name: channel_utils.as_channel([kind()]) for name, kind in _INPUTS.items()}
    return tfx_retrieval.TwoTowerTrainer(**{**channels, **parameters})


def test_outputs_and_default_properties():
    trainer = _make()
    assert {name: channel.type_name for name, channel in trainer.outputs.items()} == {
        "model": "Model",
        "model_run": "ModelRun",
    }
    assert {name: channel.type_name for name, channel in trainer.spec.inputs.items()} == {
        "examples": "Examples",
        "transform_graph": "TransformGraph",
        "module": "tfx_retrieval.ModuleFile",
    }
    properties = trainer.spec.exec_properties
    assert {name: value for name, value in properties.items() if value is not None} == {
        "train_args": "{}",
        "eval_args": "{}",
        "custom_config": "{}",
    }


def test_optional_inputs():
    kinds = {
        "schema": standard_artifacts.Schema,
        "base_model": standard_artifacts.Model,
        "hyperparameters": standard_artifacts.HyperParameters,
    }
    channels = {name: channel_utils.as_channel([kind()]) for name, kind in kinds.items()}
    inputs = _make(**channels).spec.inputs
    assert {name: inputs[name].type for name in kinds} == kinds


def test_parameters_are_passed_on():
    properties = _make(
        train_args=trainer_pb2.TrainArgs(num_steps=5, splits=["a"]),
        eval_args=trainer_pb2.EvalArgs(num_steps=2),
        epochs=3,
        batch_size=64,
        learning_rate=0.5,
        custom_config={"key": [1, True]},
    ).spec.exec_properties
    assert json.loads(properties["train_args"]) == {"num_steps": 5, "splits": ["a"]}
    assert json.loads(properties["eval_args"]) == {"num_steps": 2}
    assert json.loads(properties["custom_config"]) == {"key": [1, True]}
    assert [properties[name] for name in ("epochs", "batch_size", "learning_rate")] == [3, 64, 0.5]


def test_runtime_parameters_are_accepted():
    epochs = data_types.RuntimeParameter("epochs", int, 0)
    rate = data_types.RuntimeParameter("rate", float, 0.0)
    properties = _make(epochs=epochs, learning_rate=rate).spec.exec_properties
    assert properties["epochs"] is epochs
    assert properties["learning_rate"] is rate


@pytest.mark.parametrize("name", ["epochs", "batch_size", "learning_rate"])
def test_negative_overrides_are_refused(name):
    with pytest.raises(ValueError, match=rf"{name} must be positive, or 0 to leave it.*-1"):
        _make(**{name: -1})
    assert _make(**{name: 0}).spec.exec_properties[name] == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("module", standard_artifacts.Schema),
        ("examples", ModuleFile),
        ("base_model", standard_artifacts.Schema),
    ],
)
def test_channels_of_other_types_are_refused(name, kind):
    with pytest.raises(TypeError, match=name):
        _make(**{name: types.Channel(type=kind)})
