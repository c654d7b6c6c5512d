"""Rules within a side of a FeatureConfig and between its two sides."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_retrieval.config.checks.registry import feature_config_check
from tfx_retrieval.config.features import (
    SIDES,
    crosses,
    feature_of,
    features,
    transform_content,
    transforms,
    type_name,
)
from tfx_retrieval.config.findings import Finding, Path, listing, path_text, quote
from tfx_retrieval.config.reader import did_you_mean
from tfx_retrieval.proto.feature_config_pb2 import (
    Cross,
    Feature,
    FeatureConfig,
    FeatureType,
    Vocabulary,
)

_CROSSABLE = (
    FeatureType.categorical,
    FeatureType.numeric,
    FeatureType.temporal,
    FeatureType.boolean,
)


@feature_config_check
def check_ids_differ(config: FeatureConfig) -> Iterator[Finding]:
    """Queries and candidates have their own id columns."""
    if config.query.id and config.query.id == config.candidate.id:
        yield Finding(
            ("candidate", "id"),
            f"the column {quote(config.candidate.id)}, which is the query's id as well",
            "a column of its own",
        )


@feature_config_check
def check_columns_distinct(config: FeatureConfig) -> Iterator[Finding]:
    """A side lists each column once."""
    first: dict[tuple[str, str], int] = {}
    for side_name, position, feature in features(config):
        if not feature.column:
            continue
        earlier = first.setdefault((side_name, feature.column), position)
        if earlier != position:
            yield Finding(
                (side_name, "features", position, "column"),
                f"the column {quote(feature.column)} a second time",
                "each column once on a side",
                f"Put all its transforms into {path_text((side_name, 'features', earlier))}.",
            )


@feature_config_check
def check_sides_agree_on_a_column(config: FeatureConfig) -> Iterator[Finding]:
    """A column on both sides is read and transformed in the same way."""
    of_query = {
        feature.column: (position, feature)
        for position, feature in enumerate(config.query.features)
        if feature.column
    }
    for position, feature in enumerate(config.candidate.features):
        if feature.column not in of_query:
            continue
        other_position, other = of_query[feature.column]
        path: Path = ("candidate", "features", position)
        other_path: Path = ("query", "features", other_position)
        for name in _differences(feature, other):
            yield Finding(
                (*path, name),
                f"another {name} of the column {quote(feature.column)} than the query's",
                f"the same as at {path_text((*other_path, name))}",
                "Both sides share the transformed column; its widths may differ.",
                relies_on=((*other_path, name),),
            )


def _differences(first: Feature, second: Feature) -> list[str]:
    """Returns the keys in which two features of one column would be transformed differently."""
    if FeatureType.unspecified in (first.type, second.type):
        return []
    if first.type != second.type:
        return ["type"]
    names = [name for name in transforms(first) if second.HasField(name)]
    names = [
        name
        for name in names
        if transform_content(getattr(first, name)) != transform_content(getattr(second, name))
    ]
    for name in ("values", "missing_value", "time_unit"):
        if getattr(first, name) != getattr(second, name):
            names.append(name)
    return names


@feature_config_check
def check_id_is_one_category(config: FeatureConfig) -> Iterator[Finding]:
    """An id that is a feature is categorical, with one value a row."""
    for side_name, position, feature in features(config):
        if feature.column != getattr(config, side_name).id or not feature.column:
            continue
        path = (side_name, "features", position)
        if feature.type not in (FeatureType.unspecified, FeatureType.categorical):
            yield Finding(
                (*path, "type"),
                f"{type_name(feature.type)} for the id column {quote(feature.column)}",
                "categorical",
                relies_on=((side_name, "id"),),
            )
        elif feature.HasField("values"):
            yield Finding(
                (*path, "values"),
                f"several values in the id column {quote(feature.column)}",
                "one id a row",
                relies_on=((side_name, "id"),),
            )


@feature_config_check
def check_no_id_of_the_other_side(config: FeatureConfig) -> Iterator[Finding]:
    """A tower does not read the other side's id: it would read the answer."""
    for side_name, position, feature in features(config):
        other = SIDES[1 - SIDES.index(side_name)]
        other_id = getattr(config, other).id
        if feature.column and feature.column == other_id != getattr(config, side_name).id:
            yield Finding(
                (side_name, "features", position, "column"),
                f"the {other}'s id column {quote(other_id)}",
                f"a column that says something about the {side_name}",
                "For candidates met earlier use a feature of the type history."
                if side_name == "query"
                else "",
                relies_on=((other, "id"), (side_name, "id")),
            )


@feature_config_check
def check_history_side(config: FeatureConfig) -> Iterator[Finding]:
    """Only queries have a history."""
    for position, feature in enumerate(config.candidate.features):
        if feature.type == FeatureType.history:
            yield Finding(
                ("candidate", "features", position, "type"),
                "history on the candidate side",
                "history on the query side alone",
            )


