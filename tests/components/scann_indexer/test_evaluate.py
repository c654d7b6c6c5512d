"""Recall, queries and the gate, against plain NumPy."""

import time

import numpy as np
import pytest

from tfx_retrieval.components.scann_indexer import evaluate


def exact_positions(embeddings, queries, depth):
    return np.argsort(-(queries @ embeddings.T), axis=1, kind="stable")[:, :depth]


@pytest.fixture
def vectors():
    generator = np.random.default_rng(5)
    embeddings = generator.standard_normal((400, 6)).astype(np.float32)
    queries = generator.standard_normal((30, 6)).astype(np.float32)
    return embeddings, queries


@pytest.mark.parametrize(
    ("top_k", "depths"),
    [(100, (10, 50, 100)), (7, (7,)), (60, (10, 50, 60)), (200, (10, 50, 100, 200)), (1, (1,))],
)
def test_recall_depths(top_k, depths):
    assert evaluate.recall_depths(top_k) == depths


def test_exact_results_have_recall_1(vectors):
    found = exact_positions(*vectors, 50)

    assert evaluate.measure_recall(*vectors, found, (10, 50)) == {"recall@10": 1, "recall@50": 1}


def test_recall_counts_what_is_missing(vectors, monkeypatch):
    # Small blocks: the mean over blocks of unequal size must still be over queries.
    monkeypatch.setattr(evaluate, "_REFERENCE_SCORES", 400 * 7)
    found = exact_positions(*vectors, 20)
    found[:, 3] = -1
    worst = exact_positions(vectors[0], -vectors[1], 1)[:, 0]
    found[:15, 12] = worst[:15]

    recall = evaluate.measure_recall(*vectors, found, (3, 10, 20))

    assert recall == pytest.approx(
        {"recall@3": 1, "recall@10": 0.9, "recall@20": 1 - 1 / 20 - 0.5 / 20}
    )


def test_any_of_equally_good_candidates_counts():
    embeddings = np.array([[1.0], [2.0], [2.0], [2.0], [0.0]], np.float32)
    query = np.array([[1.0]], np.float32)

    for found in ([1, 2], [3, 2], [2, 1]):
        assert evaluate.measure_recall(embeddings, query, np.array([found]), (2,)) == {
            "recall@2": 1
        }
    assert evaluate.measure_recall(embeddings, query, np.array([[3, 0]]), (2,)) == {"recall@2": 0.5}


@pytest.mark.parametrize("ids", [[10, 20, 30], [b"a", b"b", b"c"]])
def test_positions_of_ids(ids):
    catalogue = np.array(ids, object if isinstance(ids[0], bytes) else np.int64)
    returned = np.array([[ids[2], ids[0]], [ids[1], ids[1]]], catalogue.dtype)
    scores = np.array([[2.0, 1.0], [1.0, -np.inf]])

    assert evaluate.positions_of(returned, scores, catalogue).tolist() == [[2, 0], [1, -1]]


def test_perturbed_candidates_repeat_with_the_seed_and_stay_near(vectors):
    embeddings, _ = vectors

    queries = evaluate.perturbed_candidates(embeddings, 50, seed=1)

    assert queries.shape == (50, 6)
    assert queries.dtype == np.float32
    np.testing.assert_array_equal(queries, evaluate.perturbed_candidates(embeddings, 50, seed=1))
    assert not np.array_equal(queries, evaluate.perturbed_candidates(embeddings, 50, seed=2))
    nearest = np.linalg.norm(queries[:, None] - embeddings[None], axis=2).min(axis=1)
    assert 0 < nearest.max() < np.linalg.norm(embeddings, axis=1).max()


def test_speed_is_that_of_the_function():
    calls = []

    def search(queries):
        calls.append(len(queries))
        time.sleep(0.004 if len(queries) == 1 else 0.02)

    timing = evaluate.measure_speed(search, np.zeros((200, 3)))

    # A loaded machine may take longer, never less.
    assert 4 <= timing.p50_ms < 400
    assert timing.p99_ms >= timing.p50_ms
    # Batches of 128 and 72 take 40 ms.
    assert 50 < timing.queries_per_second <= 5_000
    assert calls.count(128) == 2
    assert calls.count(72) == 1


@pytest.mark.parametrize(
    ("recall", "p99", "limit", "model", "expected"),
    [
        (0.95, 3.0, None, None, {"recall@50": True}),
        (0.9, 3.0, 3.0, True, {"recall@50": True, "latency_p99_ms": True, "model_blessed": True}),
        (
            0.89,
            3.1,
            3.0,
            False,
            dict.fromkeys(("recall@50", "latency_p99_ms", "model_blessed"), False),
        ),
    ],
)
def test_the_gate_lists_each_check(recall, p99, limit, model, expected):
    checks = evaluate.gate(recall, 50, 0.9, p99, limit, model)

    assert {check.name: check.passed for check in checks} == expected
    assert (checks[0].received, checks[0].limit) == (recall, 0.9)
