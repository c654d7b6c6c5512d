"""Filters against pandas, and how rows left out are counted."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfx_retrieval.components.interaction_example_gen import load
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ColumnSpec,
    FilterSpec,
    TableSpec,
)

COLUMNS = (
    ColumnSpec("user", "categorical"),
    ColumnSpec("item", "categorical"),
    ColumnSpec("code", "categorical"),
    ColumnSpec("amount", "numeric"),
    ColumnSpec("when", "temporal"),
    ColumnSpec("gift", "boolean"),
    ColumnSpec("note", "text"),
    ColumnSpec("tags", "categorical", multiple=True, separator="|"),
)


def spec(*filters):
    names = tuple(column.name for column in COLUMNS)
    return TableSpec(COLUMNS, names, "user", "item", ("item",), filters=filters)


@pytest.fixture(params=["csv", "parquet"])
def path(request, tmp_path):
    frame = FRAME.copy()
    target = tmp_path / f"t.{request.param}"
    if request.param == "csv":
        frame.to_csv(target, index=False)
    else:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), target)
    return target


FRAME = pd.DataFrame(
    {
        "user": np.arange(8),
        "item": np.arange(8) + 100,
        "code": [5.0, 7.0, 7.0, None, 12.0, 50.0, 5.0, 71.0],
        "amount": [1.0, 0.5, None, 3.0, -2.0, 10.0, 1.0, 0.0],
        "when": ["2020-01-01", "2020-01-02", None, *["2020-01-03"] * 5],
        "gift": [True, False, None, True, True, False, False, True],
        "note": ["C1", "x", None, "CC", "c", "", "xC", "y"],
        "tags": ["a|b", None, "a", "b", None, "c", "c", "c"],
    }
)
SECOND = 1_577_923_200  # 2020-01-02


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (FilterSpec("amount", minimum=1.0), [0, 3, 5, 6]),
        (FilterSpec("amount", maximum=1.0), [0, 1, 4, 6, 7]),
        (FilterSpec("amount", minimum=0.0, maximum=3.0), [0, 1, 3, 6, 7]),
        (FilterSpec("amount", one_of=("1", "0.50")), [0, 1, 6]),
        (FilterSpec("amount", none_of=("1",)), [1, 2, 3, 4, 5, 7]),
        (FilterSpec("amount", present=True), [0, 1, 3, 4, 5, 6, 7]),
        (FilterSpec("amount", present=False), [2]),
        (FilterSpec("code", one_of=("7", "12.0")), [1, 2, 4]),
        (FilterSpec("code", none_of=("5",)), [1, 2, 3, 4, 5, 7]),
        (FilterSpec("code", minimum=10.0), [4, 5, 7]),
        (FilterSpec("code", not_prefix="5"), [1, 2, 3, 4, 7]),
        (FilterSpec("when", minimum=float(SECOND)), [1, 3, 4, 5, 6, 7]),
        (FilterSpec("when", present=False), [2]),
        (FilterSpec("gift", one_of=("1",)), [0, 3, 4, 7]),
        (FilterSpec("gift", minimum=1.0), [0, 3, 4, 7]),
        (FilterSpec("note", not_prefix="C"), [1, 2, 4, 5, 6, 7]),
        (FilterSpec("note", one_of=("x", "y")), [1, 7]),
        (FilterSpec("note", present=True), [0, 1, 3, 4, 6, 7]),
        (FilterSpec("tags", present=True), [0, 2, 3, 5, 6, 7]),
        (FilterSpec("note", one_of=("a.b", "x")), [1]),
    ],
)
def test_a_rule_keeps_what_it_says(path, rule, kept):
    assert load.load_interactions(path, spec(rule))["user"].to_pylist() == kept


def test_integer_ids_of_parquet_files(tmp_path):
    table = pa.table({"user": [1, 2, 12], "item": [1, 2, 3]})
    pq.write_table(table, tmp_path / "t.parquet")
    for rule, kept in (
        (FilterSpec("user", one_of=("2", "12.0", "x")), [2, 12]),
        (FilterSpec("user", none_of=("2",)), [1, 12]),
        (FilterSpec("user", not_prefix="1"), [2]),
        (FilterSpec("user", minimum=2.0), [2, 12]),
    ):
        rules = TableSpec(COLUMNS[:2], ("user", "item"), "user", "item", ("item",), filters=(rule,))
        assert load.load_interactions(tmp_path, rules)["user"].to_pylist() == kept


def test_a_row_counts_for_the_first_rule_that_it_fails(path, caplog):
    caplog.set_level("INFO", "tfx_retrieval.interaction_example_gen")
    rules = spec(
        FilterSpec("amount", minimum=1.0),
        FilterSpec("note", present=True, none_of=("a", "b", "c", "d", "e", "f")),
        FilterSpec("code", one_of=("5",)),
    )
    loaded = load.load(path, rules)
    assert loaded.left_out == {
        "no user": 0,
        "no item": 0,
        "amount below 1": 4,
        "note missing": 1,
        "note one of a, b, c, d, e and 1 more": 0,
        "code not one of 5": 1,
    }
    assert loaded.table.num_rows == loaded.rows_read - sum(loaded.left_out.values()) == 2
    assert caplog.messages == [
        "read 8 rows; left out 4 with amount below 1, 1 with note missing, 1 with code not one of 5"
    ]


def test_filter_columns_are_not_kept(path):
    keep = TableSpec(
        COLUMNS, ("user", "item"), "user", "item", ("item",), filters=(FilterSpec("note", True),)
    )
    assert load.load_interactions(path, keep).column_names == ["user", "item"]
