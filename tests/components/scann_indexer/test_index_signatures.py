"""The signatures of an index against brute force in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from support import models

from tfx_retrieval.components.scann_indexer.exact import ExactSearcher
from tfx_retrieval.components.scann_indexer.options import ScannOptions
from tfx_retrieval.components.scann_indexer.saving import IndexModule
from tfx_retrieval.components.scann_indexer.scann_index import ScannSearcher

SIZES = (1, 20, 150)
TOP_K = (1, 5, 100)


def make_ids(kind, count):
    if kind == "text":
        return np.array([f"i{n:03d}".encode() for n in range(count)], object)
    return np.arange(count, dtype=np.int64) * 3 - 7


def catalogue(count):
    return np.random.default_rng(2).integers(-2, 3, (count, 6)).astype(np.float32)


def oracle(queries, embeddings, ids, k, excluded=None):
    """Best ids and scores by brute force, ties by position."""
    scores = queries @ embeddings.T
    rows = []
    for row, row_scores in enumerate(scores):
        order = np.argsort(-row_scores, kind="stable")
        left_out = set(excluded[row]) if excluded else set()
        rows.append([(ids[i], row_scores[i]) for i in order if ids[i] not in left_out][:k])
    return rows


def found_rows(outputs):
    """What a signature returned, without the places that have no candidate."""
    ids, scores = outputs["ids"].numpy(), outputs["scores"].numpy()
    assert not np.isnan(scores).any()
    return [
        [(key, score) for key, score in zip(*row, strict=True) if score > -np.inf]
        for row in zip(ids.tolist(), scores.tolist(), strict=True)
    ]


@pytest.fixture(scope="module", params=["text", "number"])
def indexes(request, tower):
    """Exact indexes by (size, top_k), traced once."""
    made = {}
    for count in SIZES:
        searcher = ExactSearcher(catalogue(count))
        for top_k in TOP_K:
            module = IndexModule(tower, searcher, make_ids(request.param, count), min(top_k, count))
            made[count, top_k] = (module, module.signatures())
    return request.param, made


@pytest.mark.parametrize("batch", [1, 3, 40])
@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("top_k", TOP_K)
def test_recommendations_are_those_of_brute_force(indexes, query_vectors, count, top_k, batch):
    kind, made = indexes
    _, signatures = made[count, top_k]
    users = list(query_vectors)[:batch]
    queries = np.array([query_vectors[user] for user in users])
    ids = make_ids(kind, count)
    expected = oracle(queries, catalogue(count), ids, min(top_k, count))
    examples = tf.constant([models.encode_example({"user_id": user}) for user in users])

    by_columns = signatures["serving_default"](user_id=tf.constant(users))
    by_examples = signatures["recommend_examples"](examples=examples)
    by_vectors = signatures["recommend_embeddings"](embeddings=tf.constant(queries))

    assert found_rows(by_columns) == expected
    assert found_rows(by_examples) == expected
    assert found_rows(by_vectors) == expected
    assert by_columns["ids"].shape == (batch, min(top_k, count))
    assert by_columns["ids"].dtype == (tf.string if kind == "text" else tf.int64)
    assert by_columns["scores"].dtype == tf.float32


@pytest.mark.parametrize("width", [0, 1, 4, 60])
@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("top_k", TOP_K)
def test_excluded_candidates_are_left_out(indexes, query_vectors, count, top_k, width):
    kind, made = indexes
    _, signatures = made[count, top_k]
    users = list(query_vectors)[:7]
    queries = np.array([query_vectors[user] for user in users])
    ids = make_ids(kind, count)
    best = oracle(queries, catalogue(count), ids, count)
    nobody = b"nobody" if kind == "text" else 5_000_000_000
    # The best ones, repeated or unknown ids where a row is short of them.
    excluded = [
        ([key for key, _ in row[:width]] + [row[0][0], nobody] * width)[:width] for row in best
    ]
    dtype = tf.string if kind == "text" else tf.int64
    examples = tf.constant([models.encode_example({"user_id": user}) for user in users])

    found = signatures["recommend_excluding"](
        examples=examples, excluded_ids=tf.reshape(tf.constant(excluded, dtype), [7, width])
    )

    assert found["ids"].shape == (7, min(top_k, count))
    assert found_rows(found) == oracle(queries, catalogue(count), ids, min(top_k, count), excluded)
    empty = b"" if kind == "text" else -1
    gone = found["ids"].numpy()[np.isinf(found["scores"].numpy())]
    assert set(gone.tolist()) <= {empty}


def test_embeddings_are_those_of_the_model(indexes, query_vectors):
    _, signatures = indexes[1][20, 5]
    users = ["u3", "u7", "stranger"]
    expected = [query_vectors["u3"], query_vectors["u7"], [0] * 6]
    examples = tf.constant([models.encode_example({"user_id": user}) for user in users])

    by_columns = signatures["query_embedding"](user_id=tf.constant(users))["embedding"]
    by_examples = signatures["embed_query_examples"](examples=examples)["embedding"]

    np.testing.assert_array_equal(by_columns, expected)
    np.testing.assert_array_equal(by_examples, expected)


@pytest.mark.parametrize("batch", [1, 4, 5, 12, 13])
def test_large_batches_are_searched_in_blocks(batch):
    embeddings = catalogue(150)
    queries = np.random.default_rng(3).integers(-2, 3, (batch, 6)).astype(np.float32)
    whole, in_blocks = ExactSearcher(embeddings), ExactSearcher(embeddings, max_scores=4 * 150)

    expected = tf.function(whole.search)(queries, 9)
    found = tf.function(in_blocks.search)(queries, 9)

    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.fixture(scope="module")
def scann_indexes(tower):
    """ScaNN indexes that search all leaves and rescore all: exact but for the order of ties."""
    made = {}
    for count in (16, 150):
        options = ScannOptions(4, 4, 2, count)
        for top_k in (5, min(100, count)):
            searcher = ScannSearcher(catalogue(count), top_k, options)
            module = IndexModule(tower, searcher, make_ids("text", count), top_k)
            made[count, top_k] = (module, module.signatures())
    return made


@pytest.mark.parametrize(("count", "top_k"), [(16, 5), (16, 16), (150, 5), (150, 100)])
@pytest.mark.parametrize("width", [0, 1, 30])
def test_scann_finds_what_brute_force_finds(scann_indexes, query_vectors, count, top_k, width):
    _, signatures = scann_indexes[count, top_k]
    users = list(query_vectors)[:9]
    queries = np.array([query_vectors[user] for user in users])
    embeddings, ids = catalogue(count), make_ids("text", count)
    excluded = [[key for key, _ in row[:width]] for row in oracle(queries, embeddings, ids, count)]
    padded = [(row + [b""] * width)[:width] for row in excluded]
    examples = tf.constant([models.encode_example({"user_id": user}) for user in users])

    found = signatures["recommend_excluding"](
        examples=examples, excluded_ids=tf.reshape(tf.constant(padded, tf.string), [9, width])
    )

    place = {key: position for position, key in enumerate(ids)}
    expected = oracle(queries, embeddings, ids, top_k, excluded)
    for row, (got, wanted) in enumerate(zip(found_rows(found), expected, strict=True)):
        assert [score for _, score in got] == [score for _, score in wanted]
        assert len({key for key, _ in got}) == len(got)
        assert not {key for key, _ in got} & set(excluded[row])
        for key, score in got:
            assert score == queries[row] @ embeddings[place[key]]


@pytest.fixture(scope="module")
def clusters():
    """Three groups of 50 candidates, far from each other."""
    noise = np.random.default_rng(4).standard_normal((150, 6)).astype(np.float32)
    return noise + 50 * np.repeat(np.eye(6, dtype=np.float32)[:3], 50, axis=0)


def test_scann_pads_where_the_searched_leaves_hold_too_few(tower, clusters):
    searcher = ScannSearcher(clusters, 120, ScannOptions(3, 1, 2, 120))
    module = IndexModule(tower, searcher, make_ids("text", 150), 120)

    found = module.signatures()["recommend_embeddings"](embeddings=tf.constant(clusters[::50]))

    rows = found_rows(found)
    assert found["ids"].shape == (3, 120)
    # Two groups may share a leaf.
    assert all(50 <= len(row) <= 100 for row in rows)
    missing = np.isinf(found["scores"].numpy())
    assert set(found["ids"].numpy()[missing].tolist()) == {b""}
    assert all(row == sorted(row, key=lambda pair: -pair[1]) for row in rows)


def test_scann_searches_more_leaves_when_more_is_excluded(clusters):
    searcher = ScannSearcher(clusters, 20, ScannOptions(3, 1, 2, 20))
    search = tf.function(searcher.search)

    scores, _ = search(clusters[::50], 20 + 100)

    assert np.isfinite(scores).all()
