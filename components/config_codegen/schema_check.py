"""Checks the columns of a FeatureConfig against the Schema of the examples."""

from __future__ import annotations

import difflib

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
    for path, side in (("query", config.query), ("candidate", config.candidate)):
        for number, feature in enumerate(side.features):
            where = f"FeatureConfig: $.query.features[{number}].column".replace("query", path)
            fitting = _FITTING_TYPES[feature.type]
            if feature.column not in found:
                close = difflib.get_close_matches(feature.column, found, n=1)
                remedy = f"Did you mean {close[0]!r}?" if close else ""
                received = f"{feature.column!r}, which the examples do not have"
                expected = f"one of the columns {', '.join(sorted(found))}"
                problems.append(Problem(where, received, expected, remedy))
            elif found[feature.column] not in fitting:
                kind = _Type.Value.Name(feature.type)
                type_name = schema_pb2.FeatureType.Name(found[feature.column])
                names = " or ".join(schema_pb2.FeatureType.Name(t) for t in fitting)
                received = f"{feature.column!r} of type {type_name}"
                problems.append(Problem(where, received, f"{names} for a {kind} feature"))
    return problems
