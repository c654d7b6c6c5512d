"""Measuring an index against exact search: recall, latency, throughput, and the gate."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

RECALL_DEPTHS = (10, 50, 100)

# 128 MB of float32 scores at a time.
_REFERENCE_SCORES = 2**25
_SINGLE_QUERIES = 300
_WARM_UP_CALLS = 5
_BATCH = 128
# Noise of the queries made from candidates, in standard deviations of each dimension.
_PERTURBATION = 0.5
# Float32 dot products that differ by less are the same score.
_SCORE_TOLERANCE = 1e-5

Search = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Check:
    """One condition of the blessing.

    Attributes:
        name: What is checked.
        received: The value measured.
        limit: The value asked for.
        passed: Whether `received` is good enough.
    """

    name: str
    received: float | bool
    limit: float | bool
    passed: bool


@dataclasses.dataclass(frozen=True)
class Timing:
    """Speed of a search.

    Attributes:
        p50_ms: Median milliseconds of a call with one query.
        p99_ms: 99th percentile of the same.
        queries_per_second: Throughput with batches of 128 queries.
    """

    p50_ms: float
    p99_ms: float
    queries_per_second: float


def perturbed_candidates(embeddings: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Makes queries from candidates: vectors drawn from the catalogue plus Gaussian noise.

    Args:
        embeddings: [n, dimension] float32.
        count: Queries to make.
        seed: Seed of the draw and of the noise.

    Returns:
        [count, dimension] float32.
    """
    generator = np.random.default_rng(seed)
    drawn = embeddings[generator.integers(len(embeddings), size=count)]
    noise = generator.standard_normal(drawn.shape, np.float32)
    return drawn + noise * (_PERTURBATION * embeddings.std(axis=0))


def recall_depths(top_k: int) -> tuple[int, ...]:
    """Returns the depths at which recall is measured: 10, 50, 100 up to top_k, and top_k."""
    return tuple(sorted({min(depth, top_k) for depth in (*RECALL_DEPTHS, top_k)}))


def measure_recall(
    embeddings: np.ndarray, queries: np.ndarray, found: np.ndarray, depths: Sequence[int]
) -> dict[str, float]:
    """Returns the mean share of the exact top k that an index found, for each depth k.

    The reference is computed here with NumPy, independently of any index. A candidate found counts
    if its exact score is among the k best scores: of candidates with equal scores any will do.

    Args:
        embeddings: [n, dimension] float32.
        queries: [m, dimension] float32.
        found: Positions found, best first, [m, width] int; -1 where there is none.
        depths: Values of k, at most n and at most `width`.

    Returns:
        `recall@k` for each k.
    """
    hits = dict.fromkeys(depths, 0.0)
    deepest = max(depths)
    longest = float(np.linalg.norm(embeddings, axis=1).max())
    rows = max(1, _REFERENCE_SCORES // len(embeddings))
    for start in range(0, len(queries), rows):
        block, places = queries[start : start + rows], found[start : start + rows]
        scores = block @ embeddings.T
        found_scores = np.take_along_axis(scores, places.clip(0), axis=1)
        found_scores[places < 0] = -np.inf
        best = np.partition(scores, -deepest, axis=1)[:, -deepest:]
        best.sort(axis=1)
        tolerance = _SCORE_TOLERANCE * longest * np.linalg.norm(block, axis=1)
        for depth in depths:
            enough = best[:, -depth] - tolerance
            hits[depth] += float((found_scores[:, :depth] >= enough[:, None]).mean(axis=1).sum())
    return {f"recall@{depth}": hits[depth] / len(queries) for depth in depths}


def positions_of(ids: np.ndarray, scores: np.ndarray, catalogue_ids: np.ndarray) -> np.ndarray:
    """Returns the positions of returned ids in the catalogue, -1 where the score is not finite.

    Args:
        ids: [m, width] as a signature returns them.
        scores: [m, width] float32.
        catalogue_ids: [n] ascending.
    """
    position = {key: place for place, key in enumerate(catalogue_ids.tolist())}
    places = [[position.get(key, -1) for key in row] for row in ids.tolist()]
    return np.where(np.isfinite(scores), np.array(places, np.int64), -1)


def searcher_of(model: Any) -> Search:
    """Returns the search of a loaded index: embeddings to ids and scores."""
    function = model.signatures["recommend_embeddings"]

    def search(queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = function(embeddings=tf.constant(queries))
        return found["ids"].numpy(), found["scores"].numpy()

    return search


def search_all(search: Search, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Searches in batches of 128 and returns all ids and scores."""
    parts = [search(queries[start : start + _BATCH]) for start in range(0, len(queries), _BATCH)]
    return np.concatenate([ids for ids, _ in parts]), np.concatenate([score for _, score in parts])


def measure_speed(search: Callable[[np.ndarray], Any], queries: np.ndarray) -> Timing:
    """Times a function of a batch of queries, in this process and on this machine.

    Args:
        search: Takes [batch, ...] queries.
        queries: [m, ...], at least one.
    """
    singles = [queries[i : i + 1] for i in range(min(len(queries), _SINGLE_QUERIES))]
    for query in (singles * _WARM_UP_CALLS)[:_WARM_UP_CALLS]:
        search(query)
    times = [_seconds(search, query) for query in singles]
    batches = [queries[start : start + _BATCH] for start in range(0, len(queries), _BATCH)]
    search(batches[0])
    total = sum(_seconds(search, batch) for batch in batches)
    p50, p99 = np.percentile(times, [50, 99]) * 1000
    return Timing(float(p50), float(p99), len(queries) / total)


def _seconds(function: Callable[[np.ndarray], Any], argument: np.ndarray) -> float:
    start = time.perf_counter()
    function(argument)
    return time.perf_counter() - start


def gate(
    recall: float,
    depth: int,
    min_recall: float,
    p99_ms: float,
    max_latency_ms: float | None,
    model_blessed: bool | None,
) -> list[Check]:
    """Returns the conditions of the blessing; the index is blessed if all are passed.

    Args:
        recall: Measured recall at `depth`.
        depth: The index's top_k.
        min_recall: Least recall.
        p99_ms: Measured 99th percentile of single-query latency.
        max_latency_ms: Greatest latency, if there is a limit.
        model_blessed: Whether the model is blessed; None if nobody has judged it.
    """
    checks = [Check(f"recall@{depth}", recall, min_recall, recall >= min_recall)]
    if max_latency_ms is not None:
        checks.append(Check("latency_p99_ms", p99_ms, max_latency_ms, p99_ms <= max_latency_ms))
    if model_blessed is not None:
        checks.append(Check("model_blessed", model_blessed, True, model_blessed))
    return checks
