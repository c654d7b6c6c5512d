"""The row that speaks for each candidate."""

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_retrieval.components.interaction_example_gen import candidates
from tfx_retrieval.components.interaction_example_gen.keys import make_keys
from tfx_retrieval.components.interaction_example_gen.table_spec import ColumnSpec, TableSpec

COLUMNS = (
    ColumnSpec("user", "categorical"),
    ColumnSpec("item", "categorical"),
    ColumnSpec("time", "temporal"),
    ColumnSpec("name", "text"),
)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 4), st.none() | st.integers(0, 3), st.sampled_from("abc"), st.integers(0, 2)
    ),
    min_size=1,
    max_size=30,
)


def find(rows, timestamp="time"):
    frame = pd.DataFrame(rows, columns=["item", "time", "name", "split"])
    table = pa.table(
        {
            "user": pa.array([1] * len(rows)),
            "item": pa.array(frame["item"]),
            "time": pa.array([row[1] for row in rows], pa.int64()),
            "name": pa.array(frame["name"]),
        }
    )
    spec = TableSpec(
        COLUMNS, ("user", "item"), "user", "item", ("item", "name"), timestamp=timestamp
    )
    bits = (1 << frame["split"].to_numpy()).astype(np.uint8)
    return frame, candidates.find_candidates(table, make_keys(table, spec), ("item", "name"), bits)


@settings(max_examples=50)
@given(ROWS)
def test_the_latest_row_wins(rows):
    frame, found = find(rows)
    chosen = frame.iloc[found.rows]
    assert sorted(chosen["item"]) == sorted(set(frame["item"]))
    for place, (item, time, _, _) in enumerate(chosen.itertuples(index=False)):
        group = frame[frame["item"] == item]
        assert found.differs[place] == (group["name"].nunique() > 1)
        assert found.splits[place] == sum({1 << split for split in group["split"]})
        latest = group["time"].max()
        assert time == latest or (pd.isna(time) and pd.isna(latest))


@settings(max_examples=50)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, shuffle):
    def content(rows):
        frame, found = find(rows)
        return sorted(frame.iloc[found.rows][["item", "name"]].itertuples(index=False, name=None))

    shuffled = list(rows)
    shuffle.shuffle(shuffled)
    assert content(rows) == content(shuffled)


@settings(max_examples=50)
@given(ROWS)
def test_without_a_timestamp_the_last_row_of_the_table_wins(rows):
    frame, found = find(rows, timestamp=None)
    expected = frame.reset_index().groupby("item")["index"].max()
    assert sorted(found.rows) == sorted(expected)


def test_candidates_are_sorted_by_id():
    ids = {
        "numbers": pa.array([10, 9, 100]),
        "text": pa.array(["10", "9", "100"]).dictionary_encode(),
    }
    for name, expected in (("numbers", [1, 0, 2]), ("text", [0, 2, 1])):
        table = pa.table({name: ids[name]})
        assert candidates.sort_by_id(table, np.arange(3), name).tolist() == expected


def test_codes_that_no_row_has_are_left_out():
    ids = pa.array(["a", "b", "c"]).dictionary_encode().filter(pa.array([True, False, True]))
    table = pa.table({"user": [1, 1], "item": ids, "time": [1, 2], "name": ["x", "y"]})
    spec = TableSpec(COLUMNS, ("user", "item"), "user", "item", ("item",), timestamp="time")
    found = candidates.find_candidates(
        table, make_keys(table, spec), ("item", "name"), np.ones(2, np.uint8)
    )
    assert found.rows.tolist() == [0, 1]
