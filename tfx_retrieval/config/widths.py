"""How many numbers each feature adds to the input of its tower."""

from __future__ import annotations

from google.protobuf.message import Message

from tfx_retrieval.config.features import feature_of
from tfx_retrieval.proto.feature_config_pb2 import Feature, FeatureConfig, FeatureType, Side

CATEGORY_DIM = 16
"""Embedding width of a categorical feature that is no id, unless the config gives one."""

BUCKET_DIM = 8
"""Embedding width of a bucket or a cross, unless the config gives one."""

TOKEN_DIM = 32
"""Embedding width of a token, unless the config gives one."""


def given_width(options: Message, default: int) -> int:
    """Returns the embedding width that the options of a transform name, or `default`."""
    given = options.HasField("embedding_dim")
    return options.embedding_dim if given else default


def categorical_width(config: FeatureConfig, feature: Feature, output_dim: int) -> int:
    """Returns the embedding width of a categorical feature.

    Unless the config gives one, ids and columns that share an id's vocabulary are as wide as the
    towers' outputs.

    Args:
        config: A resolved FeatureConfig.
        feature: One of its categorical features.
        output_dim: Width of the towers' outputs.
    """
    ids = (config.query.id, config.candidate.id)
    id_vocabularies = {
        other.vocabulary.name
        for side in (config.query, config.candidate)
        for other in side.features
        if other.column in ids and other.vocabulary.name
    }
    is_id = feature.column in ids or feature.vocabulary.name in id_vocabularies
    default = output_dim if is_id else CATEGORY_DIM
    for name in ("integer_id", "hash", "vocabulary"):
        if feature.HasField(name):
            return given_width(getattr(feature, name), default)
    return default


def layers_input_width(config: FeatureConfig, side: Side, output_dim: int, has_id: bool) -> int:
    """Returns the width of what the layers of a side's tower read; 0: they have no input.

    Args:
        config: A resolved FeatureConfig.
        side: Its query or candidate side.
        output_dim: Width of the towers' outputs.
        has_id: Whether the id is among the inputs of the layers.
    """
    width = sum(given_width(cross, BUCKET_DIM) for cross in side.crosses)
    for feature in side.features:
        if has_id or feature.column != side.id:
            width += _feature_width(config, feature, output_dim)
    return width


def _feature_width(config: FeatureConfig, feature: Feature, output_dim: int) -> int:
    if feature.type == FeatureType.categorical:
        return categorical_width(config, feature, output_dim)
    if feature.type == FeatureType.text:
        return given_width(feature.tokens, TOKEN_DIM)
    if feature.type == FeatureType.history:
        candidate = feature_of(config.candidate, config.candidate.id)
        return _feature_width(config, candidate, output_dim) if candidate else output_dim
    if feature.type == FeatureType.vector:
        return feature.vector.dimension
    if feature.type == FeatureType.boolean:
        return 1
    width = 2 * len(feature.cyclical.cycles)
    if feature.HasField("normalize"):
        normalize = feature.normalize
        width += normalize.projection_dim if normalize.HasField("projection_dim") else 1
    if feature.HasField("bucketize"):
        width += given_width(feature.bucketize, BUCKET_DIM)
    return width
