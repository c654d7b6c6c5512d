"""Writes the statements that read raw columns, with what stands in for missing values."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf import struct_pb2

from tfx_retrieval.components.config_codegen.source import (
    Call,
    Expression,
    assign,
    call,
    items,
    literal,
)
from tfx_retrieval.proto import feature_config_pb2

_Type = feature_config_pb2.FeatureType


class ColumnReader:
    """Reads each column into a variable, once, and remembers the helpers that reading calls."""

    def __init__(self, variables: Mapping[str, str], helpers: set[str]):
        """Keeps the arguments.

        Args:
            variables: Local variable of each column.
            helpers: Gets the names of the helpers that are called.
        """
        self._variables = variables
        self._helpers = helpers
        self._loaded: set[str] = set()

    def load(self, feature: feature_config_pb2.Feature) -> list[str]:
        """Returns the statement that reads a column into its variable, once."""
        if feature.column in self._loaded or feature.type == _Type.boolean:
            return []
        self._loaded.add(feature.column)
        column = raw(feature.column)
        if feature.type == _Type.categorical and feature.HasField("values"):
            arguments: dict[str, Expression] = {"max_values": str(feature.values.max_values)}
            if feature.values.HasField("separator"):
                arguments["separator"] = literal(feature.values.separator)
                value = self._helper("_split_values", column, **arguments)
            else:
                value = self._helper("_list_values", column, **arguments)
            missing = missing_texts(feature)[: feature.values.max_values]
            if missing:
                value = self._helper("_filled", value, items(missing))
        else:
            reader = {_Type.numeric: "_floats", _Type.temporal: "_seconds"}.get(
                feature.type, "_strings"
            )
            value = self._helper(reader, column, *missing_argument(feature))
        return [assign(self._variables[feature.column], value)]

    def _helper(self, name: str, *arguments: Expression, **keywords: Expression) -> Call:
        self._helpers.add(name)
        return call(name, *arguments, **keywords)


def raw(column: str) -> str:
    """Returns the source of a raw column."""
    return f"inputs[{literal(column)}]"


def missing_argument(feature: feature_config_pb2.Feature) -> list[Expression]:
    """Returns the argument that stands in for a missing value, if the config names one."""
    if not feature.HasField("missing_value"):
        return []
    value = feature.missing_value
    if feature.type == _Type.categorical:
        return [_text_literal(value)]
    if feature.type == _Type.vector:
        numbers = [literal(float(entry.number_value)) for entry in value.list_value.values]
        return [items(numbers)]
    if value.HasField("string_value"):
        return [literal(value.string_value)]
    if feature.type == _Type.temporal:
        return [literal(int(value.number_value))]
    return [literal(float(value.number_value))]


def missing_texts(feature: feature_config_pb2.Feature) -> list[Expression]:
    """Returns the texts that stand in for a missing list, if the config names any."""
    return [_text_literal(value) for value in feature.missing_value.list_value.values]


def _text_literal(value: struct_pb2.Value) -> str:
    """Returns a text or an integer as the text that categories are looked up by."""
    if value.HasField("string_value"):
        return literal(value.string_value)
    return literal(str(int(value.number_value)))
