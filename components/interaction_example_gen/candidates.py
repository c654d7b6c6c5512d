"""One row for each distinct candidate."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.components.interaction_example_gen import hashing, keys
from tfx_retrieval.components.interaction_example_gen.keys import Keys


@dataclasses.dataclass(frozen=True)
class CandidateRows:
    """The row that speaks for each of c candidates.

    Attributes:
        rows: int64 [c], row numbers of the table.
        differs: bool [c], whether the candidate has rows whose candidate columns differ.
        splits: uint8 [c], the splits that the candidate is in: bit k stands for split k.
    """

    rows: np.ndarray
    differs: np.ndarray
    splits: np.ndarray


def find_candidates(
    table: pa.Table,
    table_keys: Keys,
    columns: Sequence[str],
    splits: np.ndarray,
    differs: np.ndarray | None = None,
) -> CandidateRows:
    """Picks the latest row of each candidate; without a timestamp the last row of the table.

    Among the rows of a candidate's last second a hash of their content decides, so that the choice
    does not depend on the order of rows.

    Args:
        table: The interactions, or candidates picked from parts of them.
        table_keys: Their keys.
        columns: The columns that describe a candidate.
        splits: uint8 [n], the splits that each row stands for, as bits.
        differs: bool [n], of which rows it is already known that others differ.
    """
    content = np.zeros(table.num_rows, np.uint64)
    for name in columns:
        content = hashing.combine(content, hashing.hash_array(table[name].combine_chunks()))
    tie = content if table_keys.has_timestamp else np.arange(table.num_rows)
    latest = _latest(table_keys, tie)
    row_differs = content != content[latest[table_keys.candidate]]
    if differs is not None:
        row_differs |= differs
    codes = len(latest)
    code_differs = np.zeros(codes, bool)
    code_differs[table_keys.candidate[row_differs]] = True
    code_splits = np.zeros(codes, np.uint8)
    np.bitwise_or.at(code_splits, table_keys.candidate, splits)
    used = latest >= 0
    return CandidateRows(latest[used], code_differs[used], code_splits[used])


def _latest(table_keys: Keys, tie: np.ndarray) -> np.ndarray:
    """Returns the latest row for each candidate code, -1 for codes that no row has."""
    codes = len(table_keys.candidate_hash)
    last_time = np.full(codes, keys.NO_TIME)
    np.maximum.at(last_time, table_keys.candidate, table_keys.time)
    rows = np.flatnonzero(table_keys.time == last_time[table_keys.candidate])
    order = rows[keys.sorted_rows(table_keys.candidate[rows], tie[rows])]
    is_last = keys.group_ends(table_keys.candidate[order]) == np.arange(len(order)) + 1
    latest = np.full(codes, -1, np.int64)
    latest[table_keys.candidate[order[is_last]]] = order[is_last]
    return latest


def sort_by_id(table: pa.Table, rows: np.ndarray, candidate_id: str) -> np.ndarray:
    """Returns `rows` in the order of their candidate ids, so that the output is reproducible."""
    ids = table[candidate_id].take(pa.array(rows)).combine_chunks()
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary.take(ids.indices)
    return rows[pc.sort_indices(ids).to_numpy()]
