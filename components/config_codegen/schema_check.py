"""Checks the columns of a FeatureConfig against the Schema of the examples."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_retrieval.errors import Problem
from tfx_retrieval.proto import feature_config_pb2

_Type = feature_config_pb2.FeatureType

_FITTING_TYPES = {
    _Type.categorical: (schema_pb2.BYTES, schema_pb2.INT),
    _Type.numeric: (schema_pb2.FLOAT, schema_pb2.INT),
    _Type.temporal: (schema_pb2.INT,),
    _Type.text: (schema_pb2.BYTES,),
    _Type.boolean: (schema_pb2.INT,),
    _Type.vector: (schema_pb2.FLOAT,),
    _Type.history: (schema_pb2.BYTES, schema_pb2.INT),
}


def find_problems(
    config: feature_config_pb2.FeatureConfig, schema: schema_pb2.Schema
) -> list[Problem]:
    """Lists each column that the schema lacks or holds in a type that cannot be transformed.

    Args:
        config: A resolved FeatureConfig.
        schema: Schema of the raw examples.
    """
    found = {feature.name: feature.type for feature in schema.feature}
    problems = []
    for where, column, kind in _columns(config):
        fitting = _FITTING_TYPES[kind]
        if column not in found:
            close = difflib.get_close_matches(column, found, n=1)
            remedy = f"Did you mean {close[0]!r}?" if close else ""
            received = f"{column!r}, which the examples do not have"
            expected = f"one of the columns {', '.join(sorted(found))}"
            problems.append(Problem(f"FeatureConfig: {where}", received, expected, remedy))
        elif found[column] not in fitting:
            kind_name = _Type.Value.Name(kind)
            type_name = schema_pb2.FeatureType.Name(found[column])
            names = " or ".join(schema_pb2.FeatureType.Name(t) for t in fitting)
            received = f"{column!r} of type {type_name}"
            expected = f"{names} for a {kind_name} column"
            problems.append(Problem(f"FeatureConfig: {where}", received, expected))
    return problems


def _columns(config: feature_config_pb2.FeatureConfig) -> Iterator[tuple[str, str, int]]:
    """Yields the path, the name and the type of each column that the modules read."""
    for path, side in (("query", config.query), ("candidate", config.candidate)):
        for number, feature in enumerate(side.features):
            yield f"$.{path}.features[{number}].column", feature.column, feature.type
    if all(feature.column != config.candidate.id for feature in config.candidate.features):
        yield "$.candidate.id", config.candidate.id, _Type.categorical
    for name in ("label", "weight"):
        column = getattr(config.interaction, name)
        if column:
            yield f"$.interaction.{name}", column, _Type.numeric
