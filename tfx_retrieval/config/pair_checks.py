"""Rules that concern a FeatureConfig and a ModelConfig together."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_retrieval.config.features import feature_of
from tfx_retrieval.config.findings import Finding, quote
from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
from tfx_retrieval.proto.model_config_pb2 import ModelConfig, ModelType


def check_pair(
    feature_config: FeatureConfig,
    model_config: ModelConfig,
    feature_source: str = "FeatureConfig",
    model_source: str = "ModelConfig",
) -> None:
    """Checks that a model can be made of these features.

    Args:
        feature_config: A resolved FeatureConfig.
        model_config: A resolved ModelConfig.
        feature_source: What to call the FeatureConfig in a message, usually its file.
        model_source: What to call the ModelConfig in a message, usually its file.

    Raises:
        InputError: They do not go together; holds all problems.
    """
    problems = [
        *check_label(feature_config, model_config, feature_source, model_source),
        *check_biases(feature_config, model_config, feature_source, model_source),
    ]
    if problems:
        raise InputError(problems)


def check_label(
    feature_config: FeatureConfig, model_config: ModelConfig, feature_source: str, model_source: str
) -> Iterator[Problem]:
    """A model that predicts a label needs one."""
    if model_config.model_type == ModelType.retrieval or feature_config.interaction.label:
        return
    model_type = ModelType.Value.Name(model_config.model_type)
    yield Finding(
        ("interaction", "label"),
        "no such key",
        f"the numeric column that a {model_type} model predicts",
        f"Name the column, or write model_type retrieval in {model_source}.",
    ).problem(feature_source)


def check_biases(
    feature_config: FeatureConfig, model_config: ModelConfig, feature_source: str, model_source: str
) -> Iterator[Problem]:
    """A bias of each id needs the id as a feature."""
    for name, side_name in (("query_bias", "query"), ("candidate_bias", "candidate")):
        side = getattr(feature_config, side_name)
        if getattr(model_config, name) and feature_of(side, side.id) is None:
            yield Finding(
                (name,),
                f"true, while the {side_name}'s id {quote(side.id)} is no feature",
                f"false, or a categorical feature of the column {quote(side.id)} at "
                f"$.{side_name}.features in {feature_source}",
            ).problem(model_source)
