"""Random raw rows for any FeatureConfig, some values missing."""

from __future__ import annotations

import random
from typing import Any

from tfx_retrieval.config.features import RawColumn, raw_columns
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig, FeatureType

_WORDS = ("red", "Blue", "grün", "two words", "a|b", "", "7", "x,y")


def _value(column: RawColumn, source: random.Random) -> Any:
    """A raw value of a column, or None for a missing one."""
    if source.random() < 0.2 and not {"query_id", "candidate_id"} & set(column.roles):
        return None
    feature = column.feature
    if column.type == FeatureType.numeric:
        return source.uniform(-5, 5)
    if column.type == FeatureType.temporal:
        return source.randrange(-(10**9), 2 * 10**9)
    if column.type == FeatureType.boolean:
        return source.randrange(2)
    if column.type == FeatureType.vector:
        return [source.uniform(-1, 1) for _ in range(feature.vector.dimension)]
    if column.type == FeatureType.history:
        return [str(source.randrange(6)) for _ in range(source.randrange(4))]
    own = feature is None or feature.column == column.name
    if column.type == FeatureType.categorical and own:
        if {"query_id", "candidate_id"} & set(column.roles):
            return str(source.randrange(6))
        is_multi_valued = feature is not None and feature.HasField("values")
        if is_multi_valued and not feature.values.HasField("separator"):
            return [source.choice(_WORDS[:4]) for _ in range(source.randrange(4))]
    return source.choice(_WORDS)


def _kind(column: RawColumn) -> type:
    kinds = {FeatureType.numeric: float, FeatureType.vector: float}
    whole = (FeatureType.temporal, FeatureType.boolean)
    return int if column.type in whole else kinds.get(column.type, str)


def columns_read(config: FeatureConfig) -> dict[str, RawColumn]:
    """Returns the columns that the Transform module reads: all but those of filters and titles."""
    read = {"candidate_id", "label", "weight"}
    return {
        name: column
        for name, column in raw_columns(config).items()
        if column.feature is not None or read & set(column.roles)
    }


def kinds(config: FeatureConfig) -> dict[str, type]:
    """Returns the type of each column that is read: str, int or float."""
    return {name: _kind(column) for name, column in columns_read(config).items()}


def random_rows(config: FeatureConfig, count: int, seed: int) -> list[dict[str, Any]]:
    """Returns raw rows; of columns with a missing value there is None."""
    source = random.Random(seed)
    columns = columns_read(config)
    return [
        {name: _value(column, source) for name, column in columns.items()} for _ in range(count)
    ]
