"""Training options as parameters of their own, which Vertex AI needs for runtime parameters."""

from __future__ import annotations

from typing import Any

from tfx.orchestration import data_types
from tfx.types import component_spec, standard_component_specs
from tfx.utils import json_utils

_TYPES = {"epochs": int, "batch_size": int, "learning_rate": float}

PARAMETERS = {
    name: component_spec.ExecutionParameter(type=kind, optional=True)
    for name, kind in _TYPES.items()
}
"""What they add to a component's specification."""


def checked(
    epochs: int | data_types.RuntimeParameter | None,
    batch_size: int | data_types.RuntimeParameter | None,
    learning_rate: float | data_types.RuntimeParameter | None,
) -> dict[str, Any]:
    """Returns the options by parameter name.

    Args:
        epochs: Passes over the training rows; 0 or None leaves the ModelConfig's.
        batch_size: Rows of a training step; 0 or None leaves the ModelConfig's.
        learning_rate: Learning rate of the first step; 0 or None leaves the ModelConfig's.

    Raises:
        ValueError: An option is negative.
    """
    options = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    for name, value in options.items():
        if isinstance(value, int | float) and value < 0:
            raise ValueError(f"{name} must be positive, or 0 to leave it, but got {value}.")
    if isinstance(learning_rate, int):
        options["learning_rate"] = float(learning_rate)
    return options


def custom_config(exec_properties: dict[str, Any]) -> dict[str, Any]:
    """Returns the `custom_config` for generated modules: what was given, and the options set.

    Args:
        exec_properties: Parameters of a component with `PARAMETERS` and `custom_config`.
    """
    given = exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY)
    # Kubeflow Pipelines v2 hands JSON over as text, other runners as the value itself.
    config = json_utils.loads(given) if isinstance(given, str) else given
    options = {
        name: convert(exec_properties[name])
        for name, convert in _TYPES.items()
        if exec_properties.get(name)
    }
    return {**(config or {}), **options}
