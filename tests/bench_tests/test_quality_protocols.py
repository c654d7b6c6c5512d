"""Splits of the quality benchmark's protocols."""

import gzip
import importlib.util
import pathlib
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

_BENCH = pathlib.Path(__file__).parents[1] / "bench"


@pytest.fixture(scope="module")
def protocols():
    spec = importlib.util.spec_from_file_location(
        "quality_protocols", _BENCH / "quality_protocols.py"
    )
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_random_split_has_exact_sizes(protocols):
    codes = protocols.random_split(101, 0.2, seed=3)
    assert (codes == protocols.EVAL).sum() == 20
    assert (codes == protocols.TRAIN).sum() == 81
    assert (codes == protocols.random_split(101, 0.2, seed=3)).all()
    assert (codes != protocols.random_split(101, 0.2, seed=4)).any()


@given(groups=st.lists(st.integers(0, 5), min_size=1, max_size=80), seed=st.integers(0, 9))
def test_stratified_split_rounds_in_each_group(protocols, groups, seed):
    groups = np.array(groups)
    codes = protocols.stratified_split(groups, 0.75, seed)
    for group in set(groups):
        inside = codes[groups == group]
        assert (inside == protocols.TRAIN).sum() == round(0.75 * len(inside))
        assert (inside == protocols.EVAL).sum() == len(inside) - round(0.75 * len(inside))


@given(groups=st.lists(st.integers(0, 3), min_size=1, max_size=120), seed=st.integers(0, 9))
def test_ratio_split_holds_out_whole_tenths(protocols, groups, seed):
    groups = np.array(groups)
    codes = protocols.ratio_split(groups, 0.1, seed)
    for group in set(groups):
        inside = codes[groups == group]
        held = len(inside) // 10
        assert [(inside == code).sum() for code in range(3)] == [
            len(inside) - 2 * held,
            held,
            held,
        ]


def test_splits_within_groups_are_random(protocols):
    groups = np.zeros(1000, np.int64)
    first = protocols.stratified_split(groups, 0.75, 1)
    # A quarter of each half of the rows, give or take; in file order all would be in the last.
    assert 80 < (first[:500] == protocols.EVAL).sum() < 170
    assert (first != protocols.stratified_split(groups, 0.75, 2)).any()


def test_core_rows_are_found_to_the_end(protocols):
    # Query 2 has too few rows; without it candidate 1 has, and then query 1.
    queries = np.array([0, 0, 0, 1, 1, 2])
    candidates = np.array([0, 0, 2, 2, 1, 1])
    kept = protocols.core_rows(queries, candidates, 2)
    assert kept.tolist() == [True, True, False, False, False, False]


def test_positions_keep_the_file_order_of_one_time(protocols):
    groups = np.array([1, 0, 1, 1, 0, 1])
    times = np.array([5, 9, 5, 1, 2, 5])
    assert protocols.positions(groups, times).tolist() == [1, 1, 2, 0, 0, 3]


def test_reads_movielens_files(protocols, tmp_path):
    (tmp_path / "ml-100k").mkdir()
    with gzip.open(tmp_path / "ml-100k" / "u.data.gz", "wt") as file:
        file.write("7\t3\t5\t881250949\n8\t4\t1\t881250950\n")
    table = protocols.read_ml_100k(tmp_path)
    assert table.to_pydict() == {"user_id": [7, 8], "movie_id": [3, 4]}

    (tmp_path / "ml-1m").mkdir()
    rows = ["user_id,movie_id,rating,timestamp"]
    rows += [f"{user},{movie},3,{100 - movie}" for user in range(1, 6) for movie in range(5)]
    rows += ["9,1,5,1"]
    (tmp_path / "ml-1m" / "ratings.csv").write_text("\n".join(rows) + "\n")
    table = protocols.read_ml_1m(tmp_path)
    assert set(table["user_id"].to_pylist()) == {1, 2, 3, 4, 5}
    assert table["position"].to_pylist()[:5] == [4, 3, 2, 1, 0]
    with pytest.raises(FileNotFoundError, match=r"u\.data"):
        protocols.read_ml_100k(tmp_path / "nowhere")


def test_every_protocol_names_what_there_is(protocols):
    for protocol in protocols.PROTOCOLS.values():
        assert set(protocol.targets) <= set(protocol.metrics)
        for published in protocol.published:
            assert set(published.values) <= set(protocol.metrics)
        for name in (protocol.features, protocol.model):
            assert not name or (_BENCH / "quality_configs" / name).exists()
