"""Configs that look odd and are right."""

import json

import pytest
from support.rule_cases import AGE, SEEN, crosses, feature, features

from tfx_retrieval.config import parse_feature_config

ALLOWED = {
    "ids left out of the features": {
        "query": {"id": "user", "features": [AGE]},
        "candidate": {"id": "item", "features": [feature("price", "numeric")]},
    },
    "one column on both sides, other widths": features(
        [feature("city", vocabulary={"embedding_dim": 4})],
        [feature("city", vocabulary={"embedding_dim": 8})],
    ),
    "one column on both sides, other transforms": features(
        [AGE], [feature("age", "numeric", bucketize={})]
    ),
    "one cross on both sides": features(
        [AGE, SEEN], [AGE, SEEN], crosses(["age", "seen"]), crosses(["age", "seen"])
    ),
    "one column as weight and label": features(weight="stars", label="stars"),
    "a weight that is a feature": features([AGE], weight="age"),
    "the timestamp as a feature": features([SEEN], timestamp="seen"),
    "shared vocabulary": features(
        [feature("city", vocabulary={"name": "places"})],
        [feature("made_in", vocabulary={"name": "places"})],
    ),
    "a history without a timestamp, which the data of other pipelines may bring": features(
        [feature("earlier", "history")]
    ),
    "missing values": features(
        [
            feature("a", missing_value=3),
            feature("b", integer_id={"size": 3}, missing_value=0),
            feature("c", values={}, missing_value=["x", 1]),
            feature("d", "vector", vector={"dimension": 2}, missing_value=[1, 0.5]),
            feature("e", "history", missing_value=[]),
            feature("f", "temporal", normalize={}, missing_value="2011-12-09"),
            feature("g", "boolean", missing_value=True),
        ]
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name):
    parse_feature_config(json.dumps(ALLOWED[name]))
