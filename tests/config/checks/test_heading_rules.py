"""Rules of headings."""

import json

import pytest
from support.rule_cases import (
    AGE,
    assert_all_rules_have_cases,
    assert_problem,
    feature,
    features,
    named,
)

from tfx_retrieval.config import parse_feature_config
from tfx_retrieval.config.checks import heading_rules
from tfx_retrieval.config.features import raw_columns
from tfx_retrieval.errors import InputError


def headed(headings, *query, **interaction):
    return {"headings": headings, **features(query, **interaction)}


CASES = [
    (
        "headings_used",
        headed({"usr": "User ID"}),
        "$.headings.usr",
        'a heading of "usr", which nothing in this config uses',
        'one of the columns in use, "user", "item"',
        'Did you mean "user"?',
    ),
    (
        "headings_used",
        headed({"earlier": "Earlier"}, feature("earlier", "history")),
        "$.headings.earlier",
        'a heading of the history "earlier", which is made from the interactions',
        'one of the columns in use, "user", "item"',
        "",
    ),
    (
        "headings_distinct",
        headed({"age": "Age", "user": "Age"}, AGE),
        "$.headings.user",
        '"Age", from which "age" is read as well',
        "a heading of its own",
        'Use the name "age" in both places.',
    ),
    (
        "headings_distinct",
        headed({"age": "user"}, AGE),
        "$.headings.age",
        '"user", from which "user" is read as well',
        "a heading of its own",
        'Use the name "user" in both places.',
    ),
]


@pytest.mark.parametrize(
    ("check", "document", "where", "received", "expected", "remedy"), named(CASES)
)
def test_rule(check, document, where, received, expected, remedy):
    assert_problem(parse_feature_config, document, where, received, expected, remedy)


def test_every_rule_has_a_case():
    assert_all_rules_have_cases(heading_rules, CASES)


def test_columns_of_every_role_can_have_headings():
    """Names of one another, too: what counts is from where each is read."""
    headings = {"user": "item", "item": "user", "when": "The time", "paid": "Paid?", "b": "b"}
    document = headed(headings, timestamp="when", filters=[{"column": "paid", "present": True}])
    document["query"]["title"] = "b"
    columns = raw_columns(parse_feature_config(json.dumps(document)))
    assert {name: column.heading for name, column in columns.items()} == headings


def test_a_heading_is_not_blamed_for_a_column_that_cannot_be_read():
    document = headed({"age": "Age"}, {**AGE, "column": 5})
    with pytest.raises(InputError) as caught:
        parse_feature_config(json.dumps(document), "c.json")
    assert [problem.where for problem in caught.value.problems] == [
        "c.json: $.query.features[1].column"
    ]
