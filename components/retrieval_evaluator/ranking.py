"""Exact full ranking of a catalogue, in batches of flat memory.

Order of a ranking: higher score first; equal scores by lower candidate index. The evaluator numbers
candidates by ascending id, so ties go to the lower id (numbers by value, strings by bytes).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tfx_retrieval.errors import InputError, Problem

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating]

ScoreFunction = Callable[[IntArray], npt.NDArray[np.float32]]
"""Maps score row numbers [b] to scores [b, number of candidates].

Returns a new float32 array on each call: the ranking overwrites it. `-inf` means "never recommend".
"""

_LOWEST = np.finfo(np.float32).min
_BATCH_SCORES = 4_000_000
_BATCH_ROWS = 256


@dataclasses.dataclass(frozen=True)
class SeenItems:
    """The distinct candidates that each query has already interacted with (CSR layout).

    Attributes:
        offsets: int64 [queries + 1]; the items of query q are `items[offsets[q]:offsets[q + 1]]`.
        items: int64 candidate indices, ascending within a query.
        number_of_candidates: Size of the catalogue.
    """

    offsets: IntArray
    items: IntArray
    number_of_candidates: int

    @classmethod
    def from_pairs(
        cls,
        queries: npt.ArrayLike,
        candidates: npt.ArrayLike,
        number_of_queries: int,
        number_of_candidates: int,
    ) -> SeenItems:
        """Builds the table from interactions in any order, duplicates allowed.

        Args:
            queries: Query index of each interaction, in [0, number_of_queries).
            candidates: Candidate index of each; those outside the catalogue are left out.
            number_of_queries: Rows of the table.
            number_of_candidates: Size of the catalogue.

        Returns:
            The table.
        """
        query_array = np.asarray(queries, np.int64)
        candidate_array = np.asarray(candidates, np.int64)
        inside = (candidate_array >= 0) & (candidate_array < number_of_candidates)
        keys = np.unique(query_array[inside] * number_of_candidates + candidate_array[inside])
        width = max(number_of_candidates, 1)
        counts = np.bincount(keys // width, minlength=number_of_queries)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(offsets, keys % width, number_of_candidates)

    def counts(self) -> IntArray:
        """Returns how many items each query has seen."""
        return np.diff(self.offsets)

    def keys(self) -> IntArray:
        """Returns `query * number_of_candidates + item` of every entry, ascending."""
        queries = np.repeat(np.arange(len(self.offsets) - 1), self.counts())
        return queries * self.number_of_candidates + self.items

    def contains(self, queries: IntArray, candidates: IntArray) -> BoolArray:
        """Returns for each (query, candidate) whether the query has seen the candidate."""
        inside = candidates < self.number_of_candidates
        return inside & in_sorted(self.keys(), queries * self.number_of_candidates + candidates)

    def of_rows(self, queries: IntArray) -> tuple[IntArray, IntArray]:
        """Gathers the items of several queries.

        Args:
            queries: Query indices [b].

        Returns:
            Row in [0, b) and candidate index of every entry, ordered by row, then candidate.
        """
        counts = self.offsets[queries + 1] - self.offsets[queries]
        rows = np.repeat(np.arange(len(queries)), counts)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        within = np.arange(len(rows)) - starts[rows]
        return rows, self.items[self.offsets[queries][rows] + within]


@dataclasses.dataclass(frozen=True)
class Requests:
    """Whose rank is wanted in which ranking; ordered by ranking.

    Attributes:
        ranking: int64 [n], the ranking's number, ascending.
        candidate: int64 [n], the candidate's index; those outside the catalogue have no rank.
        group: int64 [n]; the best ranked unseen request of each group in a ranking is ranked
            however deep it lies. -1 for none.
    """

    ranking: IntArray
    candidate: IntArray
    group: IntArray

    def batch(self, entries: slice, first_ranking: int) -> Requests:
        """Returns the entries with their rankings renumbered from `first_ranking` on."""
        return Requests(
            self.ranking[entries] - first_ranking, self.candidate[entries], self.group[entries]
        )


@dataclasses.dataclass(frozen=True)
class Ranks:
    """What a pass over the rankings found.

    Attributes:
        excluded: int64 [n], 1-based rank of each request among the unseen candidates; 0 for seen
            ones and those outside the catalogue, and possibly for those beyond the largest k that
            are not the best of a group.
        kept: int64 [n], 1-based rank among all candidates; 0 if outside the catalogue or, by
            scores, beyond the largest k.
        recommended: bool [len(ks), candidates], whether any counted ranking has the candidate
            among its first k unseen ones.
        information: float64 [rankings, len(ks)], mean of `item_information` over the first k
            unseen candidates; zero for rankings that are not counted.
    """

    excluded: IntArray
    kept: IntArray
    recommended: BoolArray
    information: npt.NDArray[np.float64]


def in_sorted(values: IntArray, wanted: IntArray) -> BoolArray:
    """Returns for each of `wanted` whether it occurs in the ascending `values`."""
    if not len(values):
        return np.zeros(len(wanted), bool)
    positions = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return values[positions] == wanted


def dot_product_scores(
    query_embeddings: npt.ArrayLike, candidate_embeddings: npt.ArrayLike
) -> ScoreFunction:
    """Returns the score function of a two-tower model.

    Args:
        query_embeddings: [score rows, d], used as float32.
        candidate_embeddings: [candidates, d], used as float32.

    Returns:
        The function from row numbers to float32 dot products.

    Raises:
        InputError: An embedding is not finite.
        ValueError: The dimensions differ.
    """
    queries = np.ascontiguousarray(query_embeddings, np.float32)
    candidates = np.ascontiguousarray(candidate_embeddings, np.float32)
    if queries.ndim != 2 or candidates.ndim != 2 or queries.shape[1] != candidates.shape[1]:
        raise ValueError(
            "Query and candidate embeddings must be matrices of one dimension d, but their shapes "
            f"are {queries.shape} and {candidates.shape}."
        )
    for side, embeddings in (("query", queries), ("candidate", candidates)):
        bad = int((~np.isfinite(embeddings)).any(axis=1).sum())
        if bad:
            raise InputError(
                Problem(
                    f"{side} embeddings",
                    f"NaN or infinity in {bad:,} of {len(embeddings):,}",
                    "finite numbers",
                    "Train with a lower learning rate, or look for numbers out of range.",
                )
            )
    return lambda rows: queries[rows] @ candidates.T


def rank_requests(
    scores: ScoreFunction,
    score_rows: IntArray,
    ranking_queries: IntArray,
    seen: SeenItems,
    requests: Requests,
    ks: Sequence[int],
    *,
    counted: BoolArray,
    item_information: npt.NDArray[np.float64],
    batch_size: int | None = None,
) -> Ranks:
    """Ranks the catalogue for every ranking and looks up the requests.

    Memory is bounded by one batch of scores, whatever the number of rankings.

    Args:
        scores: Score function over the catalogue.
        score_rows: Row of `scores` of each ranking [rankings].
        ranking_queries: Query of each ranking [rankings], for the seen items.
        seen: Items taken out of the rankings, by query.
        requests: The ranks wanted.
        ks: Cut-offs; the largest is the depth of the rankings.
        counted: Which rankings count for `recommended` and `information` [rankings].
        item_information: A figure of each candidate that is averaged over recommendations.
        batch_size: Rankings scored at once; by default at most 256 and four million scores.

    Returns:
        The ranks, in the order of `requests`.

    Raises:
        ValueError: The score function returns NaN or the wrong shape.
    """
    width = seen.number_of_candidates
    size = batch_size or max(1, min(_BATCH_ROWS, _BATCH_SCORES // max(width, 1)))
    excluded = np.zeros(len(requests.ranking), np.int64)
    kept = np.zeros(len(requests.ranking), np.int64)
    recommended = np.zeros((len(ks), width), bool)
    information = np.zeros((len(score_rows), len(ks)))
    for start in range(0, len(score_rows), size):
        rows = slice(start, start + size)
        wanted = slice(*np.searchsorted(requests.ranking, (start, start + size)))
        batch = _rank_batch(
            _checked_scores(scores, score_rows[rows], width),
            seen.of_rows(ranking_queries[rows]),
            requests.batch(wanted, start),
            max(ks),
            np.flatnonzero(counted[rows]),
        )
        excluded[wanted], kept[wanted] = batch.excluded, batch.kept
        for column, k in enumerate(ks):
            first = batch.top_rank <= k
            items = batch.top_item[first]
            recommended[column, items] = True
            information[rows, column] = row_means(
                batch.top_row[first], item_information[items], len(score_rows[rows])
            )
    return Ranks(excluded, kept, recommended, information)


@dataclasses.dataclass(frozen=True)
class _BatchRanks:
    """Ranks of one batch's requests and its counted rankings' first `depth` unseen candidates."""

    excluded: IntArray
    kept: IntArray
    top_row: IntArray
    top_item: IntArray
    top_rank: IntArray


def _checked_scores(
    scores: ScoreFunction, rows: IntArray, number_of_candidates: int
) -> npt.NDArray[np.float32]:
    """Scores a batch as a contiguous float32 matrix that may be overwritten."""
    result = np.ascontiguousarray(scores(rows), np.float32)
    if result.shape != (len(rows), number_of_candidates):
        raise ValueError(
            f"The score function must return an array of shape {(len(rows), number_of_candidates)} "
            f"(rows, candidates), but it returned {result.shape}."
        )
    if np.isnan(result.sum()) and np.isnan(result).any():
        raise ValueError("The score function returned NaN: such scores cannot be ranked.")
    return result


def _rank_batch(
    scores: npt.NDArray[np.float32],
    seen: tuple[IntArray, IntArray],
    requests: Requests,
    depth: int,
    counted_rows: IntArray,
) -> _BatchRanks:
    """Ranks one batch of scores, which is overwritten.

    Only the candidates above a row's threshold, a lower bound of its `depth`-th best unseen score,
    are sorted: they hold the first `depth` of both rankings, with and without the seen items.
    """
    width = scores.shape[1]
    seen_rows, seen_items = seen
    seen_scores = scores[seen_rows, seen_items]
    scores[seen_rows, seen_items] = -np.inf
    thresholds = _thresholds(scores, depth)
    deep = _deep_ranks(scores, requests, thresholds)
    scores[seen_rows, seen_items] = seen_scores

    # Row-major positions come out ascending, so that they can be searched and sorted stably.
    positions = np.flatnonzero(scores >= thresholds[:, None])
    unseen = ~in_sorted(seen_rows * width + seen_items, positions)
    # Where most scores are equal, only so many of the threshold's ties can be among the first.
    ties = unseen & (scores.ravel()[positions] == thresholds[positions // width])
    enough = running_count(positions // width, ties.astype(np.int64), len(scores)) > depth
    positions, unseen = positions[~(ties & enough)], unseen[~(ties & enough)]
    rows, items = np.divmod(positions, width)
    order = np.argsort(_sort_keys(rows, scores.ravel()[positions]), kind="stable")
    sorted_rows, sorted_unseen = rows[order], unseen[order]
    kept_rank = running_count(sorted_rows, np.ones(len(order), np.int64), len(scores))
    excluded_rank = running_count(sorted_rows, sorted_unseen.astype(np.int64), len(scores))
    excluded_rank[~sorted_unseen] = 0

    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    wanted = requests.ranking * width + requests.candidate
    found = in_sorted(positions, wanted) & (requests.candidate < width)
    slots = place[np.searchsorted(positions, wanted[found])]
    excluded, kept = deep, np.zeros(len(wanted), np.int64)
    excluded[found], kept[found] = excluded_rank[slots], kept_rank[slots]
    # Beyond the depth, ties that were left out are missing from the count.
    kept[kept > depth] = 0

    top = (excluded_rank > 0) & (excluded_rank <= depth) & in_sorted(counted_rows, sorted_rows)
    return _BatchRanks(excluded, kept, sorted_rows[top], items[order][top], excluded_rank[top])


def _thresholds(scores: npt.NDArray[np.float32], depth: int) -> npt.NDArray[np.float32]:
    """Returns for each row a lower bound of its `depth`-th highest score, never below `_LOWEST`.

    The `depth`-th highest maximum of disjoint groups of columns is such a bound, and finding it
    costs one vectorised pass and a partition of far fewer values than the row has.
    """
    rows, width = scores.shape
    if width <= depth:
        return np.full(rows, _LOWEST, np.float32)
    members = max(1, width // (4 * depth))
    groups = width // members
    maxima = scores[:, : groups * members].reshape(rows, members, groups).max(axis=1)
    maxima = np.concatenate([maxima, scores[:, groups * members :]], axis=1)
    nth = maxima.shape[1] - depth
    return np.maximum(np.partition(maxima, nth, axis=1)[:, nth], _LOWEST)


def _deep_ranks(
    scores: npt.NDArray[np.float32], requests: Requests, thresholds: npt.NDArray[np.float32]
) -> IntArray:
    """Ranks the best unseen request of each group unless it is above its row's threshold.

    `scores` has the seen items at -inf. Other requests get 0.
    """
    ranks = np.zeros(len(requests.ranking), np.int64)
    grouped = np.flatnonzero((requests.group >= 0) & (requests.candidate < scores.shape[1]))
    own = scores[requests.ranking[grouped], requests.candidate[grouped]]
    grouped, own = grouped[own >= _LOWEST], own[own >= _LOWEST]
    order = np.lexsort(
        (requests.candidate[grouped], -own, requests.group[grouped], requests.ranking[grouped])
    )
    grouped, own = grouped[order], own[order]
    first = np.ones(len(grouped), bool)
    first[1:] = (np.diff(requests.ranking[grouped]) != 0) | (np.diff(requests.group[grouped]) != 0)
    deep = first & (own <= thresholds[requests.ranking[grouped]])
    # One row at a time: copying the rows together costs more than the loop.
    for request, score in zip(grouped[deep], own[deep], strict=True):
        row, candidate = scores[requests.ranking[request]], requests.candidate[request]
        ahead = np.count_nonzero(row > score) + np.count_nonzero(row[:candidate] == score)
        ranks[request] = ahead + 1
    return ranks


def _sort_keys(rows: IntArray, values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """Returns keys whose ascending order is by row, then by descending value."""
    # Adding zero turns -0.0 into 0.0. The bits of positive floats ascend with the value, those of
    # negative floats descend: flipping them suitably gives one unsigned order.
    bits = (values + np.float32(0)).view(np.uint32)
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(0x80000000))
    return (rows.astype(np.uint64) << np.uint64(32)) | (~ascending).astype(np.uint64)


def running_count(rows: IntArray, flags: IntArray, number_of_rows: int) -> IntArray:
    """Returns the cumulative sum of `flags` within each run of equal `rows` (ascending)."""
    total = np.concatenate([[0], np.cumsum(flags)])
    starts = np.searchsorted(rows, np.arange(number_of_rows))
    return total[1:] - total[starts][rows]


def row_means(
    rows: IntArray, values: npt.NDArray[np.float64], number_of_rows: int
) -> npt.NDArray[np.float64]:
    """Returns the mean of `values` per row; 0 for rows without values."""
    counts = np.bincount(rows, minlength=number_of_rows)
    sums = np.bincount(rows, weights=values, minlength=number_of_rows)
    return sums / np.maximum(counts, 1)
