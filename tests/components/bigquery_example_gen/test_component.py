"""The component's spec."""

from __future__ import annotations

import pytest
from tfx.orchestration import data_types

from tfx_retrieval.components.bigquery_example_gen.component import BigQueryInteractionExampleGen
from tfx_retrieval.components.interaction_example_gen.table_spec import ColumnSpec, TableSpec
from tfx_retrieval.errors import InputError

SPEC = TableSpec(
    columns=(ColumnSpec("user", "categorical"), ColumnSpec("item", "categorical")),
    example_columns=("user", "item"),
    query_id="user",
    candidate_id="item",
    candidate_columns=("item",),
)


def test_holds_everything_that_decides_the_examples():
    component = BigQueryInteractionExampleGen(
        SPEC,
        query="SELECT * FROM shop.orders WHERE day = @day",
        query_parameters='{"day": "x"}',
        project="some-project",
        location="EU",
        maximum_bytes_billed=10,
        use_storage_api=False,
    )
    assert {key: channel.type_name for key, channel in component.outputs.items()} == {
        "examples": "Examples",
        "candidates": "Examples",
    }
    assert component.spec.exec_properties == {
        "table": None,
        "query": "SELECT * FROM shop.orders WHERE day = @day",
        "query_parameters": '{"day": "x"}',
        "project": "some-project",
        "location": "EU",
        "maximum_bytes_billed": 10,
        "use_storage_api": 0,
        "table_spec": SPEC.to_json(),
        "engine": "in_process",
    }


def test_takes_a_specs_json_and_runtime_parameters():
    def parameter(name, kind):
        return data_types.RuntimeParameter(name, kind)

    component = BigQueryInteractionExampleGen(
        SPEC.to_json(),
        table=parameter("table", str),
        maximum_bytes_billed=parameter("bytes", int),
    )
    assert component.spec.exec_properties["table_spec"] == SPEC.to_json()
    assert component.spec.exec_properties["table"].name == "table"
    with pytest.raises(InputError, match="either a table or a query, but got both"):
        BigQueryInteractionExampleGen(
            SPEC, table=parameter("table", str), query=parameter("query", str)
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either a table or a query, but got neither"),
        ({"table": "orders"}, "DATASET.TABLE"),
        ({"table": "a.b", "query_parameters": "["}, "no JSON"),
        ({"table": "a.b", "maximum_bytes_billed": 0}, "must be above 0, got 0"),
        ({"table": "a.b", "engine": "spark"}, "engine must be one of .*, got 'spark'"),
    ],
)
def test_refuses_what_is_wrong(options, message):
    with pytest.raises(ValueError, match=message):
        BigQueryInteractionExampleGen(SPEC, **options)


def test_refuses_a_wrong_table_spec():
    with pytest.raises(InputError):
        BigQueryInteractionExampleGen('{"columns": []}', table="a.b")
