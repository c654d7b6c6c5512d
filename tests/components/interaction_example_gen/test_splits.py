"""Splits against pandas, and that neither order nor repetition of rows leaks through them."""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_retrieval.components.interaction_example_gen import splits
from tfx_retrieval.components.interaction_example_gen.keys import make_keys
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ColumnSpec,
    SplitSpec,
    TableSpec,
)
from tfx_retrieval.errors import InputError

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
# Few users, items and times, so that pairs and times repeat.
ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 6)), min_size=3, max_size=40
)


def keys_of(rows):
    frame = pd.DataFrame(rows, columns=["user", "item", "time"])
    return make_keys(pa.Table.from_pandas(frame, preserve_index=False), SPEC)


def assign(rows, split):
    table_keys = keys_of(rows)
    cuts = None
    if split.method == "temporal":
        cuts = splits.find_cuts(*splits.time_counts(table_keys.time), split)
    return splits.assign(table_keys, split, cuts)


def by_content(rows, codes):
    return sorted(zip(map(tuple, rows), codes.tolist(), strict=True))


@pytest.mark.parametrize("method", ["random", "temporal", "leave-one-out"])
@pytest.mark.parametrize("test_fraction", [0.0, 0.25])
@settings(max_examples=50)
@given(rows=ROWS, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(method, test_fraction, rows, shuffle):
    split = SplitSpec(method, 0.3, test_fraction)
    if len({time for _, _, time in rows}) < len(split.names):
        return
    shuffled = list(rows)
    shuffle.shuffle(shuffled)
    assert by_content(rows, assign(rows, split)) == by_content(shuffled, assign(shuffled, split))


@settings(max_examples=50)
@given(ROWS, st.integers(0, 3))
def test_random_keeps_all_interactions_of_a_pair_on_one_side(rows, seed):
    codes = assign(rows, SplitSpec("random", 0.4, 0.3, seed))
    sides = {}
    for (user, item, _), code in zip(rows, codes, strict=True):
        assert sides.setdefault((user, item), code) == code


def test_random_takes_the_fractions_asked_for():
    pairs = np.stack(np.divmod(np.arange(40_000), 200), axis=1)
    rows = np.column_stack([pairs, np.zeros(len(pairs), int)])
    share = np.bincount(assign(rows, SplitSpec("random", 0.2, 0.1))) / len(rows)
    np.testing.assert_allclose(share, [0.7, 0.2, 0.1], atol=0.01)
    first, second = (assign(rows, SplitSpec("random", 0.5, seed=seed)) for seed in (1, 2))
    assert abs((first == second).mean() - 0.5) < 0.02


def test_ids_of_any_type_are_divided_alike():
    frame = pd.DataFrame({"user": [17850, 13047, 2] * 20, "item": np.arange(60), "time": 0})
    expected = assign(frame.values, SplitSpec(eval_fraction=0.5))
    for change in (str, lambda number: f"{number}.0"):
        text = frame.assign(user=frame["user"].map(change), item=frame["item"].map(change))
        table_keys = make_keys(pa.Table.from_pandas(text), SPEC)
        codes = splits.assign(table_keys, SplitSpec(eval_fraction=0.5), None)
        assert codes.tolist() == expected.tolist()


@pytest.mark.parametrize("test_fraction", [0.0, 0.2])
@settings(max_examples=50)
@given(rows=ROWS)
def test_temporal_cuts_all_queries_at_one_time(test_fraction, rows):
    split = SplitSpec("temporal", 0.3, test_fraction)
    times = np.array([time for _, _, time in rows])
    if len(set(times)) < len(split.names):
        return
    codes = assign(rows, split)
    # Each split is there, and ends before the next one begins.
    bounds = [(times[codes == code].min(), times[codes == code].max()) for code in np.unique(codes)]
    assert len(bounds) == len(split.names)
    assert all(first[1] < second[0] for first, second in itertools.pairwise(bounds))
    # No other cut comes closer to the fraction asked for the last split.
    last = len(split.names) - 1
    wanted = split.test_fraction or split.eval_fraction
    distinct = np.unique(times)[last:]
    shares = [(times >= cut).mean() for cut in distinct]
    assert abs((codes == last).mean() - wanted) <= min(abs(s - wanted) for s in shares) + 1e-12


def test_temporal_by_hand():
    rows = [(0, 0, time) for time in [5, 1, 2, 2, 2, 3, 4, 6, 8, 7]]
    assert assign(rows, SplitSpec("temporal", 0.2)).tolist() == [0] * 8 + [1, 1]
    assert assign(rows, SplitSpec("temporal", 0.2, 0.2)).tolist() == [1, *[0] * 6, 1, 2, 2]
    # Six rows of ten share a second: all are on the side that is closer to the share asked for.
    rows = [(0, 0, time) for time in [1, 2, 2, 2, 2, 2, 2, 3, 3, 3]]
    assert np.bincount(assign(rows, SplitSpec("temporal", 0.5))).tolist() == [7, 3]
    assert np.bincount(assign(rows, SplitSpec("temporal", 0.7))).tolist() == [1, 9]


def test_temporal_needs_times_to_cut_between():
    with pytest.raises(InputError, match="expected at least 2, so that no split is empty"):
        assign([(0, 0, 1), (1, 1, 1)], SplitSpec("temporal"))
    with pytest.raises(InputError, match=r"at least 3, .* but got 2 distinct times"):
        assign([(0, 0, 1), (1, 1, 2)], SplitSpec("temporal", test_fraction=0.1))
    with pytest.raises(ValueError, match="needs its cuts"):
        splits.assign(keys_of([(0, 0, 1)]), SplitSpec("temporal"), None)


@settings(max_examples=50)
@given(ROWS)
def test_leave_one_out_takes_the_last_of_each_query(rows):
    codes = assign(rows, SplitSpec("leave-one-out"))
    frame = pd.DataFrame(rows, columns=["user", "item", "time"]).assign(code=codes)
    for _, group in frame.groupby("user"):
        assert (group["code"] == 0).any()
        held_out = group[group["code"] == 1]
        assert len(held_out) == (1 if len(group) > 1 else 0)
        if len(held_out):
            assert held_out["time"].item() == group["time"].max()


@settings(max_examples=50)
@given(ROWS)
def test_leave_one_out_with_a_test_split(rows):
    codes = assign(rows, SplitSpec("leave-one-out", test_fraction=0.1))
    frame = pd.DataFrame(rows, columns=["user", "item", "time"]).assign(code=codes)
    for _, group in frame.groupby("user"):
        counts = group["code"].value_counts().reindex(range(3), fill_value=0).tolist()
        expected = {1: [1, 0, 0], 2: [1, 0, 1]}.get(len(group), [len(group) - 2, 1, 1])
        assert counts == expected
        latest = group.groupby("code")["time"].agg(["min", "max"])
        assert (latest["max"].values[:-1] <= latest["min"].values[1:]).all()


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="unknown split method 'newest'"):
        splits.assign(keys_of([(0, 0, 1)]), SplitSpec("newest"), None)


