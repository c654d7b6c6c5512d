"""Splits, readers and simple baselines of the quality benchmark."""

import gzip
import importlib
import pathlib
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

_BENCH = pathlib.Path(__file__).parents[1] / "bench"
_MODULES = ("quality_protocols", "quality_data", "quality_ratings", "quality_splits")


@pytest.fixture(scope="module")
def bench():
    """The benchmark's modules, which import one another by name, as scripts do."""
    sys.path.insert(0, str(_BENCH))
    try:
        yield {name: importlib.import_module(name) for name in _MODULES}
    finally:
        sys.path.remove(str(_BENCH))
        for name in _MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def splits(bench):
    return bench["quality_splits"]


@pytest.fixture(scope="module")
def data(bench):
    return bench["quality_data"]


@pytest.fixture(scope="module")
def ratings(bench):
    return bench["quality_ratings"]


def test_random_split_has_exact_sizes(splits):
    codes = splits.random_split(101, 0.2, seed=3)
    assert (codes == splits.EVAL).sum() == 20
    assert (codes == splits.TRAIN).sum() == 81
    assert (codes == splits.random_split(101, 0.2, seed=3)).all()
    assert (codes != splits.random_split(101, 0.2, seed=4)).any()


@given(groups=st.lists(st.integers(0, 5), min_size=1, max_size=80), seed=st.integers(0, 9))
def test_stratified_split_rounds_in_each_group(splits, groups, seed):
    groups = np.array(groups)
    codes = splits.stratified_split(groups, 0.75, seed)
    for group in set(groups):
        inside = codes[groups == group]
        assert (inside == splits.TRAIN).sum() == round(0.75 * len(inside))
        assert (inside == splits.EVAL).sum() == len(inside) - round(0.75 * len(inside))


@given(groups=st.lists(st.integers(0, 3), min_size=1, max_size=120), seed=st.integers(0, 9))
def test_ratio_split_holds_out_whole_tenths(splits, groups, seed):
    groups = np.array(groups)
    codes = splits.ratio_split(groups, 0.1, seed)
    for group in set(groups):
        inside = codes[groups == group]
        held = len(inside) // 10
        assert [(inside == code).sum() for code in range(3)] == [
            len(inside) - 2 * held,
            held,
            held,
        ]


def test_splits_within_groups_are_random(splits):
    groups = np.zeros(1000, np.int64)
    first = splits.stratified_split(groups, 0.75, 1)
    # A quarter of each half of the rows, give or take; in file order all would be in the last.
    assert 80 < (first[:500] == splits.EVAL).sum() < 170
    assert (first != splits.stratified_split(groups, 0.75, 2)).any()


def test_core_rows_are_found_to_the_end(splits):
    # Query 2 has too few rows; without it candidate 1 has, and then query 1.
    queries = np.array([0, 0, 0, 1, 1, 2])
    candidates = np.array([0, 0, 2, 2, 1, 1])
    kept = splits.core_rows(queries, candidates, 2)
    assert kept.tolist() == [True, True, False, False, False, False]


def test_positions_keep_the_file_order_of_one_time(splits):
    groups = np.array([1, 0, 1, 1, 0, 1])
    times = np.array([5, 9, 5, 1, 2, 5])
    assert splits.positions(groups, times).tolist() == [1, 1, 2, 0, 0, 3]


def _write(directory, name, lines):
    directory.mkdir(exist_ok=True)
    with gzip.open(directory / f"{name}.gz", "wt", encoding="latin-1") as file:
        file.write("".join(f"{line}\n" for line in lines))


