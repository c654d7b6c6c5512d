"""Questions that other code asks of a resolved FeatureConfig: its columns, outputs and types."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from google.protobuf.message import Message

from tfx_retrieval.proto import feature_config_pb2
from tfx_retrieval.proto.feature_config_pb2 import (
    Cross,
    Cyclical,
    Feature,
    FeatureConfig,
    FeatureType,
    Side,
    TimeUnit,
)

SIDES = ("query", "candidate")

# Transforms in the order of the `.proto` file.
TRANSFORMS = (
    "vocabulary",
    "integer_id",
    "hash",
    "normalize",
    "bucketize",
    "cyclical",
    "tokens",
    "vector",
    "history",
)

TRANSFORMS_OF_TYPE: dict[int, tuple[str, ...]] = {
    FeatureType.categorical: ("vocabulary", "integer_id", "hash"),
    FeatureType.numeric: ("normalize", "bucketize"),
    FeatureType.temporal: ("normalize", "bucketize", "cyclical"),
    FeatureType.text: ("tokens",),
    FeatureType.boolean: (),
    FeatureType.vector: ("vector",),
    FeatureType.history: ("history",),
}

# What a feature gets that names no transform; the other types must name theirs.
DEFAULT_TRANSFORM: dict[int, str] = {
    FeatureType.categorical: "vocabulary",
    FeatureType.numeric: "normalize",
    FeatureType.text: "tokens",
    FeatureType.history: "history",
}

# Roles that a column can have; one column can have several.
QUERY_ID = "query_id"
CANDIDATE_ID = "candidate_id"
QUERY_TITLE = "query_title"
CANDIDATE_TITLE = "candidate_title"
QUERY_FEATURE = "query_feature"
CANDIDATE_FEATURE = "candidate_feature"
TIMESTAMP = "timestamp"
WEIGHT = "weight"
LABEL = "label"
FILTER = "filter"


@dataclasses.dataclass(frozen=True)
class RawColumn:
    """What the configuration says about one column of the data.

    Attributes:
        name: Name of the column.
        heading: Its heading in the data.
        roles: What the column is used for, for example ("query_id", "query_feature").
        type: A `FeatureType`; `unspecified` for a column that only a filter looks at. An id, a
            title or a timestamp that is no feature counts as categorical, text and temporal; a
            weight and a label as numeric.
        time_unit: A `TimeUnit`: unit of an integer temporal column, else `unspecified`.
        feature: The feature made of the column; of a column of both sides the query's. None if
            no feature is made of it.
    """

    name: str
    heading: str
    roles: tuple[str, ...]
    type: int
    time_unit: int
    feature: Feature | None


def features(config: FeatureConfig) -> Iterator[tuple[str, int, Feature]]:
    """Yields (side name, position in the side, feature) of both sides, the query's first."""
    for side_name in SIDES:
        for position, feature in enumerate(getattr(config, side_name).features):
            yield side_name, position, feature


def crosses(config: FeatureConfig) -> Iterator[tuple[str, int, Cross]]:
    """Yields (side name, position in the side, cross) of both sides, the query's first."""
    for side_name in SIDES:
        for position, cross in enumerate(getattr(config, side_name).crosses):
            yield side_name, position, cross


def feature_of(side: Side, column: str) -> Feature | None:
    """Returns the feature that `side` makes of `column`, or None."""
    return next((feature for feature in side.features if feature.column == column), None)


def transforms(feature: Feature) -> list[str]:
    """Returns the names of the transforms that `feature` has, in the order of the `.proto` file."""
    return [name for name in TRANSFORMS if feature.HasField(name)]


def transform_outputs(column: str, transform: str, cyclical: Cyclical | None = None) -> list[str]:
    """Returns the names of what one transform makes of `column`.

    Args:
        column: The raw column.
        transform: A name out of `TRANSFORMS`, or an empty text for a boolean.
        cyclical: The parameters of a `cyclical` transform, else None.
    """
    if transform == "cyclical":
        names = [Cyclical.Cycle.Name(cycle) for cycle in (cyclical.cycles if cyclical else ())]
        return [f"{column}_{name}_{function}" for name in names for function in ("sin", "cos")]
    suffix = {"normalize": "_norm", "bucketize": "_bucket", "tokens": "_tokens"}.get(transform, "")
    return [column + suffix]


def output_names(feature: Feature) -> list[str]:
    """Returns the names of the transformed features that `feature` becomes."""
    if feature.type == FeatureType.boolean:
        return transform_outputs(feature.column, "")
    return [
        output
        for transform in transforms(feature)
        for output in transform_outputs(feature.column, transform, feature.cyclical)
    ]


