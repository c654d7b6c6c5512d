"""What InteractionExampleGen tells about the Examples that it made."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfx_retrieval.components.interaction_example_gen.keys import NO_TIME, Keys, query_parts
from tfx_retrieval.components.interaction_example_gen.splits import Cuts
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    LEAVE_ONE_OUT,
    RANDOM,
    TEMPORAL_SPLIT,
    SplitSpec,
)
from tfx_retrieval.errors import InputError, Problem

_logger = logging.getLogger("tfx_retrieval.interaction_example_gen")

FILE_NAME = "report.json"
NOT_SAMPLED = "a query outside the sample"

_REMEDIES = {
    RANDOM: "Give more rows, or a larger eval_fraction.",
    TEMPORAL_SPLIT: "Use a random split, or other fractions.",
    LEAVE_ONE_OUT: "Use a random or temporal split: too few queries have several interactions.",
}


@dataclasses.dataclass
class SplitReport:
    """Figures of one split.

    Attributes:
        rows: Interactions.
        queries: Distinct queries.
        candidates: Distinct candidates.
        first_time: Earliest interaction, epoch seconds; None if no row has a time.
        last_time: Latest interaction.
        queries_not_in_train: Queries that train has never met.
        candidates_not_in_train: Candidates that train has never met.
        rows_seen_in_train: Rows whose query met the same candidate in train too.
    """

    rows: int
    queries: int
    candidates: int
    first_time: int | None = None
    last_time: int | None = None
    queries_not_in_train: int = 0
    candidates_not_in_train: int = 0
    rows_seen_in_train: int = 0

    def include_times(self, times: np.ndarray) -> None:
        """Widens the span of time to hold those of some rows, int64, `NO_TIME` where missing."""
        known = times[times != NO_TIME]
        if not len(known):
            return
        first, last = int(known.min()), int(known.max())
        self.first_time = first if self.first_time is None else min(first, self.first_time)
        self.last_time = last if self.last_time is None else max(last, self.last_time)


@dataclasses.dataclass
class Report:
    """Figures of a whole run; written as `report.json` beside the splits.

    Attributes:
        rows_read: Rows in the files.
        rows_kept: Rows in the Examples.
        left_out: Rows left out, by rule.
        candidates: Distinct candidates.
        candidates_with_differing_rows: Candidates whose rows do not agree on their columns; the
            latest row counts.
        split_method: How rows were divided.
        cuts: For a temporal split, where eval and test begin, epoch seconds.
        splits: Figures of each split.
        engine: What made the Examples.
    """

    rows_read: int
    rows_kept: int
    left_out: dict[str, int]
    candidates: int
    candidates_with_differing_rows: int
    split_method: str
    cuts: Cuts | None
    splits: dict[str, SplitReport]
    engine: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON values."""
        return dataclasses.asdict(self)


def describe_splits(
    table_keys: Keys, split_codes: np.ndarray, candidate_splits: np.ndarray, names: Sequence[str]
) -> dict[str, SplitReport]:
    """Counts what is in each split.

    Args:
        table_keys: Keys of rows; all rows of each query that is among them.
        split_codes: int8 [n], index in `names` of each row's split.
        candidate_splits: uint8 [c], the splits that each candidate is in: bit k stands for split k.
        names: Names of the splits; the first is train.
    """
    counts = candidate_counts(candidate_splits, names)
    reports = {name: SplitReport(0, 0, **counts[name]) for name in names}
    for rows in query_parts(table_keys):
        part, codes = table_keys.take(rows), split_codes[rows]
        queries_in = np.zeros(len(part.query_hash), np.uint8)
        np.bitwise_or.at(queries_in, part.query, split_bits(codes))
        pairs = part.query.astype(np.int64) * len(part.candidate_hash) + part.candidate
        train_pairs = np.unique(pairs[codes == 0])
        for code, name in enumerate(names):
            split, there = reports[name], codes == code
            queries, new_queries = _count_split(queries_in, code)
            split.rows += int(there.sum())
            split.queries += queries
            split.queries_not_in_train += new_queries
            split.rows_seen_in_train += _count_in(train_pairs, pairs[there]) if code else 0
            split.include_times(part.time[there])
    return reports


def candidate_counts(
    candidate_splits: np.ndarray, names: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Returns the figures of a `SplitReport` that are about candidates, by split.

    Args:
        candidate_splits: uint8 [c], the splits that each candidate is in, as bits.
        names: Names of the splits.
    """
    counts = {}
    for code, name in enumerate(names):
        candidates, new_candidates = _count_split(candidate_splits, code)
        counts[name] = {"candidates": candidates, "candidates_not_in_train": new_candidates}
    return counts


def split_bits(split_codes: np.ndarray) -> np.ndarray:
    """Returns each row's split as a bit, uint8 [n]."""
    return (1 << split_codes).astype(np.uint8)


def _count_split(splits: np.ndarray, code: int) -> tuple[int, int]:
    """Returns how many are in a split, and how many of these are not in train (0 for train)."""
    there = (splits >> code) & 1 == 1
    return int(there.sum()), int((there & (splits & 1 == 0)).sum()) if code else 0


def check_splits(reports: dict[str, SplitReport], split: SplitSpec) -> None:
    """Raises an `InputError` if a split is empty."""
    counts = ", ".join(f"{name} {part.rows:,}" for name, part in reports.items())
    empty = [name for name, part in reports.items() if not part.rows]
    if empty:
        received = f"no rows for {' and '.join(empty)} ({counts})"
        expected = "at least one row in each split"
        problem = Problem(f"{split.method} split", received, expected, _REMEDIES[split.method])
        raise InputError(problem)


def _count_in(sorted_values: np.ndarray, values: np.ndarray) -> int:
    if not len(sorted_values):
        return 0
    positions = np.searchsorted(sorted_values, values).clip(max=len(sorted_values) - 1)
    return int((sorted_values[positions] == values).sum())


def log_splits(report: Report) -> None:
    """Logs the figures that a person wants to see at once."""
    for name, split in report.splits.items():
        _logger.info("%s: %s", name, _describe(split))
        if name == "train":
            continue
        if split.rows_seen_in_train:
            repeated = _count(split.rows_seen_in_train, "row repeats", "rows repeat")
            _logger.info("%s: %s a pair of train", name, repeated)
        if split.queries_not_in_train or split.candidates_not_in_train:
            queries = _count(split.queries_not_in_train, "query", "queries")
            candidates = _count(split.candidates_not_in_train, "candidate", "candidates")
            _logger.info("%s: %s and %s are not in train", name, queries, candidates)
    differing = report.candidates_with_differing_rows
    have = _count(differing, "has", "have")
    more = f"; {have} rows that differ, of which the latest counts" if differing else ""
    _logger.info("%s%s", _count(report.candidates, "candidate", "candidates"), more)


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _describe(split: SplitReport) -> str:
    rows = _count(split.rows, "row", "rows")
    text = f"{rows} of {_count(split.queries, 'query', 'queries')}"
    if split.first_time is None or split.last_time is None:
        return text
    return f"{text}, {_date(split.first_time)} to {_date(split.last_time)}"


def _date(seconds: int) -> str:
    # timedelta, because fromtimestamp refuses years that are far from 1970.
    epoch = datetime.datetime(1970, 1, 1)
    return f"{epoch + datetime.timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
