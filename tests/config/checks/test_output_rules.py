"""Names of transformed features."""

import pytest
from support.rule_cases import (
    AGE,
    assert_all_rules_have_cases,
    assert_problem,
    crosses,
    feature,
    features,
    named,
)

from tfx_retrieval.config import parse_feature_config
from tfx_retrieval.config.checks import output_rules

CASES = [
    (
        "output_names_differ",
        features([AGE, feature("age_norm")]),
        "$.query.features[2].vocabulary",
        'something that becomes the transformed feature "age_norm"',
        "another name than what $.query.features[1].normalize becomes",
        "Rename one of the columns",
    ),
    (
        "output_names_differ",
        features([AGE], [feature("user_x_age_cross")], crosses(["user", "age"])),
        "$.query.crosses[0]",
        'something that becomes the transformed feature "user_x_age_cross"',
        "another name than what $.candidate.features[1].vocabulary becomes",
        "",
    ),
    (
        "output_names_differ",
        features(
            [feature("a"), feature("a_x_b"), feature("b_x_c"), feature("c")],
            [],
            crosses(["a_x_b", "c"], ["a", "b_x_c"]),
        ),
        "$.query.crosses[1]",
        'something that becomes the transformed feature "a_x_b_x_c_cross"',
        "another name than what $.query.crosses[0] becomes",
        "",
    ),
    (
        "output_names_differ",
        features([feature("item_raw")]),
        "$.candidate.id",
        'something that becomes the transformed feature "item_raw"',
        "another name than what $.query.features[1].vocabulary becomes",
        "",
    ),
    (
        "output_names_differ",
        features([feature("rating_label")], label="rating"),
        "$.interaction.label",
        'something that becomes the transformed feature "rating_label"',
        "another name",
        "",
    ),
    (
        "output_names_differ",
        features(
            [
                feature("t", "temporal", cyclical={"cycles": ["day_of_week"]}),
                feature("t_day_of_week_sin", "boolean"),
            ]
        ),
        "$.query.features[2]",
        'the transformed feature "t_day_of_week_sin"',
        "another name than what $.query.features[1].cyclical becomes",
        "",
    ),
]


@pytest.mark.parametrize(
    ("check", "document", "where", "received", "expected", "remedy"), named(CASES)
)
def test_rule(check, document, where, received, expected, remedy):
    assert_problem(parse_feature_config, document, where, received, expected, remedy)


def test_every_rule_has_a_case():
    assert_all_rules_have_cases(output_rules, CASES)