def test_reads_movielens_100k(data, tmp_path):
    folder = tmp_path / "ml-100k"
    _write(folder, "u.data", ["7\t3\t5\t881250949", "8\t4\t1\t881250950", "7\t4\t4\t881250951"])
    table = data.read_ml_100k(tmp_path)
    assert table.to_pydict() == {"user_id": [7, 8, 7], "movie_id": [3, 4, 4]}
    rated = data.read_ml_100k_ratings(tmp_path)
    assert rated["rating"].to_pylist() == [5, 1, 4]
    assert rated["liked"].to_pylist() == [1, 0, 1]

    flags = ["0"] * 19
    action, drama = flags.copy(), flags.copy()
    action[1] = drama[1] = drama[8] = "1"
    _write(folder, "u.user", ["7|24|F|writer|85711", "8|53|M|other|T8H1N"])
    films = ["|".join(("3", 'The "A" (1995)', "01-Jan-1995", "", "http://a", *action))]
    films.append("|".join(("4", "Café", "", "", "", *drama)))
    _write(folder, "u.item", films)
    assert data.read_ml_100k_described(tmp_path).to_pydict() == {
        "user_id": [7, 8, 7],
        "movie_id": [3, 4, 4],
        "age": [24, 53, 24],
        "gender": ["F", "M", "F"],
        "occupation": ["writer", "other", "writer"],
        "title": ['The "A" (1995)', "Café", "Café"],
        "genres": ["Action", "Action|Drama", "Action|Drama"],
        "year": [1995.0, None, None],
    }
    with pytest.raises(FileNotFoundError, match=r"u\.data"):
        data.read_ml_100k(tmp_path / "nowhere")


def test_reads_movielens_1m(data, tmp_path):
    (tmp_path / "ml-1m").mkdir()
    rows = ["user_id,movie_id,rating,timestamp"]
    rows += [f"{user},{movie},3,{100 - movie}" for user in range(1, 6) for movie in range(5)]
    rows += ["9,1,5,1"]
    (tmp_path / "ml-1m" / "ratings.csv").write_text("\n".join(rows) + "\n")
    table = data.read_ml_1m(tmp_path)
    assert set(table["user_id"].to_pylist()) == {1, 2, 3, 4, 5}
    assert table["position"].to_pylist()[:5] == [4, 3, 2, 1, 0]


def test_cold_split_holds_out_whole_queries_and_candidates(splits):
    random = np.random.default_rng(0)
    queries, candidates = random.integers(0, 20, 500), random.integers(100, 150, 500)
    codes = splits.cold_split(queries, candidates, 0.1, seed=1)
    train, held = codes == splits.TRAIN, codes == splits.EVAL
    cold_queries = set(range(20)) - set(queries[train])
    cold_candidates = set(range(100, 150)) - set(candidates[train])
    assert (len(cold_queries), len(cold_candidates)) == (2, 5)
    cold = np.isin(queries, list(cold_queries)) | np.isin(candidates, list(cold_candidates))
    assert (cold == held).all()
    assert (codes != splits.cold_split(queries, candidates, 0.1, seed=2)).any()


def test_biases_recover_what_labels_are_made_of(ratings):
    random = np.random.default_rng(0)
    queries, candidates = random.integers(0, 5, 4000), random.integers(0, 4, 4000)
    query_bias, candidate_bias = np.array([-1, -0.5, 0, 0.5, 1]), np.array([1.0, 0, 0, -1])
    labels = 3 + query_bias[queries] + candidate_bias[candidates]
    asked = np.array([0, 4]), np.array([0, 3])
    found = ratings.biases(queries, candidates, labels, *asked)
    np.testing.assert_allclose(found, [3, 3], atol=0.05)
    # Someone new gets the film's bias alone.
    new = ratings.biases(queries, candidates, labels, np.array([9]), np.array([0]))
    np.testing.assert_allclose(new, [4], atol=0.1)


def test_baselines_are_measured_on_the_rows_asked_for(ratings):
    train = pa.table({"user_id": [1, 1, 2], "movie_id": [5, 6, 5], "y": [1.0, 0.0, 1.0]})
    test = pa.table({"user_id": [2, 3], "movie_id": [6, 5], "y": [0.0, 1.0]})
    found = ratings.baseline_figures(train, test, "y", binary=False)
    assert found["mean of the film"] == {"rmse": 0.0}
    assert found["mean of all ratings"]["rmse"] == pytest.approx(np.sqrt((4 / 9 + 1 / 9) / 2))
    found = ratings.baseline_figures(train, test, "y", binary=True)
    assert found["mean of the film"] == {"auc": 1.0}
    assert found["mean of all ratings"] == {"auc": 0.5}


def test_every_protocol_names_what_there_is(bench):
    for protocol in bench["quality_protocols"].PROTOCOLS.values():
        assert set(protocol.targets) <= set(protocol.metrics)
        for published in protocol.published:
            assert set(published.values) <= set(protocol.metrics)
        for name in (protocol.features, protocol.model):
            assert not name or (_BENCH / "quality_configs" / name).exists()
