"""Checks of raw queries."""

import json
import math

import pytest

from tfx_retrieval import config
from tfx_retrieval.cli import queries, recommending
from tfx_retrieval.errors import InputError

FEATURES = [
    {"column": "country", "type": "categorical"},
    {"column": "tags", "type": "categorical", "values": {}},
    {"column": "codes", "type": "categorical", "values": {"separator": "|"}},
    {"column": "age", "type": "numeric", "normalize": {}},
    {"column": "at", "type": "temporal", "normalize": {}},
    {"column": "words", "type": "text"},
    {"column": "member", "type": "boolean"},
    {"column": "taste", "type": "vector", "vector": {"dimension": 2}},
    {"column": "met", "type": "history", "history": {"max_length": 2}},
]
CONFIG = config.parse_feature_config(
    json.dumps(
        {
            "version": 1,
            "query": {"id": "user", "features": FEATURES},
            "candidate": {
                "id": "item",
                "features": [{"column": "item", "type": "categorical"}],
            },
            "interaction": {"timestamp": "at"},
        }
    )
)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("user", "17850", "17850"),
        ("user", 17850.0, 17850),
        ("user", None, None),
        ("country", 5, 5),
        ("tags", ["a", 2.0], ["a", 2]),
        ("tags", "a", ["a"]),
        ("codes", "a| b ||c", ["a", "b", "c"]),
        ("codes", ["a|b"], ["a|b"]),
        ("age", 3.5, 3.5),
        ("age", True, 1),
        ("at", "1970-01-01T01:00:00+01:00", 0),
        ("at", "1970-01-02", 86_400),
        ("at", "1969-12-31T23:59:59.500Z", -1),
        ("at", 12.9, 12),
        ("words", 7, "7"),
        ("member", True, 1),
        ("member", 0.0, 0),
        ("taste", [1, 2.5], [1, 2.5]),
        ("met", [], []),
    ],
)
def test_values_in_the_type_of_their_column(column, value, expected) -> None:
    prepared = queries.prepare({column: value}, CONFIG)[column]
    assert prepared == expected
    assert type(prepared) is type(expected)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        *(
            ("user", value, "text or a whole number")
            for value in (1.5, True, [1], {}, 2**63, math.nan)
        ),
        ("tags", {"a": 1}, "a list, each value text or a whole number"),
        ("tags", ["a", None], "a list, each value text or a whole number"),
        ("age", "old", "a number"),
        ("age", math.inf, "a finite number"),
        ("age", math.nan, "a finite number"),
        ("age", 10**400, "a number"),
        ("at", "yesterday", "a time in ISO 8601"),
        ("at", math.nan, "a time in ISO 8601"),
        ("at", 2**70, "a time in ISO 8601"),
        ("words", ["a"], "text"),
        ("member", "yes", "true or false"),
        ("member", 2, "true or false"),
        ("taste", [1.0], "a list of 2 numbers"),
        ("taste", [1.0, "x"], "a list of 2 numbers"),
        ("taste", "1 2", "a list of 2 numbers"),
        ("met", [[1]], "a list, each value text or a whole number"),
    ],
)
def test_impossible_values(column, value, expected) -> None:
    with pytest.raises(InputError) as caught:
        queries.prepare({column: value}, CONFIG, "query 3")
    (problem,) = caught.value.problems
    assert problem.where == f"query 3: column {column!r}"
    assert problem.expected.startswith(expected)


def test_a_query_has_the_names_of_the_config() -> None:
    headed = config.parse_feature_config(
        config.canonical_json(CONFIG)[:-1] + ',"headings":{"user":"Kunde","age":"Age (years)"}}'
    )
    assert queries.prepare({"user": "u1", "age": 3}, headed) == {"user": "u1", "age": 3}
    with pytest.raises(InputError) as caught:
        queries.prepare({"Kunde": "u1"}, headed)
    (problem,) = caught.value.problems
    assert problem.remedy == 'Did you mean "user"?'


def test_all_problems_of_a_query_come_together() -> None:
    with pytest.raises(InputError) as caught:
        recommending.check_query({"usr": 1, "age": "old"}, CONFIG, exclude_seen=True)
    first, second, third = caught.value.problems
    assert first.remedy == 'Did you mean "user"?'
    assert second.received == '"old"'
    assert third.received == "no 'user'"
