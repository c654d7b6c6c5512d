"""Exact full ranking of a catalogue, in batches of flat memory."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import threadpoolctl

from tfx_retrieval.components.retrieval_evaluator.ranking import (
    BoolArray,
    IntArray,
    Ranks,
    Requests,
    ScoreFunction,
    SeenItems,
    in_sorted,
    row_means,
    running_count,
)

_LOWEST = np.finfo(np.float32).min
_BATCH_SCORES = 4_000_000
_BATCH_ROWS = 256
_THREADS = 2


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
    simple = _simple_rankings(requests, counted)

    def rank_simple(batch: tuple[IntArray, IntArray, Requests]) -> None:
        rankings, entries, asked = batch
        batch_scores = _checked_scores(scores, score_rows[rankings], width)
        # Rankings are in the order of their queries, so a batch has few of these.
        queries, query_of = np.unique(ranking_queries[rankings], return_inverse=True)
        is_seen = np.zeros((len(queries), width), bool)
        is_seen[seen.of_rows(queries)] = True
        excluded[entries], kept[entries] = _rank_one_each(
            batch_scores, is_seen[query_of], asked.candidate, max(ks)
        )

    def rank(batch: tuple[IntArray, IntArray, Requests]) -> None:
        rankings, entries, asked = batch
        ranked = _rank_batch(
            _checked_scores(scores, score_rows[rankings], width),
            seen.of_rows(ranking_queries[rankings]),
            asked,
            max(ks),
            np.flatnonzero(counted[rankings]),
        )
        excluded[entries], kept[entries] = ranked.excluded, ranked.kept
        for column, k in enumerate(ks):
            first = ranked.top_rank <= k
            items = ranked.top_item[first]
            recommended[column, items] = True
            information[rankings, column] = row_means(
                ranked.top_row[first], item_information[items], len(rankings)
            )

    # NumPy lets go of Python's lock; no two batches share a request or a ranking. The threads of
    # two matrix products at once would be in each other's way.
    with (
        threadpoolctl.threadpool_limits(1, "blas"),
        concurrent.futures.ThreadPoolExecutor(_THREADS) as threads,
    ):
        for function, chosen in ((rank, ~simple), (rank_simple, simple)):
            for _ in threads.map(function, _batches(requests, np.flatnonzero(chosen), size)):
                pass
    return Ranks(excluded, kept, recommended, information)


def _simple_rankings(requests: Requests, counted: BoolArray) -> BoolArray:
    """Returns which rankings have one request and nothing else to be known of them."""
    number = np.bincount(requests.ranking, minlength=len(counted))
    grouped = np.zeros(len(counted), bool)
    grouped[requests.ranking[requests.group >= 0]] = True
    return (number == 1) & ~grouped & ~counted


def _batches(
    requests: Requests, rankings: IntArray, size: int
) -> Iterator[tuple[IntArray, IntArray, Requests]]:
    """Yields some rankings in batches.

    Args:
        requests: Requests in any rankings.
        rankings: The rankings wanted, ascending.
        size: Rankings of a batch.

    Yields:
        The rankings of a batch, the numbers of their requests, and these with their rankings
        renumbered from 0 on.
    """
    entries = np.flatnonzero(in_sorted(rankings, requests.ranking))
    places = np.searchsorted(rankings, requests.ranking[entries])
    for start in range(0, len(rankings), size):
        here = slice(*np.searchsorted(places, (start, start + size)))
        own = entries[here]
        asked = Requests(places[here] - start, requests.candidate[own], requests.group[own])
        yield rankings[start : start + size], own, asked


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


def _rank_one_each(
    scores: npt.NDArray[np.float32], is_seen: BoolArray, candidates: IntArray, depth: int
) -> tuple[IntArray, IntArray]:
    """Ranks one candidate in each row of a batch, by counting what is ahead of it.

    Args:
        scores: Scores of the catalogue [rows, candidates].
        is_seen: Which candidates are seen items [rows, candidates].
        candidates: The candidate of each row [rows]; those outside the catalogue have no rank.
        depth: Ranks beyond this one may be given as 0.

    Returns:
        Ranks among the unseen candidates and among all, as in `Ranks`.
    """
    rows, width = scores.shape
    inside = candidates < width
    items = np.where(inside, candidates, 0)
    own = scores[np.arange(rows), items]
    is_ahead = scores > own[:, None]
    # Ties go to the lower candidate.
    tied_rows, tied_items = np.divmod(np.flatnonzero(scores == own[:, None]), width)
    first = tied_items < items[tied_rows]
    is_ahead[tied_rows[first], tied_items[first]] = True
    ahead, seen_ahead = _row_counts(is_ahead), _row_counts(is_ahead & is_seen)
    own_seen = is_seen[np.arange(rows), items]

    ranked = inside & (own >= _LOWEST)
    kept = np.where(ranked & (ahead < depth), ahead + 1, 0)
    return np.where(ranked & ~own_seen, ahead - seen_ahead + 1, 0), kept


def _row_counts(mask: BoolArray) -> IntArray:
    """Returns how many entries of each row are true; bytes add up faster than booleans."""
    return mask.view(np.uint8).sum(axis=1, dtype=np.uint32).astype(np.int64)


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
