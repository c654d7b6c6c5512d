"""Rules of filters."""

import pytest
from support.rule_cases import (
    AGE,
    SEEN,
    assert_all_rules_have_cases,
    assert_problem,
    feature,
    features,
    named,
)

from tfx_retrieval.config import parse_feature_config
from tfx_retrieval.config.checks import filter_rules

CASES = [
    (
        "filter_has_a_condition",
        features(filters=[{"column": "a"}]),
        "$.interaction.filters[0]",
        "a filter without a condition",
        "at least one of present, min, max, one_of, none_of, not_prefix",
        "",
    ),
    (
        "filter_bounds",
        features(filters=[{"column": "a", "min": 2, "max": 1}]),
        "$.interaction.filters[0].min",
        "2",
        "at most max, which is 1",
        "",
    ),
    (
        "filter_can_be_met",
        features(filters=[{"column": "a", "present": False, "min": 2}]),
        "$.interaction.filters[0].present",
        "false beside min",
        "false alone",
        "",
    ),
    (
        "filter_can_be_met",
        features(filters=[{"column": "a", "one_of": ["x", "y"], "none_of": ["y"]}]),
        "$.interaction.filters[0].one_of[1]",
        '"y", which is in none_of as well',
        "a value in one of the two lists",
        "",
    ),
    (
        "filter_fits_its_column",
        features([feature("tags", values={})], filters=[{"column": "tags", "one_of": ["x"]}]),
        "$.interaction.filters[0].one_of",
        'one_of for the column "tags", which is several values a row',
        "present alone",
        "",
    ),
    (
        "filter_fits_its_column",
        features(
            [feature("v", "vector", vector={"dimension": 2})], filters=[{"column": "v", "min": 0}]
        ),
        "$.interaction.filters[0].min",
        'min for the column "v"',
        "present alone",
        "",
    ),
    (
        "filter_fits_its_column",
        features([AGE], filters=[{"column": "age", "not_prefix": "C"}]),
        "$.interaction.filters[0].not_prefix",
        'not_prefix for the column "age", which is numeric',
        "a prefix for a column of texts only",
        "",
    ),
    (
        "filter_fits_its_column",
        features([feature("bio", "text")], filters=[{"column": "bio", "max": 1}]),
        "$.interaction.filters[0].max",
        'max for the column "bio", which is text',
        "bounds for numbers, times and codes only",
        "",
    ),
    (
        "filter_fits_its_column",
        features([AGE], filters=[{"column": "age", "none_of": ["1", "old"]}]),
        "$.interaction.filters[0].none_of[1]",
        'none_of for the column "age"',
        "a number, written as text",
        "",
    ),
    (
        "filter_fits_its_column",
        features([feature("on", "boolean")], filters=[{"column": "on", "one_of": ["yes"]}]),
        "$.interaction.filters[0].one_of[0]",
        'one_of for the column "on"',
        "0 or 1",
        "",
    ),
    (
        "filter_fits_its_column",
        features([SEEN], filters=[{"column": "seen", "one_of": ["2011-12-09"]}]),
        "$.interaction.filters[0].one_of[0]",
        'one_of for the column "seen", which is temporal',
        "min or max, in seconds",
        "",
    ),
]


@pytest.mark.parametrize(
    ("check", "document", "where", "received", "expected", "remedy"), named(CASES)
)
def test_rule(check, document, where, received, expected, remedy):
    assert_problem(parse_feature_config, document, where, received, expected, remedy)


def test_every_rule_has_a_case():
    assert_all_rules_have_cases(filter_rules, CASES)
