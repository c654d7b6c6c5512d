"""Splits of the quality benchmark's protocols, in NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TRAIN, EVAL, TEST = 0, 1, 2
"""Codes of the splits; without TEST, figures are measured on EVAL."""

IntArray = npt.NDArray[np.int64]
SplitCodes = npt.NDArray[np.int8]


def random_split(rows: int, eval_fraction: float, seed: int) -> SplitCodes:
    """Returns codes of TRAIN and EVAL by one permutation of all rows.

    Args:
        rows: Number of rows.
        eval_fraction: Share of EVAL, rounded to whole rows.
        seed: Seed of the permutation.
    """
    order = np.random.default_rng(seed).permutation(rows)
    codes = np.full(rows, TRAIN, np.int8)
    codes[order[rows - round(rows * eval_fraction) :]] = EVAL
    return codes


def stratified_split(groups: IntArray, train_fraction: float, seed: int) -> SplitCodes:
    """Divides the rows of each group at random into TRAIN and EVAL.

    Follows `python_stratified_split` of recommenders-team/recommenders: of a group's n rows the
    first round(n * train_fraction) in random order are TRAIN, halves rounded to even.

    Args:
        groups: [rows], the group of each row.
        train_fraction: Share of TRAIN.
        seed: Seed of the draw.
    """
    rank, size = _random_ranks(groups, seed)
    return np.where(rank < np.round(size * train_fraction), TRAIN, EVAL).astype(np.int8)


def ratio_split(groups: IntArray, held_out: float, seed: int) -> SplitCodes:
    """Divides the rows of each group at random into TRAIN, EVAL and TEST.

    Follows RecBole's `RS` split grouped by user: floor(n * held_out) of a group's n rows each are
    EVAL and TEST, the remainder is TRAIN.

    Args:
        groups: [rows], the group of each row.
        held_out: Share of EVAL, and of TEST.
        seed: Seed of the draw.
    """
    rank, size = _random_ranks(groups, seed)
    held = np.floor(size * held_out).astype(np.int64)
    codes = np.full(len(groups), TRAIN, np.int8)
    codes[rank < 2 * held] = EVAL
    codes[rank < held] = TEST
    return codes


def cold_split(queries: IntArray, candidates: IntArray, held_out: float, seed: int) -> SplitCodes:
    """Holds out queries and candidates with all their rows, as EVAL.

    Args:
        queries: [rows].
        candidates: [rows].
        held_out: Share of the queries, and of the candidates, that are drawn.
        seed: Seed of the draw.
    """
    random = np.random.default_rng(seed)
    cold = np.zeros(len(queries), bool)
    for column in (queries, candidates):
        values = np.unique(column)
        drawn = random.permutation(values)[: round(len(values) * held_out)]
        cold |= np.isin(column, drawn)
    return np.where(cold, EVAL, TRAIN).astype(np.int8)


def core_rows(queries: IntArray, candidates: IntArray, least: int) -> npt.NDArray[np.bool_]:
    """Returns which rows stay when rare queries and candidates are left out until none is rare.

    Args:
        queries: [rows].
        candidates: [rows].
        least: Rows that each query and each candidate must have among those that stay.
    """
    kept = np.ones(len(queries), bool)
    while True:
        frequent = kept.copy()
        for column in (queries, candidates):
            frequent &= np.bincount(column, weights=kept)[column] >= least
        if (frequent == kept).all():
            return kept
        kept = frequent


def positions(groups: IntArray, times: IntArray) -> IntArray:
    """Returns each row's place in its group by time; rows of one time stay in their order.

    Args:
        groups: [rows], the group of each row.
        times: [rows].
    """
    order = np.lexsort((np.arange(len(groups)), times, groups))
    return _within_group(groups, order)[0]


def _random_ranks(groups: IntArray, seed: int) -> tuple[IntArray, IntArray]:
    """Returns each row's random place in its group, and the size of the group."""
    keys = np.random.default_rng(seed).random(len(groups))
    return _within_group(groups, np.lexsort((keys, groups)))


def _within_group(groups: IntArray, order: IntArray) -> tuple[IntArray, IntArray]:
    """Returns each row's place in its group and the group's size; `order` sorts by group."""
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    places, counts = np.empty((2, len(groups)), np.int64)
    places[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    counts[order] = np.repeat(sizes, sizes)
    return places, counts
