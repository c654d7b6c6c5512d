"""Rules within one feature."""

import pytest
from support.rule_cases import assert_all_rules_have_cases, assert_problem, feature, features, named

from tfx_retrieval.config import parse_feature_config
from tfx_retrieval.config.checks import feature_rules

CASES = [
    (
        "transform_fits_type",
        features([feature("age", "numeric", tokens={})]),
        "$.query.features[1].tokens",
        "tokens of a numeric feature",
        "only normalize, bucketize",
        "tokens is for the type text.",
    ),
    (
        "transform_fits_type",
        features([feature("on", "boolean", hash={"buckets": 2})]),
        "$.query.features[1].hash",
        "hash of a boolean feature",
        "no transform",
        "hash is for the type categorical.",
    ),
    (
        "one_index_of_a_categorical",
        features([feature("x", hash={"buckets": 2}, vocabulary={})]),
        "$.query.features[1]",
        "vocabulary and hash",
        "exactly one of vocabulary, integer_id, hash",
        "",
    ),
    (
        "temporal_has_a_transform",
        features([feature("seen", "temporal")]),
        "$.query.features[1]",
        "a temporal feature without a transform",
        "at least one of normalize, bucketize, cyclical",
        'For example "cyclical"',
    ),
    (
        "vector_has_a_dimension",
        features([feature("v", "vector")]),
        "$.query.features[1]",
        "a vector feature without its length",
        "the key vector",
        "",
    ),
    (
        "values_of_categorical_only",
        features([feature("age", "numeric", values={})]),
        "$.query.features[1].values",
        "values of a numeric feature",
        "values only at the type categorical",
        "",
    ),
    (
        "time_unit_of_temporal_only",
        features([feature("age", "numeric", time_unit="days")]),
        "$.query.features[1].time_unit",
        "a time unit of a numeric feature",
        "time_unit only at the type temporal",
        "",
    ),
    (
        "log_and_clip_of_numeric_only",
        features([feature("seen", "temporal", normalize={"log": True})]),
        "$.query.features[1].normalize.log",
        "log of a temporal feature",
        "log only at the type numeric",
        "",
    ),
    (
        "log_and_clip_of_numeric_only",
        features([feature("seen", "temporal", normalize={"clip_max": 1})]),
        "$.query.features[1].normalize.clip_max",
        "clip_max of a temporal feature",
        "clip_max only at the type numeric",
        "",
    ),
    (
        "clip_bounds",
        features([feature("age", "numeric", normalize={"clip_min": 5, "clip_max": 5})]),
        "$.query.features[1].normalize.clip_min",
        "5",
        "a number below clip_max, which is 5",
        "",
    ),
    (
        "cycles_distinct",
        features([feature("t", "temporal", cyclical={"cycles": ["day_of_week", "day_of_week"]})]),
        "$.query.features[1].cyclical.cycles[1]",
        "day_of_week a second time",
        "each cycle once",
        "",
    ),
]
MISSING_VALUE_CASES = [
    (feature("x", missing_value=True), "true", "a text or an integer"),
    (feature("x", missing_value=1.5), "1.5", "a text or an integer"),
    (feature("x", integer_id={"size": 3}, missing_value="a"), 'the text "a"', "an integer"),
    (feature("x", values={}, missing_value="a"), 'the text "a"', "a list of texts or integers"),
    (
        feature("x", values={}, integer_id={"size": 3}, missing_value=["a"]),
        "a list of 1",
        "a list of integers",
    ),
    (feature("x", "numeric", missing_value="a"), 'the text "a"', "a number"),
    (feature("x", "numeric", missing_value=True), "true", "a number"),
    (feature("x", "text", missing_value=1), "1", "a text"),
    (feature("x", "boolean", missing_value=1), "1", "true or false"),
    (
        feature("x", "temporal", normalize={}, missing_value="soon"),
        'the text "soon"',
        "an ISO 8601 date or time, or seconds since 1970,",
    ),
    (feature("x", "history", missing_value="a"), 'the text "a"', "a list of ids"),
    (
        feature("x", "vector", vector={"dimension": 2}, missing_value=[1]),
        "a list of 1",
        "a list of 2 numbers",
    ),
]
CASES += [
    (
        "missing_value_fits",
        features([with_value]),
        "$.query.features[1].missing_value",
        received,
        f"{expected} for a {with_value['type']} feature",
        "",
    )
    for with_value, received, expected in MISSING_VALUE_CASES
]


@pytest.mark.parametrize(
    ("check", "document", "where", "received", "expected", "remedy"), named(CASES)
)
def test_rule(check, document, where, received, expected, remedy):
    assert_problem(parse_feature_config, document, where, received, expected, remedy)


def test_every_rule_has_a_case():
    assert_all_rules_have_cases(feature_rules, CASES)
