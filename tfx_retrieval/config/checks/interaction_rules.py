"""Rules of the interaction's columns in a FeatureConfig."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_retrieval.config.checks.registry import feature_config_check
from tfx_retrieval.config.features import features, type_name
from tfx_retrieval.config.findings import Finding, Path, listing, path_text, quote
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig, FeatureType, Filter, TimeUnit


@feature_config_check
def check_interaction_columns(config: FeatureConfig) -> Iterator[Finding]:
    """Timestamp, weight and label are not ids, and the timestamp is nothing else."""
    taken: dict[str, Path] = {}
    for side_name in ("query", "candidate"):
        taken.setdefault(getattr(config, side_name).id, (side_name, "id"))
    taken.setdefault(config.interaction.timestamp, ("interaction", "timestamp"))
    for name in ("timestamp", "weight", "label"):
        column = getattr(config.interaction, name)
        path: Path = ("interaction", name)
        other_path = taken.get(column, path)
        if column and other_path != path:
            yield Finding(
                path,
                f"the column {quote(column)}, which is also {path_text(other_path)}",
                "a column of its own",
                relies_on=(other_path,),
            )


@feature_config_check
def check_timestamp_feature(config: FeatureConfig) -> Iterator[Finding]:
    """A timestamp that is a feature is read there as it is read here."""
    timestamp = config.interaction.timestamp
    for side_name, position, feature in features(config):
        if feature.column != timestamp or timestamp in _ids(config):
            continue
        path = (side_name, "features", position)
        if feature.type not in (FeatureType.unspecified, FeatureType.temporal):
            yield Finding(
                (*path, "type"),
                f"{type_name(feature.type)} for the timestamp column {quote(timestamp)}",
                "temporal",
                relies_on=(("interaction", "timestamp"),),
            )
        elif feature.time_unit != config.interaction.time_unit:
            yield Finding(
                (*path, "time_unit"),
                TimeUnit.Value.Name(feature.time_unit),
                f"{TimeUnit.Value.Name(config.interaction.time_unit)}, as at "
                f"{path_text(('interaction', 'time_unit'))}",
                f"Both read the column {quote(timestamp)}.",
                relies_on=(("interaction", "time_unit"), (*path, "type")),
            )


@feature_config_check
def check_label_is_no_feature(config: FeatureConfig) -> Iterator[Finding]:
    """The label is what is predicted, so no tower may read it."""
    label = config.interaction.label
    for side_name, position, feature in features(config):
        if label and feature.column == label and label not in _ids(config):
            yield Finding(
                (side_name, "features", position, "column"),
                f"the label column {quote(label)}",
                "a column that is known before the interaction",
                "Leave the feature out; the label is not known when candidates are asked for.",
                relies_on=(("interaction", "label"),),
            )


@feature_config_check
def check_weight_is_a_number(config: FeatureConfig) -> Iterator[Finding]:
    """A weight that is also a feature is a number there."""
    weight = config.interaction.weight
    if weight in _ids(config):
        return
    for side_name, position, feature in features(config):
        numeric = (FeatureType.unspecified, FeatureType.numeric, FeatureType.boolean)
        if weight and feature.column == weight and feature.type not in numeric:
            yield Finding(
                (side_name, "features", position, "type"),
                f"{type_name(feature.type)} for the weight column {quote(weight)}",
                "numeric or boolean",
                relies_on=(("interaction", "weight"),),
            )


@feature_config_check
def check_filter_has_a_condition(config: FeatureConfig) -> Iterator[Finding]:
    """A filter filters."""
    for position, row_filter in enumerate(config.interaction.filters):
        if not _conditions(row_filter):
            names = [name for name in Filter.DESCRIPTOR.fields_by_name if name != "column"]
            yield Finding(
                ("interaction", "filters", position),
                "a filter without a condition",
                "at least one of " + listing(names),
            )


@feature_config_check
def check_filter_bounds(config: FeatureConfig) -> Iterator[Finding]:
    """A filter's bounds leave room between them."""
    for position, row_filter in enumerate(config.interaction.filters):
        both = row_filter.HasField("min") and row_filter.HasField("max")
        if both and row_filter.min > row_filter.max:
            path = ("interaction", "filters", position)
            yield Finding(
                (*path, "min"),
                f"{row_filter.min:g}",
                f"at most max, which is {row_filter.max:g}",
                relies_on=((*path, "max"),),
            )


@feature_config_check
def check_filter_can_be_met(config: FeatureConfig) -> Iterator[Finding]:
    """A filter does not contradict itself."""
    for position, row_filter in enumerate(config.interaction.filters):
        path = ("interaction", "filters", position)
        others = [name for name in _conditions(row_filter) if name != "present"]
        if row_filter.HasField("present") and not row_filter.present and others:
            yield Finding(
                (*path, "present"),
                f"false beside {listing(others)}",
                "false alone: a row without a value meets no other condition",
            )
        none_of = set(row_filter.none_of)
        for place, value in enumerate(row_filter.one_of):
            if value in none_of:
                yield Finding(
                    (*path, "one_of", place),
                    f"{quote(value)}, which is in none_of as well",
                    "a value in one of the two lists",
                    relies_on=((*path, "none_of"),),
                )


def _ids(config: FeatureConfig) -> tuple[str, ...]:
    """Returns what cannot be the column of an interaction, and is told of by another check."""
    return "", config.query.id, config.candidate.id


def _conditions(row_filter: Filter) -> list[str]:
    """Returns the names of the conditions that a filter sets."""
    return [field.name for field, _ in row_filter.ListFields() if field.name != "column"]