class TestSample:
    @settings(max_examples=50)
    @given(ROWS, st.integers(1, 40), st.integers(0, 3))
    def test_keeps_whole_queries_until_there_are_enough(self, rows, wanted, seed):
        table_keys = keys_of(rows)
        counts = np.bincount(table_keys.query)
        threshold = splits.sample_threshold(table_keys.query_hash, counts, seed, wanted)
        if threshold is None:
            assert len(rows) <= wanted
            return
        kept = splits.sampled(table_keys, seed, threshold)
        users = np.array(rows)[:, 0]
        chosen = set(users[kept])
        assert chosen.isdisjoint(users[~kept])
        assert kept.sum() >= wanted
        # Without the query drawn last there would be too few.
        assert min(kept.sum() - (users == user).sum() for user in chosen) < wanted

    def test_a_larger_sample_holds_the_smaller_one(self):
        generator = np.random.default_rng(1)
        rows = generator.integers(0, 500, (5000, 3))
        table_keys = keys_of(rows)
        counts = np.bincount(table_keys.query)
        kept = [
            splits.sampled(
                table_keys, 1, splits.sample_threshold(table_keys.query_hash, counts, 1, wanted)
            )
            for wanted in (100, 1000)
        ]
        assert not (kept[0] & ~kept[1]).any()
        assert 100 <= kept[0].sum() < 130
        assert 1000 <= kept[1].sum() < 1030

    def test_the_sample_is_not_one_of_the_splits(self):
        pairs = np.stack(np.divmod(np.arange(40_000), 100), axis=1)
        table_keys = keys_of(np.column_stack([pairs, np.zeros(len(pairs), int)]))
        counts = np.bincount(table_keys.query)
        threshold = splits.sample_threshold(table_keys.query_hash, counts, 42, 8000)
        codes = splits.assign(table_keys, SplitSpec(eval_fraction=0.3), None)
        sampled = splits.sampled(table_keys, 42, threshold)
        assert abs(codes[sampled].mean() - 0.3) < 0.02
