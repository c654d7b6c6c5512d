"""Counts rows by time, with as few distinct times as the cuts of a temporal split need.

Times are first counted by spans of 18 hours, then by seconds where a cut may fall. So the counts of
any number of rows stay small.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from tfx_retrieval.components.interaction_example_gen import splits
from tfx_retrieval.components.interaction_example_gen.table_spec import SplitSpec

_SPAN_SECONDS = 1 << 16
_SPANS_AROUND_A_CUT = 2
_ROWS_AT_ONCE = 1 << 20

# Distinct times, ascending, and how many rows have each.
Counts = tuple[np.ndarray, np.ndarray]


def count_for_cuts(times: np.ndarray, split: SplitSpec) -> Counts:
    """Returns counts that `splits.find_cuts` finds the same cuts in as in those of all times.

    Args:
        times: int64 [n], epoch seconds.
        split: The fractions.
    """
    bounds = [*range(0, len(times), _ROWS_AT_ONCE), len(times)]
    parts = [times[start:stop] for start, stop in itertools.pairwise(bounds)]
    if len(parts) <= 1:
        return splits.time_counts(times)
    spans = merge(to_spans(splits.time_counts(part)) for part in parts)
    return merge(refine(splits.time_counts(part), spans, split) for part in parts)


def merge(parts: Iterable[Counts]) -> Counts:
    """Returns the counts of several parts as one."""
    parts = list(parts)
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    values, codes = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    sums = np.zeros(len(values), np.int64)
    np.add.at(sums, codes, np.concatenate([part[1] for part in parts]))
    return values, sums


def to_spans(counts: Counts) -> Counts:
    """Returns the counts by span; the first second of a span stands for it."""
    return merge([(counts[0] // _SPAN_SECONDS * _SPAN_SECONDS, counts[1])])


def refine(counts: Counts, spans: Counts, split: SplitSpec) -> Counts:
    """Keeps seconds in the spans where a cut may fall, and spans elsewhere.

    Args:
        counts: Rows by second, of a part.
        spans: Rows by span, of the whole.
        split: The fractions.
    """
    starts = counts[0] // _SPAN_SECONDS * _SPAN_SECONDS
    exact = np.isin(starts, spans[0][_near_cuts(spans[1], split)])
    return merge([(np.where(exact, counts[0], starts), counts[1])])


def _near_cuts(counts: np.ndarray, split: SplitSpec) -> np.ndarray:
    """Returns which spans may hold a cut: those near the fractions asked for and the first."""
    near = np.zeros(len(counts), bool)
    near[: len(split.names)] = True
    ends = np.cumsum(counts) / max(counts.sum(), 1)
    later = split.test_fraction
    for target in (1 - later, 1 - later - split.eval_fraction):
        index = int(np.searchsorted(ends, target))
        near[max(0, index - _SPANS_AROUND_A_CUT) : index + _SPANS_AROUND_A_CUT + 1] = True
    return near
