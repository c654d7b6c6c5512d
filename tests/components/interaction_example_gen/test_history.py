"""Histories against a row-by-row oracle."""

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_retrieval.components.interaction_example_gen import history
from tfx_retrieval.components.interaction_example_gen.keys import NO_TIME, make_keys
from tfx_retrieval.components.interaction_example_gen.table_spec import ColumnSpec, TableSpec

SPEC = TableSpec(
    columns=(
        ColumnSpec("user", "categorical"),
        ColumnSpec("item", "categorical"),
        ColumnSpec("time", "temporal"),
    ),
    example_columns=("user", "item"),
    query_id="user",
    candidate_id="item",
    candidate_columns=("item",),
    timestamp="time",
)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 5), st.none() | st.integers(0, 6), st.integers(0, 2)
    ),
    min_size=1,
    max_size=40,
)


def histories(rows, max_length):
    """Returns the history of each row, as items, by row number."""
    frame = pd.DataFrame(rows, columns=["user", "item", "time", "split"])
    table = pa.table(
        {
            "user": pa.array(frame["user"]),
            "item": pa.array(frame["item"]),
            "time": pa.array([row[2] for row in rows], pa.int64()),
        }
    )
    table_keys = make_keys(table, SPEC)
    codes = frame["split"].to_numpy(np.int8)
    found = {}
    for code in range(3):
        met = history.make_history(table_keys, codes, code)
        chosen = np.flatnonzero(codes == code)
        offsets, numbers = met.lists(chosen, max_length)
        items = frame["item"].to_numpy()[numbers]
        for row, start, stop in zip(chosen, offsets, offsets[1:], strict=False):
            found[row] = items[start:stop].tolist()
    return found


@settings(max_examples=50)
@given(ROWS, st.integers(1, 6))
def test_a_history_holds_what_was_known_at_the_time(rows, max_length):
    found = histories(rows, max_length)
    assert len(found) == len(rows)
    for number, (user, _, time, split) in enumerate(rows):
        earlier = [
            (row[2], row[1])
            for row in rows
            if None not in (time, row[2]) and row[0] == user and row[2] < time and row[3] <= split
        ]
        latest = sorted(when for when, _ in earlier)[-max_length:]
        assert len(found[number]) == len(latest)
        # Oldest first: the items of each second are those met then; if the list begins within a
        # second, it holds some of them.
        position = 0
        for when in sorted(set(latest)):
            count = latest.count(when)
            there = [item for moment, item in earlier if moment == when]
            listed = found[number][position : position + count]
            for item in set(listed):
                assert listed.count(item) <= there.count(item)
            if when != latest[0]:
                assert sorted(listed) == sorted(there)
            position += count


@settings(max_examples=50)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, shuffle):
    numbers = list(range(len(rows)))
    shuffle.shuffle(numbers)
    first, second = histories(rows, 4), histories([rows[number] for number in numbers], 4)
    assert [first[number] for number in numbers] == [second[row] for row in range(len(rows))]


def test_by_hand():
    rows = [(1, 10, 5, 0), (1, 11, 6, 0), (1, 12, 6, 0), (1, 10, 7, 1), (1, 13, 8, 0), (2, 9, 9, 0)]
    found = histories(rows, 3)
    assert found[0] == []
    assert found[1] == found[2] == [10]
    # Eval sees train; what it has in common with the row itself stays.
    assert found[3] in ([10, 11, 12], [10, 12, 11])
    # Train does not see eval.
    assert found[4] == found[3]
    assert found[5] == []


def test_a_table_without_times_has_no_histories():
    spec = TableSpec(SPEC.columns[:2], ("user", "item"), "user", "item", ("item",))
    table_keys = make_keys(pa.table({"user": [1, 1], "item": [1, 2]}), spec)
    assert (table_keys.time == NO_TIME).all()
    met = history.make_history(table_keys, np.zeros(2, np.int8), 0)
    assert met.lists(np.arange(2), 5)[0].tolist() == [0, 0, 0]
