"""Writes what a ModelConfig's search space changes in a generated trainer."""

from __future__ import annotations

from tfx_retrieval.components.config_codegen.source import (
    LINE_LENGTH,
    assign,
    call,
    items,
    literal,
    render,
)
from tfx_retrieval.proto import model_config_pb2

# Options of the training that are arguments of the model.
_MODEL_OPTIONS = ("temperature", "dropout")
_RANKING = model_config_pb2.ModelType.ranking


def template_values(model: model_config_pb2.ModelConfig) -> dict[str, object]:
    """Returns what the template uses of a resolved ModelConfig's search space.

    Temperatures and dropout rates are arguments of the model where they are searched, and
    constants elsewhere.
    """
    return {
        "search_space": _grid(model),
        "temperature": model.model_type != _RANKING
        and (model.retrieval_loss.temperature != 1.0 or tunes(model, "temperature")),
        "tuned_temperature": tunes(model, "temperature"),
        "tuned_dropout": tunes(model, "dropout"),
        "temperature_divisor": _temperature_divisor(model),
        "model_parameters": _model_parameters(model),
        "new_model": _new_model(model),
        "model_arguments": ", ".join(_new_model_arguments(model)),
    }


def tunes(model: model_config_pb2.ModelConfig, option: str) -> bool:
    """Returns whether the search space has values of an option."""
    return bool(getattr(model.search_space, option))


def _grid(model: model_config_pb2.ModelConfig) -> list[str]:
    """Returns the entries of the dictionary of values, none without a search space."""
    lines = []
    for field in model.search_space.DESCRIPTOR.fields:
        if field.name != "max_trials" and tunes(model, field.name):
            key = f"    {literal(field.name)}: "
            values = items([literal(value) for value in getattr(model.search_space, field.name)])
            lines.append(f"{key}{render(values, 4, LINE_LENGTH - len(key) - 1)},")
    return lines


def _temperature_divisor(model: model_config_pb2.ModelConfig) -> str:
    if tunes(model, "temperature"):
        return " / self.temperature"
    return " / TEMPERATURE" if model.retrieval_loss.temperature != 1.0 else ""


def _model_parameters(model: model_config_pb2.ModelConfig) -> list[str]:
    parameters = ["tf_transform_output"]
    if model.distribution.HasField("tpu_embedding"):
        parameters.append("learning_rate")
    if model.model_type != _RANKING and model.retrieval_loss.uniform_negatives:
        parameters.append("catalogue")
    return parameters + [name for name in _MODEL_OPTIONS if tunes(model, name)]


def _new_model(model: model_config_pb2.ModelConfig) -> str:
    """Returns the statement that makes the model from the training's options."""
    sources = {name: f'options["{name}"]' for name in _MODEL_OPTIONS}
    sources["catalogue"] = "data.catalogue"
    sources["learning_rate"] = 'options["learning_rate"]'
    arguments = [sources.get(name, name) for name in _model_parameters(model)]
    return assign("model", call("TwoTowerModel", *arguments))


def _new_model_arguments(model: model_config_pb2.ModelConfig) -> list[str]:
    """Returns the parameters of the function around that statement."""
    reads_options = model.distribution.HasField("tpu_embedding") or any(
        tunes(model, name) for name in _MODEL_OPTIONS
    )
    return [*(["options"] if reads_options else []), "tf_transform_output", "data"]
