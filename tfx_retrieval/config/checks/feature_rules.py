"""Rules within one feature of a FeatureConfig."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tfx_retrieval.config.canonical import plain_value
from tfx_retrieval.config.checks.registry import feature_config_check
from tfx_retrieval.config.features import (
    TRANSFORMS_OF_TYPE,
    features,
    transforms,
    type_name,
)
from tfx_retrieval.config.findings import Finding, describe, listing
from tfx_retrieval.proto.feature_config_pb2 import (
    Cyclical,
    Feature,
    FeatureConfig,
    FeatureType,
    TimeUnit,
)


@feature_config_check
def check_transform_fits_type(config: FeatureConfig) -> Iterator[Finding]:
    """A feature has only transforms of its type."""
    for side_name, position, feature in features(config):
        allowed = TRANSFORMS_OF_TYPE.get(feature.type)
        if allowed is None:
            continue
        for transform in transforms(feature):
            if transform not in allowed:
                types = [
                    type_name(number)
                    for number, names in TRANSFORMS_OF_TYPE.items()
                    if transform in names
                ]
                yield Finding(
                    (side_name, "features", position, transform),
                    f"{transform} of a {type_name(feature.type)} feature",
                    f"only {listing(allowed)}" if allowed else "no transform",
                    f"{transform} is for the type {' or '.join(types)}.",
                )


@feature_config_check
def check_one_index_of_a_categorical(config: FeatureConfig) -> Iterator[Finding]:
    """A categorical feature is indexed in one way."""
    for side_name, position, feature in features(config):
        indexes = [
            name
            for name in TRANSFORMS_OF_TYPE[FeatureType.categorical]
            if name in transforms(feature)
        ]
        if feature.type == FeatureType.categorical and len(indexes) > 1:
            yield Finding(
                (side_name, "features", position),
                " and ".join(indexes),
                "exactly one of vocabulary, integer_id, hash",
            )


@feature_config_check
def check_temporal_has_a_transform(config: FeatureConfig) -> Iterator[Finding]:
    """A temporal feature says what to make of it."""
    for side_name, position, feature in features(config):
        if feature.type == FeatureType.temporal and not transforms(feature):
            yield Finding(
                (side_name, "features", position),
                "a temporal feature without a transform",
                "at least one of normalize, bucketize, cyclical",
                'For example "cyclical": {"cycles": ["hour_of_day", "day_of_week"]}.',
            )


@feature_config_check
def check_vector_has_a_dimension(config: FeatureConfig) -> Iterator[Finding]:
    """A vector feature states its length."""
    for side_name, position, feature in features(config):
        if feature.type == FeatureType.vector and not feature.HasField("vector"):
            yield Finding(
                (side_name, "features", position),
                "a vector feature without its length",
                'the key vector, for example "vector": {"dimension": 64}',
            )


@feature_config_check
def check_values_of_categorical_only(config: FeatureConfig) -> Iterator[Finding]:
    """Several values a row are for categorical features."""
    for side_name, position, feature in features(config):
        if feature.HasField("values") and feature.type not in (
            FeatureType.unspecified,
            FeatureType.categorical,
        ):
            yield Finding(
                (side_name, "features", position, "values"),
                f"values of a {type_name(feature.type)} feature",
                "values only at the type categorical",
            )


@feature_config_check
def check_time_unit_of_temporal_only(config: FeatureConfig) -> Iterator[Finding]:
    """A time unit is for temporal features."""
    for side_name, position, feature in features(config):
        if feature.time_unit in (TimeUnit.unspecified, TimeUnit.seconds):
            continue
        if feature.type not in (FeatureType.unspecified, FeatureType.temporal):
            yield Finding(
                (side_name, "features", position, "time_unit"),
                f"a time unit of a {type_name(feature.type)} feature",
                "time_unit only at the type temporal",
            )


@feature_config_check
def check_log_and_clip_of_numeric_only(config: FeatureConfig) -> Iterator[Finding]:
    """Logarithms and clipping are for quantities."""
    for side_name, position, feature in features(config):
        if feature.type != FeatureType.temporal or not feature.HasField("normalize"):
            continue
        normalize = feature.normalize
        given = [
            name
            for name, is_given in (
                ("log", normalize.log),
                ("clip_min", normalize.HasField("clip_min")),
                ("clip_max", normalize.HasField("clip_max")),
            )
            if is_given
        ]
        for name in given:
            yield Finding(
                (side_name, "features", position, "normalize", name),
                f"{name} of a temporal feature",
                f"{name} only at the type numeric",
            )


@feature_config_check
def check_clip_bounds(config: FeatureConfig) -> Iterator[Finding]:
    """The lower clip is below the upper one."""
    for side_name, position, feature in features(config):
        normalize = feature.normalize
        if not (normalize.HasField("clip_min") and normalize.HasField("clip_max")):
            continue
        if normalize.clip_min >= normalize.clip_max:
            path = (side_name, "features", position, "normalize")
            yield Finding(
                (*path, "clip_min"),
                f"{normalize.clip_min:g}",
                f"a number below clip_max, which is {normalize.clip_max:g}",
                relies_on=((*path, "clip_max"),),
            )


@feature_config_check
def check_cycles_distinct(config: FeatureConfig) -> Iterator[Finding]:
    """Each calendar cycle stands once."""
    for side_name, position, feature in features(config):
        cycles = list(feature.cyclical.cycles)
        for place, cycle in enumerate(cycles):
            if cycle != Cyclical.unspecified and cycle in cycles[:place]:
                yield Finding(
                    (side_name, "features", position, "cyclical", "cycles", place),
                    f"{Cyclical.Cycle.Name(cycle)} a second time",
                    "each cycle once",
                )


@feature_config_check
def check_missing_value_fits(config: FeatureConfig) -> Iterator[Finding]:
    """What stands in for a missing value is a value that the column could hold."""
    for side_name, position, feature in features(config):
        if not feature.HasField("missing_value"):
            continue
        value = plain_value(feature.missing_value)
        expected = _expected_missing_value(feature, value)
        if expected:
            path = (side_name, "features", position)
            related = ("type", "values", "integer_id", "vector")
            yield Finding(
                (*path, "missing_value"),
                describe(value),
                f"{expected} for a {type_name(feature.type)} feature",
                relies_on=tuple((*path, name) for name in related),
            )


def _expected_missing_value(feature: Feature, value: Any) -> str:
    """Returns what kind of value `feature` needs, or an empty text if `value` is one."""
    numbers = _all_of(value, int | float)
    if feature.type == FeatureType.numeric and not _is(value, int | float):
        return "a number"
    if feature.type == FeatureType.boolean and not isinstance(value, bool):
        return "true or false"
    if feature.type == FeatureType.text and not isinstance(value, str):
        return "a text"
    if feature.type == FeatureType.temporal and not _is(value, int):
        return "an ISO 8601 date or time, or seconds since 1970,"
    if feature.type == FeatureType.history and not _all_of(value, str | int):
        return "a list of ids"
    if feature.type == FeatureType.vector:
        dimension = feature.vector.dimension
        return "" if numbers and len(value) == dimension else f"a list of {dimension:,} numbers"
    if feature.type == FeatureType.categorical:
        kind, noun = (int, "integer") if feature.HasField("integer_id") else (str | int, "")
        if feature.HasField("values"):
            plural = f"{noun}s" if noun else "texts or integers"
            return "" if _all_of(value, kind) else f"a list of {plural}"
        return "" if _is(value, kind) else f"an {noun}" if noun else "a text or an integer"
    return ""


def _is(value: Any, kind: Any) -> bool:
    """Returns whether `value` is of `kind`; true and false are no numbers here."""
    return isinstance(value, kind) and not isinstance(value, bool)


def _all_of(value: Any, kind: Any) -> bool:
    return isinstance(value, list) and all(_is(entry, kind) for entry in value)
