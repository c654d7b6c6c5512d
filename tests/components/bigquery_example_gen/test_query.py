"""SQL and query parameters."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_retrieval.components.bigquery_example_gen.query import (
    QueryParameter,
    Source,
    export_sql,
    parse_parameters,
    select_sql,
)
from tfx_retrieval.errors import InputError


@pytest.mark.parametrize("table", ["some-project.shop.orders", "shop.orders$20260101"])
def test_a_table_is_quoted_and_read_by_column(table):
    assert select_sql(Source(table=table), ["user", "unit price"]) == (
        f"SELECT `user`, `unit price`\nFROM `{table}`"
    )


def test_a_query_stands_on_lines_of_its_own():
    text = "WITH a AS (SELECT 1 AS user)\nSELECT * FROM a -- all of it\n;\n "
    assert select_sql(Source(query=text), ["user"]) == (
        "SELECT `user`\nFROM (\nWITH a AS (SELECT 1 AS user)\nSELECT * FROM a -- all of it\n)"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Source(), "expected either a table or a query, but got neither"),
        (Source("a.b", "SELECT 1"), "but got both"),
        (Source("orders"), "PROJECT.DATASET.TABLE or DATASET.TABLE, but got 'orders'"),
        (Source("a.b`; DROP TABLE c"), "PROJECT.DATASET.TABLE"),
    ],
)
def test_wrong_sources(source, expected):
    with pytest.raises(InputError, match=expected):
        select_sql(source, ["user"])


@given(st.text(min_size=1))
def test_no_column_name_ends_its_quotes(name):
    try:
        sql = select_sql(Source(table="shop.orders"), [name])
    except InputError:
        sql = None
    if set("`\\\n") & set(name):
        assert sql is None
    if name.isidentifier():
        assert sql == f"SELECT `{name}`\nFROM `shop.orders`"


def test_an_export_goes_to_parquet_files():
    assert export_sql("SELECT 1", "gs://bucket/it's/") == (
        "EXPORT DATA OPTIONS (uri = 'gs://bucket/it\\'s/part-*.parquet', format = 'PARQUET', "
        "compression = 'SNAPPY', overwrite = true) AS\nSELECT 1"
    )


def test_parameters_take_the_types_of_their_values():
    text = json.dumps(
        {
            "shop": "de",
            "active": True,
            "count": 3,
            "rate": 0.5,
            "ids": ["a", "b"],
            "mixed": [1, 0.5],
            "since": {"type": "DATE", "value": "2026-01-01"},
            "nothing": {"type": "STRING", "value": None},
        }
    )
    assert parse_parameters(text) == (
        QueryParameter("active", "BOOL", True),
        QueryParameter("count", "INT64", 3),
        QueryParameter("ids", "STRING", ["a", "b"]),
        QueryParameter("mixed", "FLOAT64", [1, 0.5]),
        QueryParameter("nothing", "STRING", None),
        QueryParameter("rate", "FLOAT64", 0.5),
        QueryParameter("shop", "STRING", "de"),
        QueryParameter("since", "DATE", "2026-01-01"),
    )
    assert parse_parameters("") == ()


def test_all_wrong_parameters_are_reported():
    text = json.dumps(
        {
            "a-b": 1,
            "none": None,
            "empty": [],
            "mixed": ["a", 1],
            "odd": {"type": "DATE"},
            "kind": {"type": "STRUCT", "value": {}},
        }
    )
    with pytest.raises(InputError) as caught:
        parse_parameters(text)
    assert [problem.where.rpartition(" ")[2] for problem in caught.value.problems] == [
        "a-b",
        "empty",
        "kind.type",
        "mixed",
        "none",
        "odd",
    ]


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
def test_parameters_are_a_json_object(text):
    with pytest.raises(InputError, match="a JSON object"):
        parse_parameters(text)
