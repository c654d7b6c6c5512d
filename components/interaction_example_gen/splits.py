"""Divides interactions into train, eval and test.

Which split a row falls into depends on the values of the table and the seed, never on the order of
rows or files:

- random: by a hash of query and candidate, so that all interactions of one query with one candidate
  are on the same side and none that was trained on is asked for in eval.
- temporal: by time, cut once for all queries; rows of one second are on the same side.
- leave-one-out: the last interaction of each query is for eval; with a test split the last is for
  test and the one before for eval. Each query keeps at least one row in train. Among interactions
  of one second a hash decides which is last.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tfx_retrieval.components.interaction_example_gen import hashing, keys
from tfx_retrieval.components.interaction_example_gen.keys import Keys
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    LEAVE_ONE_OUT,
    RANDOM,
    TEMPORAL_SPLIT,
    SplitSpec,
)
from tfx_retrieval.errors import InputError, Problem

TRAIN_CODE, EVAL_CODE, TEST_CODE = 0, 1, 2
_SAMPLE_SALT = 0x5A17


@dataclasses.dataclass(frozen=True)
class Cuts:
    """Where the splits of a temporal split begin, in epoch seconds.

    Attributes:
        eval_time: First second of eval.
        test_time: First second of test; None if there is no test split.
    """

    eval_time: int
    test_time: int | None = None


def find_cuts(times: np.ndarray, counts: np.ndarray, split: SplitSpec) -> Cuts:
    """Returns the cuts that come closest to the fractions asked for.

    Args:
        times: int64 [t], distinct, ascending.
        counts: int64 [t], rows at each time.
        split: The fractions.

    Raises:
        InputError: There are too few distinct times to cut between.
    """
    if len(times) < len(split.names):
        raise InputError(
            Problem(
                "temporal split",
                f"{len(times)} distinct times",
                f"at least {len(split.names)}, so that no split is empty",
                "Use a random split, or a timestamp column that tells interactions apart.",
            )
        )
    before = np.concatenate([[0], np.cumsum(counts)[:-1]]) / counts.sum()
    test_index = len(times)
    if split.test_fraction > 0:
        # At least two times stay before the test split: one for train, one for eval.
        test_index = _closest(before, 1 - split.test_fraction, 2, len(times))
    target = 1 - split.test_fraction - split.eval_fraction
    eval_index = _closest(before, target, 1, test_index)
    test_time = int(times[test_index]) if split.test_fraction > 0 else None
    return Cuts(int(times[eval_index]), test_time)


def _closest(values: np.ndarray, target: float, start: int, stop: int) -> int:
    """Returns the index in [start, stop) of the value closest to `target`, the first of equals."""
    return start + int(np.abs(values[start:stop] - target).argmin())


def time_counts(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distinct times, ascending, and how many rows each has."""
    return np.unique(times, return_counts=True)


def assign(table_keys: Keys, split: SplitSpec, cuts: Cuts | None) -> np.ndarray:
    """Returns each row's split as a code: 0 train, 1 eval, 2 test; int8 [n].

    Args:
        table_keys: The rows; for leave-one-out with all rows of each query that is among them.
        split: How to divide.
        cuts: For a temporal split, what `find_cuts` returned for the whole table.
    """
    if split.method == TEMPORAL_SPLIT and cuts is None:
        raise ValueError("a temporal split needs its cuts")
    codes = np.empty(len(table_keys), np.int8)
    for rows in keys.query_parts(table_keys):
        codes[rows] = _assign_part(table_keys.take(rows), split, cuts)
    return codes


def _assign_part(table_keys: Keys, split: SplitSpec, cuts: Cuts | None) -> np.ndarray:
    if split.method == RANDOM:
        return _assign_random(table_keys, split)
    if split.method == TEMPORAL_SPLIT and cuts is not None:
        return _assign_temporal(table_keys, cuts)
    if split.method == LEAVE_ONE_OUT:
        return _assign_leave_one_out(table_keys, split)
    raise ValueError(f"unknown split method {split.method!r}")


def _assign_random(table_keys: Keys, split: SplitSpec) -> np.ndarray:
    position = hashing.uniform(table_keys.pair_hash(split.seed))
    codes = np.full(len(table_keys), TRAIN_CODE, np.int8)
    codes[position < split.test_fraction + split.eval_fraction] = EVAL_CODE
    codes[position < split.test_fraction] = TEST_CODE
    return codes


def _assign_temporal(table_keys: Keys, cuts: Cuts) -> np.ndarray:
    codes = np.where(table_keys.time < cuts.eval_time, TRAIN_CODE, EVAL_CODE).astype(np.int8)
    if cuts.test_time is not None:
        codes[table_keys.time >= cuts.test_time] = TEST_CODE
    return codes


def _assign_leave_one_out(table_keys: Keys, split: SplitSpec) -> np.ndarray:
    order = keys.sorted_rows(table_keys.query, table_keys.time, table_keys.row_hash(split.seed))
    query = table_keys.query[order]
    rows = np.arange(len(query))
    from_start = rows - keys.group_starts(query)
    from_end = keys.group_ends(query) - 1 - rows
    sorted_codes = np.full(len(query), TRAIN_CODE, np.int8)
    held_out = [EVAL_CODE] if split.test_fraction == 0 else [TEST_CODE, EVAL_CODE]
    for position, code in enumerate(held_out):
        sorted_codes[(from_end == position) & (from_start > 0)] = code
    codes = np.empty_like(sorted_codes)
    codes[order] = sorted_codes
    return codes


def sample_threshold(
    query_hash: np.ndarray, counts: np.ndarray, seed: int, sample_rows: int
) -> int | None:
    """Returns up to which hash queries are kept so that about `sample_rows` rows remain.

    A sample keeps queries whole. Single rows drawn at random would tear histories apart, leave
    most queries too short for leave-one-out, and make popular candidates rare.

    Args:
        query_hash: uint64 [q], one for each query.
        counts: int [q], rows of each query.
        seed: Seed of the draw.
        sample_rows: Rows wanted; queries are added until there are at least that many.

    Returns:
        The greatest sample hash (see `sampled`) that is kept, or None if all rows are.
    """
    if counts.sum() <= sample_rows:
        return None
    hashes = sample_hash(query_hash, seed)
    order = np.argsort(hashes)
    last = int(np.searchsorted(np.cumsum(counts[order]), sample_rows))
    return int(hashes[order[last]])


def sample_hash(query_hash: np.ndarray, seed: int) -> np.ndarray:
    """Returns the hash by which queries are drawn into a sample, uint64."""
    return hashing.seeded(hashing.seeded(query_hash, _SAMPLE_SALT), seed)


def sampled(table_keys: Keys, seed: int, threshold: int) -> np.ndarray:
    """Returns whether each row's query is in the sample, bool [n]."""
    return (sample_hash(table_keys.query_hash, seed) <= np.uint64(threshold))[table_keys.query]
