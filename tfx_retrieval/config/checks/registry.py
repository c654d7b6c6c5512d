"""The lists of checks, filled by decorators."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tfx_retrieval.config.findings import Finding
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
from tfx_retrieval.proto.model_config_pb2 import ModelConfig

FeatureConfigCheck = Callable[[FeatureConfig], Iterator[Finding]]
ModelConfigCheck = Callable[[ModelConfig], Iterator[Finding]]

FEATURE_CONFIG_CHECKS: list[FeatureConfigCheck] = []
MODEL_CONFIG_CHECKS: list[ModelConfigCheck] = []


def feature_config_check(check: FeatureConfigCheck) -> FeatureConfigCheck:
    """Adds `check` to those that every FeatureConfig must pass."""
    FEATURE_CONFIG_CHECKS.append(check)
    return check


def model_config_check(check: ModelConfigCheck) -> ModelConfigCheck:
    """Adds `check` to those that every ModelConfig must pass."""
    MODEL_CONFIG_CHECKS.append(check)
    return check