@feature_config_check
def check_history_has_candidate_ids(config: FeatureConfig) -> Iterator[Finding]:
    """A history uses the candidate id's vocabulary and embedding, so there must be one."""
    id_feature = feature_of(config.candidate, config.candidate.id)
    if id_feature is not None or not config.candidate.id:
        return
    for position, feature in enumerate(config.query.features):
        if feature.type == FeatureType.history:
            yield Finding(
                ("query", "features", position, "type"),
                "history, while the candidate id is no feature",
                f"a categorical feature of {quote(config.candidate.id)} in $.candidate.features",
                "The history shares the candidate id's embedding.",
                relies_on=(("candidate", "features", "*", "column"), ("candidate", "id")),
            )


@feature_config_check
def check_cross_members(config: FeatureConfig) -> Iterator[Finding]:
    """Crosses combine columns of their own side that have one value a row."""
    columns: dict[str, dict[str, Feature]] = {
        side_name: {
            feature.column: feature
            for feature in getattr(config, side_name).features
            if feature.column
        }
        for side_name in SIDES
    }
    for side_name, position, cross in crosses(config):
        names = list(columns[side_name])
        for place, column in enumerate(cross.columns):
            path = (side_name, "crosses", position, "columns", place)
            feature = columns[side_name].get(column)
            if feature is None:
                yield Finding(
                    path,
                    f"the column {quote(column)}, which is no feature of this side",
                    "one of " + listing(quote(name) for name in names),
                    did_you_mean(column, names),
                    relies_on=((side_name, "features", "*", "column"),),
                )
            elif feature.HasField("values") or feature.type not in (
                FeatureType.unspecified,
                *_CROSSABLE,
            ):
                kind = "categorical, several values a row"
                yield Finding(
                    path,
                    f"the column {quote(column)} of the type "
                    + (kind if feature.HasField("values") else type_name(feature.type)),
                    "a column of the type " + ", ".join(map(type_name, _CROSSABLE)),
                )


@feature_config_check
def check_cross_members_distinct(config: FeatureConfig) -> Iterator[Finding]:
    """A cross combines different columns."""
    for side_name, position, cross in crosses(config):
        for place, column in enumerate(cross.columns):
            if column and column in cross.columns[:place]:
                yield Finding(
                    (side_name, "crosses", position, "columns", place),
                    f"the column {quote(column)} a second time",
                    "each column once in a cross",
                )


@feature_config_check
def check_crosses_distinct(config: FeatureConfig) -> Iterator[Finding]:
    """A side has each cross once, and both sides make the same cross in the same way."""
    first: dict[tuple[str, ...], tuple[Path, Cross]] = {}
    for side_name, position, cross in crosses(config):
        path: Path = (side_name, "crosses", position)
        other_path, other = first.setdefault(tuple(cross.columns), (path, cross))
        if other_path == path or not all(cross.columns):
            continue
        if side_name == other_path[0]:
            yield Finding(
                path,
                f"the cross of {listing(map(quote, cross.columns))} a second time",
                "each cross once on a side",
                relies_on=(other_path,),
            )
        elif transform_content(cross) != transform_content(other):
            yield Finding(
                path,
                "other hash_buckets or member_buckets than the same cross of the query",
                f"the same as at {path_text(other_path)}",
                "Both sides share the transformed cross; its widths may differ.",
                relies_on=(other_path,),
            )


@feature_config_check
def check_shared_vocabularies_agree(config: FeatureConfig) -> Iterator[Finding]:
    """Columns that share a vocabulary describe it in the same way."""
    first: dict[str, tuple[Path, Vocabulary]] = {}
    for side_name, position, feature in features(config):
        name = feature.vocabulary.name
        if not name:
            continue
        path = (side_name, "features", position, "vocabulary")
        other_path, other = first.setdefault(name, (path, feature.vocabulary))
        for field in ("max_size", "min_frequency", "oov_buckets", "embedding_dim"):
            values = [_shown(vocabulary, field) for vocabulary in (feature.vocabulary, other)]
            if values[0] != values[1]:
                yield Finding(
                    (*path, field),
                    values[0],
                    f"{values[1]} as at {path_text((*other_path, field))}",
                    f"Both share the vocabulary {quote(name)}.",
                    relies_on=((*other_path, field),),
                )


def _shown(vocabulary: Vocabulary, field: str) -> str:
    """Returns a number of `vocabulary` for a message."""
    is_set = field == "oov_buckets" or vocabulary.HasField(field)
    return f"{getattr(vocabulary, field):,}" if is_set else "unset"


@feature_config_check
def check_vocabulary_names(config: FeatureConfig) -> Iterator[Finding]:
    """A shared vocabulary is not called like a column that has its own."""
    own = {
        feature.column: (side_name, "features", position, "vocabulary")
        for side_name, position, feature in features(config)
        if feature.HasField("vocabulary") and not feature.vocabulary.HasField("name")
    }
    for side_name, position, feature in features(config):
        name = feature.vocabulary.name
        if name in own and name:
            yield Finding(
                (side_name, "features", position, "vocabulary", "name"),
                f"{quote(name)}, which is also a column with a vocabulary of its own",
                "another name, or one vocabulary for both",
                f"To share it, write the same name at {path_text(own[name])}.",
                relies_on=(own[name],),
            )
