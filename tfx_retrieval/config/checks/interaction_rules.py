"""Rules of the interaction's columns in a FeatureConfig."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_retrieval.config.checks.registry import feature_config_check
from tfx_retrieval.config.features import SIDES, features, type_name
from tfx_retrieval.config.findings import Finding, Path, path_text, quote
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig, FeatureType, TimeUnit


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
def check_history_has_a_name_of_its_own(config: FeatureConfig) -> Iterator[Finding]:
    """A history is made from the interactions, so the data have no such column."""
    named: dict[str, Path] = {}
    for side_name in SIDES:
        for key in ("id", "title"):
            named.setdefault(getattr(getattr(config, side_name), key), (side_name, key))
    for key in ("timestamp", "weight", "label"):
        named.setdefault(getattr(config.interaction, key), ("interaction", key))
    for position, row_filter in enumerate(config.interaction.filters):
        named.setdefault(row_filter.column, ("interaction", "filters", position, "column"))
    for position, feature in enumerate(config.query.features):
        other_path = named.get(feature.column)
        # That an id is categorical is told by another check.
        if feature.type != FeatureType.history or feature.column in _ids(config):
            continue
        if other_path is not None:
            yield Finding(
                ("query", "features", position, "column"),
                f"the history {quote(feature.column)}, named at {path_text(other_path)} as well",
                "a name that no column of the data has",
                "The history is made from the interactions; rename it here.",
                relies_on=(other_path,),
            )


@feature_config_check
def check_titles_are_words(config: FeatureConfig) -> Iterator[Finding]:
    """What people are shown beside an id is no list of numbers."""
    vectors = {f.column for _, _, f in features(config) if f.type == FeatureType.vector}
    for side_name in SIDES:
        title = getattr(config, side_name).title
        if title in vectors:
            yield Finding(
                (side_name, "title"),
                f"the column {quote(title)}, which holds vectors",
                "a column with names or descriptions",
                relies_on=tuple((other, "features", "*", "type") for other in SIDES),
            )


def _ids(config: FeatureConfig) -> tuple[str, ...]:
    """Returns what cannot be the column of an interaction, and is told of by another check."""
    return "", config.query.id, config.candidate.id