def cross_output(cross: Cross) -> str:
    """Returns the name of the transformed feature that `cross` becomes."""
    return "_x_".join(cross.columns) + "_cross"


def pass_through_outputs(config: FeatureConfig) -> dict[str, str]:
    """Returns the raw values kept beside the transformed features: output name to raw column.

    These are the candidate id, the label and the weight; the latter two where they are configured.
    """
    outputs = {f"{config.candidate.id}_raw": config.candidate.id}
    if config.interaction.label:
        outputs[f"{config.interaction.label}_label"] = config.interaction.label
    if config.interaction.weight:
        outputs[f"{config.interaction.weight}_weight"] = config.interaction.weight
    return outputs


def transform_content(message: Message) -> bytes:
    """Returns what the data transform reads of a transform's parameters.

    Two features with the same content become the same transformed column, even if their towers
    embed it at different widths.
    """
    content = type(message)()
    content.CopyFrom(message)
    for name in ("embedding_dim", "projection_dim", "trainable", "pooling"):
        if name in content.DESCRIPTOR.fields_by_name:
            content.ClearField(name)
    return content.SerializeToString(deterministic=True)


def side_columns(config: FeatureConfig, side_name: str) -> list[str]:
    """Returns the raw columns of one side: its id, its features' and its title, each once."""
    side = getattr(config, side_name)
    columns = [side.id, *(feature.column for feature in side.features), side.title]
    return list(dict.fromkeys(column for column in columns if column))


def query_columns(config: FeatureConfig) -> list[str]:
    """Returns the raw columns of the query side, its id first."""
    return side_columns(config, "query")


def candidate_columns(config: FeatureConfig) -> list[str]:
    """Returns the raw columns of the candidate side, its id first."""
    return side_columns(config, "candidate")


def history_columns(config: FeatureConfig) -> list[str]:
    """Returns the columns that hold a query's earlier candidates."""
    return [
        feature.column for feature in config.query.features if feature.type == FeatureType.history
    ]


def heading_of(config: FeatureConfig, column: str) -> str:
    """Returns the heading in the data of what the configuration calls `column`."""
    return config.headings.get(column, column)


def raw_columns(config: FeatureConfig) -> dict[str, RawColumn]:
    """Returns every column that the configuration names, by name.

    The order is that of the configuration: the query's columns, the candidate's, the interaction's
    and at last those that only filters look at.
    """
    roles: dict[str, list[str]] = {}

    def add(column: str, role: str) -> None:
        if column:
            roles.setdefault(column, []).append(role)

    for side_name, id_role, feature_role, title_role in (
        ("query", QUERY_ID, QUERY_FEATURE, QUERY_TITLE),
        ("candidate", CANDIDATE_ID, CANDIDATE_FEATURE, CANDIDATE_TITLE),
    ):
        side = getattr(config, side_name)
        add(side.id, id_role)
        for feature in side.features:
            add(feature.column, feature_role)
        add(side.title, title_role)
    interaction = config.interaction
    add(interaction.timestamp, TIMESTAMP)
    add(interaction.weight, WEIGHT)
    add(interaction.label, LABEL)
    for column in dict.fromkeys(condition.column for condition in interaction.filters):
        add(column, FILTER)
    return {
        column: _raw_column(config, column, tuple(column_roles))
        for column, column_roles in roles.items()
    }


def _raw_column(config: FeatureConfig, column: str, roles: tuple[str, ...]) -> RawColumn:
    feature = feature_of(config.query, column) or feature_of(config.candidate, column)
    if feature is not None:
        column_type = feature.type
    elif QUERY_ID in roles or CANDIDATE_ID in roles:
        column_type = FeatureType.categorical
    elif TIMESTAMP in roles:
        column_type = FeatureType.temporal
    elif WEIGHT in roles or LABEL in roles:
        column_type = FeatureType.numeric
    elif QUERY_TITLE in roles or CANDIDATE_TITLE in roles:
        column_type = FeatureType.text
    else:
        column_type = FeatureType.unspecified
    time_unit = TimeUnit.unspecified
    if column_type == FeatureType.temporal:
        time_unit = feature.time_unit if feature is not None else config.interaction.time_unit
    return RawColumn(column, heading_of(config, column), roles, column_type, time_unit, feature)


def type_name(feature_type: int) -> str:
    """Returns the name of a `FeatureType` value."""
    return feature_config_pb2.FeatureType.Value.Name(feature_type)
