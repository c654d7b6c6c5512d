"""Rules of the interaction's columns."""

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
from tfx_retrieval.config.checks import interaction_rules

CASES = [
    (
        "interaction_columns",
        features(timestamp="item"),
        "$.interaction.timestamp",
        'the column "item", which is also $.candidate.id',
        "a column of its own",
        "",
    ),
    (
        "interaction_columns",
        features(timestamp="t", label="t"),
        "$.interaction.label",
        'the column "t", which is also $.interaction.timestamp',
        "a column of its own",
        "",
    ),
    (
        "timestamp_feature",
        features([feature("seen")], timestamp="seen"),
        "$.query.features[1].type",
        'categorical for the timestamp column "seen"',
        "temporal",
        "",
    ),
    (
        "timestamp_feature",
        features([SEEN], timestamp="seen", time_unit="days"),
        "$.query.features[1].time_unit",
        "seconds",
        "days, as at $.interaction.time_unit",
        'Both read the column "seen".',
    ),
    (
        "label_is_no_feature",
        features([AGE], label="age"),
        "$.query.features[1].column",
        'the label column "age"',
        "a column that is known before the interaction",
        "Leave the feature out",
    ),
    (
        "weight_is_a_number",
        features([feature("age")], weight="age"),
        "$.query.features[1].type",
        'categorical for the weight column "age"',
        "numeric or boolean",
        "",
    ),
    (
        "history_has_a_name_of_its_own",
        features([feature("earlier", "history")], [], {"title": "earlier"}),
        "$.query.features[1].column",
        'the history "earlier", named at $.query.title as well',
        "a name that no column of the data has",
        "The history is made from the interactions",
    ),
    (
        "history_has_a_name_of_its_own",
        features([feature("earlier", "history")], filters=[{"column": "earlier", "present": True}]),
        "$.query.features[1].column",
        'the history "earlier", named at $.interaction.filters[0].column as well',
        "a name that no column of the data has",
        "",
    ),
    (
        "titles_are_words",
        features([feature("v", "vector", vector={"dimension": 2})], [], {}, {"title": "v"}),
        "$.candidate.title",
        'the column "v", which holds vectors',
        "a column with names or descriptions",
        "",
    ),
]


@pytest.mark.parametrize(
    ("check", "document", "where", "received", "expected", "remedy"), named(CASES)
)
def test_rule(check, document, where, received, expected, remedy):
    assert_problem(parse_feature_config, document, where, received, expected, remedy)


def test_every_rule_has_a_case():
    assert_all_rules_have_cases(interaction_rules, CASES)
