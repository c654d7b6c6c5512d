"""What a ranking of a catalogue is asked for: requests, seen items, scores, ranks.

Order of a ranking: higher score first; equal scores by lower candidate index. The evaluator numbers
candidates by ascending id, so ties go to the lower id (numbers by value, strings by bytes).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

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
