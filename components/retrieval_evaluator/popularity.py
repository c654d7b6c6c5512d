"""Baselines whose ranking is a fixed order of the catalogue: popularity and random.

Ranks in a fixed order follow from counting the seen items that come before, so no score matrix is
needed however large the catalogue is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfx_retrieval.components.retrieval_evaluator.ranking import (
    IntArray,
    Ranks,
    Requests,
    SeenItems,
    row_means,
)

_QUERIES_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True)
class FixedOrder:
    """One order of the catalogue, rotated by a number of places for each query.

    Attributes:
        order: int64 [candidates], the candidates from first to last.
        offsets: int64 [queries], how many places query q's list is rotated to the right.
    """

    order: IntArray
    offsets: IntArray

    def places(self, queries: IntArray, candidates: IntArray) -> IntArray:
        """Returns the 0-based place of each candidate in the list of its query."""
        place = np.empty(len(self.order), np.int64)
        place[self.order] = np.arange(len(self.order))
        return (place[candidates] + self.offsets[queries]) % len(self.order)

    def items(self, queries: IntArray, places: IntArray) -> IntArray:
        """Returns the candidate at each 0-based place in the list of its query."""
        return self.order[(places - self.offsets[queries]) % len(self.order)]


def popularity_order(counts: npt.ArrayLike, number_of_queries: int) -> FixedOrder:
    """Returns the same list for all queries: most interactions first, equal counts by index.

    Args:
        counts: Training interactions of each candidate [candidates].
        number_of_queries: How many queries there are.

    Returns:
        The order.
    """
    order = np.argsort(-np.asarray(counts, np.int64), kind="stable")
    return FixedOrder(order, np.zeros(number_of_queries, np.int64))


def random_order(number_of_candidates: int, number_of_queries: int, seed: int) -> FixedOrder:
    """Returns a random permutation, rotated by a random number of places for each query.

    Every candidate is equally likely at every place of every query's list.

    Args:
        number_of_candidates: Size of the catalogue.
        number_of_queries: How many queries there are.
        seed: Seed of the generator.

    Returns:
        The order.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(number_of_candidates)
    return FixedOrder(order, generator.integers(number_of_candidates, size=number_of_queries))


def item_information(counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Returns the self-information of each candidate, which novelty averages.

    It is -log2 of the candidate's share of the training interactions, one added to each count so
    that a candidate without any is finite (Zhou et al., PNAS 2010).

    Args:
        counts: Training interactions of each candidate [candidates].

    Returns:
        Bits per candidate [candidates].
    """
    smoothed = np.asarray(counts, np.float64) + 1
    return -np.log2(smoothed / smoothed.sum())


def rank_fixed_order(
    fixed: FixedOrder,
    ranking_queries: IntArray,
    seen: SeenItems,
    requests: Requests,
    ks: Sequence[int],
    *,
    counted: npt.NDArray[np.bool_],
    item_information: npt.NDArray[np.float64],
) -> Ranks:
    """Does for a fixed order what `full_ranking.rank_requests` does for scores.

    Args:
        fixed: The order.
        ranking_queries: Query of each ranking [rankings].
        seen: Items taken out of the rankings, by query.
        requests: The ranks wanted; every one is given, however deep.
        ks: Cut-offs.
        counted: Which rankings count for `recommended` and `information` [rankings].
        item_information: A figure of each candidate that is averaged over recommendations.

    Returns:
        The ranks, in the order of `requests`.
    """
    width = seen.number_of_candidates
    seen_queries, seen_candidates = np.divmod(seen.keys(), max(width, 1))
    # Ordered by query, then place.
    seen_keys = np.sort(seen_queries * width + fixed.places(seen_queries, seen_candidates))

    excluded = np.zeros(len(requests.ranking), np.int64)
    kept = np.zeros(len(requests.ranking), np.int64)
    inside = requests.candidate < width
    queries, candidates = ranking_queries[requests.ranking[inside]], requests.candidate[inside]
    places = fixed.places(queries, candidates)
    ahead = np.searchsorted(seen_keys, queries * width + places) - seen.offsets[queries]
    kept[inside] = places + 1
    excluded[inside] = np.where(seen.contains(queries, candidates), 0, places + 1 - ahead)

    recommended = np.zeros((len(ks), width), bool)
    information = np.zeros((len(ranking_queries), len(ks)))
    counted_rankings = np.flatnonzero(counted)
    for start in range(0, len(counted_rankings), _QUERIES_AT_ONCE):
        rankings = counted_rankings[start : start + _QUERIES_AT_ONCE]
        top = _first_unseen(fixed, ranking_queries[rankings], seen, seen_keys, max(ks))
        for column, k in enumerate(ks):
            rows, places_of = np.nonzero(top[:, :k] >= 0)
            items = top[rows, places_of]
            recommended[column, items] = True
            information[rankings, column] = row_means(rows, item_information[items], len(rankings))
    return Ranks(excluded, kept, recommended, information)


def _first_unseen(
    fixed: FixedOrder, queries: IntArray, seen: SeenItems, seen_keys: IntArray, depth: int
) -> IntArray:
    """Returns the first `depth` unseen candidates of each query [queries, depth]; -1 past the end.

    If a query's seen items stand at places p_0 < p_1 < ..., then its j-th unseen item stands at
    place j + (the number of i with p_i - i <= j).
    """
    width = seen.number_of_candidates
    by_place = dataclasses.replace(seen, items=seen_keys % max(width, 1))
    rows, places = by_place.of_rows(queries)
    starts = np.searchsorted(rows, np.arange(len(queries)))
    shifted = places - (np.arange(len(rows)) - starts[rows])
    near = shifted < depth
    skipped = np.bincount(rows[near] * depth + shifted[near], minlength=len(queries) * depth)
    skipped = np.cumsum(skipped.reshape(len(queries), depth), axis=1)
    wanted = np.arange(depth) + skipped
    items = fixed.items(np.repeat(queries, depth), wanted.ravel()).reshape(wanted.shape)
    return np.where(wanted < width, items, -1)
