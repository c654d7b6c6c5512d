"""Names in generated code: transformed features, vocabularies and Python identifiers."""

from __future__ import annotations

import keyword
import re
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from tfx_retrieval.proto import feature_config_pb2

_Key = TypeVar("_Key", bound=Hashable)

RAW_SUFFIX = "_raw"
"""Ends the name of the candidate id that passes through Transform as it is."""

COUNTS_SUFFIX = "_counts"
"""Ends the name of the vocabulary that keeps how often each candidate id was met."""

SCALED_SUFFIX = "_scaled"
CALENDAR_SUFFIX = "_calendar"
TOKENS_SUFFIX = "_tokens"
VOCABULARY_SUFFIX = "_vocabulary"

# Ends of the local variables that generated code derives from a column's. None of them ends in
# another, and no column's variable ends in one, so that all are distinct.
_DERIVED_SUFFIXES = (
    SCALED_SUFFIX,
    CALENDAR_SUFFIX,
    TOKENS_SUFFIX,
    VOCABULARY_SUFFIX,
)

# What generated functions call otherwise where they have a variable for a column.
_RESERVED = frozenset(
    {
        *("inputs", "outputs", "features", "training", "self", "x", "crossed"),
        *("json", "math", "mean_embedding", "np", "os", "tempfile", "tf", "tfrs", "tft"),
    }
)


def norm(column: str) -> str:
    """Returns the name of the scaled feature of `column`."""
    return f"{column}_norm"


def bucket(column: str) -> str:
    """Returns the name of the bucket feature of `column`."""
    return f"{column}_bucket"


def tokens(column: str) -> str:
    """Returns the name of the token feature of `column`."""
    return f"{column}_tokens"


def cycle(column: str, cycle_name: str) -> str:
    """Returns what the sine and cosine features of `column` for a cycle begin with."""
    return f"{column}_{cycle_name}"


def cyclical(column: str, cycle_name: str) -> tuple[str, str]:
    """Returns the names of the sine and cosine features of `column` for a cycle."""
    prefix = cycle(column, cycle_name)
    return f"{prefix}_sin", f"{prefix}_cos"


def cross(columns: Iterable[str]) -> str:
    """Returns the name of the cross of `columns`."""
    return "_x_".join(columns) + "_cross"


def label(column: str) -> str:
    """Returns the name of the label feature of `column`."""
    return f"{column}_label"


def weight(column: str) -> str:
    """Returns the name of the weight feature of `column`."""
    return f"{column}_weight"


def raw(column: str) -> str:
    """Returns the name under which the raw candidate id of `column` passes through."""
    return column + RAW_SUFFIX


def identifiers(names: Iterable[str]) -> Mapping[str, str]:
    """Maps any text to distinct Python identifiers in snake case.

    `CustomerID` becomes `customer_id`; a name without a letter that Python allows becomes
    `feature`; a second name that would become the same gets a number.

    Args:
        names: Column names, in the order in which the identifiers are given out.

    Returns:
        The identifier of each name.
    """
    return _distinct((name, _snake_case(name)) for name in names)


def variables(columns: Iterable[str]) -> Mapping[str, str]:
    """Maps columns to distinct local variables of generated functions.

    They are `identifiers`, with `_column` behind what those functions call something else.

    Args:
        columns: Column names, in the order in which the variables are given out.
    """
    return _distinct((column, _variable(column)) for column in columns)


def table_names(config: feature_config_pb2.FeatureConfig) -> Mapping[tuple[str, str], str]:
    """Maps each embedding table to the Python name of its layer.

    The keys are `("vocabulary", file)`, `("column", column)` for an index without a vocabulary,
    `("bucket", column)` and `("cross", feature)`.

    Args:
        config: A resolved FeatureConfig.
    """
    keys = [("vocabulary", file) for file in vocabulary_names(config).values()]
    for side in (config.query, config.candidate):
        for feature in side.features:
            if feature.HasField("integer_id") or feature.HasField("hash"):
                keys.append(("column", feature.column))
            if feature.HasField("bucketize"):
                keys.append(("bucket", feature.column))
        keys += [("cross", cross(member.columns)) for member in side.crosses]
    texts = ((kind, name, bucket(name) if kind == "bucket" else name) for kind, name in keys)
    names = _distinct(((kind, name), _snake_case(text)) for kind, name, text in texts)
    return {key: f"{name}_embedding" for key, name in names.items()}


def vocabulary_names(config: feature_config_pb2.FeatureConfig) -> Mapping[str, str]:
    """Maps each column with a vocabulary to the file name of its vocabulary.

    Columns that share a vocabulary by name map to one file. Names are safe in any file system.

    Args:
        config: A resolved FeatureConfig.
    """
    columns: dict[str, str] = {}
    for side in (config.query, config.candidate):
        for feature in side.features:
            if feature.HasField("vocabulary"):
                columns[feature.column] = feature.vocabulary.name or feature.column
            elif feature.HasField("tokens"):
                columns[feature.column] = tokens(feature.column)
    # The loss needs an index of the candidate id even where no tower reads it.
    if all(f.column != config.candidate.id for f in config.candidate.features):
        columns.setdefault(config.candidate.id, config.candidate.id)
    files = identifiers(columns.values())
    return {column: files[name] for column, name in columns.items()}


def _distinct(bases: Iterable[tuple[_Key, str]]) -> dict[_Key, str]:
    """Maps each key to the identifier beside it, numbered where it is taken."""
    taken: set[str] = set()
    chosen: dict[_Key, str] = {}
    for key, base in bases:
        if key in chosen:
            continue
        candidate, number = base, 2
        while candidate in taken:
            candidate, number = f"{base}_{number}", number + 1
        taken.add(candidate)
        chosen[key] = candidate
    return chosen


def _variable(column: str) -> str:
    name = _snake_case(column)
    return f"{name}_column" if name in _RESERVED or name.endswith(_DERIVED_SUFFIXES) else name


def _snake_case(name: str) -> str:
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3_\2\4", name[:60])
    text = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    if not text or not re.match(r"[a-z]", text):
        text = f"feature_{text}".rstrip("_")
    return f"{text}_" if keyword.iskeyword(text) or keyword.issoftkeyword(text) else text


def counts_file(config: feature_config_pb2.FeatureConfig) -> str:
    """Returns the name of the vocabulary file with the candidates' frequencies."""
    taken = set(vocabulary_names(config).values())
    name = _snake_case(config.candidate.id) + COUNTS_SUFFIX
    while name in taken:
        name += "_"
    return name
