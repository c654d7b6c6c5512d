"""Slices of the evaluation interactions: cold and warm, and values of a column."""

from __future__ import annotations

import numpy as np

from tfx_retrieval.components.retrieval_evaluator.ranking import BoolArray, IntArray

COLD_START = ("query:cold", "query:warm", "candidate:cold", "candidate:warm")
"""Slices that every report has; "cold" means without a row in the training split."""

MAX_VALUES = 50
"""How many values of a column become slices, those with most interactions first."""


def cold_start_slices(
    queries: IntArray, candidates: IntArray, trained_queries: BoolArray, train_counts: IntArray
) -> dict[str, BoolArray]:
    """Splits the interactions by whether their query and their candidate occur in training.

    Args:
        queries: int64 [T], query of each interaction, an index of `trained_queries`.
        candidates: int64 [T], candidate of each; those outside the catalogue are cold.
        trained_queries: bool [queries], whether the query has a training row.
        train_counts: int64 [candidates], training rows of each candidate.

    Returns:
        The names in `COLD_START` to bool [T].
    """
    warm_query = trained_queries[queries]
    warm_candidate = np.zeros(len(candidates), bool)
    inside = candidates < len(train_counts)
    warm_candidate[inside] = train_counts[candidates[inside]] > 0
    masks = (~warm_query, warm_query, ~warm_candidate, warm_candidate)
    return dict(zip(COLD_START, masks, strict=True))


def slice_name(column: str, value: str) -> str:
    """Returns the name of the slice of rows that have `value` in `column`."""
    return f"{column}={value}"


def column_slices(
    column: str,
    rows: IntArray,
    codes: IntArray,
    values: list[str],
    number_of_rows: int,
    required: frozenset[str] = frozenset(),
) -> tuple[dict[str, BoolArray], int]:
    """Makes a slice of each value of a categorical column, single- or multi-valued.

    Args:
        column: Name of the column.
        rows: int64 [n], the row of each value in [0, number_of_rows).
        codes: int64 [n], the value as an index of `values`.
        values: Distinct values as text.
        number_of_rows: How many interactions there are.
        required: Names of slices to make however few rows they have.

    Returns:
        Slice name to bool [number_of_rows], and how many values were left out because the column
        has more than `MAX_VALUES`.
    """
    counts = np.bincount(codes, minlength=len(values))
    by_count = sorted(range(len(values)), key=lambda code: (-counts[code], values[code]))
    chosen = [
        code
        for place, code in enumerate(by_count)
        if counts[code] and (place < MAX_VALUES or slice_name(column, values[code]) in required)
    ]
    result = {}
    for code in sorted(chosen, key=lambda code: values[code]):
        mask = np.zeros(number_of_rows, bool)
        mask[rows[codes == code]] = True
        result[slice_name(column, values[code])] = mask
    return result, int(np.count_nonzero(counts)) - len(chosen)
