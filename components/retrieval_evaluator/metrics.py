"""Retrieval metrics from ranks, all with binary relevance.

Every metric is a quotient of sums over queries: a per-query metric sums the queries' values over
the number of queries, a per-interaction metric sums hits over interactions. That form serves the
figures, their slices and the bootstrap alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfx_retrieval.components.retrieval_evaluator.problem import Outcome, RankingProblem
from tfx_retrieval.components.retrieval_evaluator.ranking import (
    BoolArray,
    IntArray,
    running_count,
)

PER_QUERY = ("recall", "ndcg", "hit_rate", "precision", "map")
"""Metrics with a cut-off that are averaged over queries."""

PER_INTERACTION = ("top_k_accuracy", "top_k_accuracy_seen_kept")
"""Metrics with a cut-off that are averaged over interactions."""

OVERALL = ("coverage", "novelty")
"""Metrics with a cut-off of the recommendations as such, not given by slice."""


@dataclasses.dataclass(frozen=True)
class MetricTable:
    """Sums of each metric (M) by query (Q).

    Attributes:
        names: Metric names [M].
        numerators: float64 [Q, M].
        denominators: float64 [Q, M].
    """

    names: tuple[str, ...]
    numerators: npt.NDArray[np.float64]
    denominators: npt.NDArray[np.float64]

    def values(self) -> dict[str, float | None]:
        """Returns each metric; None where nothing could be measured."""
        return dict(
            zip(
                self.names,
                _quotients(self.numerators.sum(axis=0), self.denominators.sum(axis=0)),
                strict=True,
            )
        )


def metric_names(ks: Sequence[int]) -> list[str]:
    """Returns the names of all metrics that are measured at the given cut-offs."""
    names = [*PER_QUERY, *PER_INTERACTION, *OVERALL]
    return ["mrr", *(f"{name}@{k}" for name in names for k in ks)]


def metric_table(
    problem: RankingProblem,
    outcome: Outcome,
    ks: Sequence[int],
    interactions: BoolArray | None = None,
) -> MetricTable:
    """Computes the metrics of a system, or of a slice of the interactions.

    A query's relevant items are its distinct unseen items among the interactions; queries without
    any are left out of the per-query metrics. Relevant items outside the catalogue are misses.

    Args:
        problem: What was ranked.
        outcome: The ranks the system gave.
        ks: Cut-offs.
        interactions: bool [T], the slice; all by default.

    Returns:
        The sums by query.
    """
    mask = np.ones(len(problem.interaction_query), bool) if interactions is None else interactions
    pairs = np.flatnonzero(problem.pairs_of(mask) & ~problem.pair_seen)
    per_query, included = query_metrics(
        outcome.pair_rank[pairs], problem.pair_query[pairs], problem.number_of_queries, ks
    )
    columns: dict[str, tuple[np.ndarray, np.ndarray]] = {
        name: (values, included.astype(float)) for name, values in per_query.items()
    }
    unseen = np.flatnonzero(mask & ~problem.interaction_seen)
    for name, rows, ranks in (
        ("top_k_accuracy", unseen, outcome.interaction_rank),
        ("top_k_accuracy_seen_kept", np.flatnonzero(mask), outcome.interaction_rank_kept),
    ):
        queries, total = problem.interaction_query[rows], problem.number_of_queries
        counts = np.bincount(queries, minlength=total).astype(float)
        for k in ks:
            hits = (ranks[rows] > 0) & (ranks[rows] <= k)
            columns[f"{name}@{k}"] = (np.bincount(queries, hits, minlength=total), counts)
    if interactions is None:
        for column, k in enumerate(ks):
            values = np.where(included, outcome.novelty[:, column], 0.0)
            columns[f"novelty@{k}"] = (values, included.astype(float))
    numerators, denominators = zip(*columns.values(), strict=True)
    return MetricTable(tuple(columns), np.stack(numerators, axis=1), np.stack(denominators, axis=1))


def query_metrics(
    ranks: IntArray, queries: IntArray, number_of_queries: int, ks: Sequence[int]
) -> tuple[dict[str, npt.NDArray[np.float64]], BoolArray]:
    """Computes the per-query metrics from the ranks of the relevant items.

    With n relevant items, hits at ranks r_1 < r_2 < ...:
    recall@k = hits in the first k / n; precision@k = hits / k; hit_rate@k = 1 if there is any;
    ndcg@k = sum of 1/log2(r+1) over hits / the same of min(k, n) hits at the top;
    map@k = sum over hits of (i / r_i) / min(k, n); mrr = 1 / r_1.

    Args:
        ranks: int64 [n], 1-based rank of each relevant item, each rank once per query; 0 if not
            ranked.
        queries: int64 [n], its query.
        number_of_queries: Q.
        ks: Cut-offs.

    Returns:
        Metric name to values [Q] (zero for queries without relevant items), and which queries have
        relevant items [Q].
    """
    relevant = np.bincount(queries, minlength=number_of_queries)
    ranked = ranks > 0
    order = np.lexsort((ranks[ranked], queries[ranked]))
    hit_rank, hit_query = ranks[ranked][order], queries[ranked][order]
    hit_number = running_count(hit_query, np.ones(len(order), np.int64), number_of_queries)

    def total(weights: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.float64]:
        within = hit_rank <= k
        sums = np.bincount(hit_query[within], weights[within], minlength=number_of_queries)
        return sums.astype(np.float64)

    ones = np.ones(len(order))
    result = {"mrr": np.zeros(number_of_queries)}
    first = hit_number == 1
    result["mrr"][hit_query[first]] = 1.0 / hit_rank[first]
    ideal_gains = np.cumsum(1.0 / np.log2(np.arange(max(ks)) + 2.0))
    for k in ks:
        hits = total(ones, k)
        best = np.maximum(np.minimum(relevant, k), 1)
        result[f"recall@{k}"] = hits / np.maximum(relevant, 1)
        result[f"precision@{k}"] = hits / k
        result[f"hit_rate@{k}"] = (hits > 0).astype(float)
        result[f"ndcg@{k}"] = total(1.0 / np.log2(hit_rank + 1.0), k) / ideal_gains[best - 1]
        result[f"map@{k}"] = total(hit_number / hit_rank, k) / best
    return result, relevant > 0


def _quotients(
    numerators: npt.NDArray[np.float64], denominators: npt.NDArray[np.float64]
) -> list[float | None]:
    """Divides; None where the denominator is zero."""
    return [
        float(above / below) if below else None
        for above, below in zip(numerators, denominators, strict=True)
    ]
