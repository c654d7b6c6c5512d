"""A FeatureConfig by column: what both sides make of one column is made once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tfx_retrieval.components.config_codegen import naming
from tfx_retrieval.proto import feature_config_pb2


def all_columns(config: feature_config_pb2.FeatureConfig) -> Iterable[str]:
    """Yields the columns of both sides' features and at last the candidate id.

    Args:
        config: A resolved FeatureConfig.
    """
    for side in (config.query, config.candidate):
        for feature in side.features:
            yield feature.column
    yield config.candidate.id


def features_by_column(
    config: feature_config_pb2.FeatureConfig,
) -> Mapping[str, feature_config_pb2.Feature]:
    """Returns one feature a column, with the transforms of both sides if both use it.

    The config's checks have made sure that the transforms both sides have are the same.

    Args:
        config: A resolved FeatureConfig.
    """
    features: dict[str, feature_config_pb2.Feature] = {}
    for side in (config.query, config.candidate):
        for feature in side.features:
            merged = features.setdefault(feature.column, feature_config_pb2.Feature())
            for field, value in feature.ListFields():
                if field.message_type is None:
                    setattr(merged, field.name, value)
                elif not merged.HasField(field.name):
                    getattr(merged, field.name).CopyFrom(value)
    candidate_id = config.candidate.id
    if candidate_id not in features:
        # The loss needs an index of the candidate id even where no tower reads it.
        vocabulary = feature_config_pb2.Vocabulary(oov_buckets=1)
        features[candidate_id] = feature_config_pb2.Feature(
            column=candidate_id,
            type=feature_config_pb2.FeatureType.categorical,
            vocabulary=vocabulary,
        )
    return features


def sides_of(config: feature_config_pb2.FeatureConfig, column: str) -> list[str]:
    """Returns what a comment calls the sides that have a feature of `column`.

    Args:
        config: A resolved FeatureConfig.
        column: A column with a feature, or the candidate id.
    """
    sides = (("Query", config.query), ("candidate", config.candidate))
    names = [name for name, side in sides if any(f.column == column for f in side.features)]
    # A candidate id that no tower reads is no feature of its side.
    return [name.capitalize() for name in names[:1]] + names[1:] or ["Candidate id"]


def columns_by_vocabulary(config: feature_config_pb2.FeatureConfig) -> Mapping[str, list[str]]:
    """Returns the columns that each vocabulary, by its file name, is made of.

    Args:
        config: A resolved FeatureConfig.
    """
    names = naming.vocabulary_names(config)
    groups: dict[str, list[str]] = {}
    for column in dict.fromkeys(all_columns(config)):
        if column in names:
            groups.setdefault(names[column], []).append(column)
    return groups
