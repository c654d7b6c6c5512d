"""One row for each distinct candidate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.components.interaction_example_gen import hashing, keys
from tfx_retrieval.components.interaction_example_gen.columns import without_dictionary
from tfx_retrieval.components.interaction_example_gen.keys import Keys
from tfx_retrieval.components.interaction_example_gen.report import split_bits
from tfx_retrieval.components.interaction_example_gen.sorted_rows import Piece


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
    positions: np.ndarray | None = None,
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
        positions: int64 [n], where each row stands in the table; unset: the rows are in its order.
    """
    content = np.zeros(table.num_rows, np.uint64)
    for name in columns:
        content = hashing.combine(content, hashing.hash_array(table[name].combine_chunks()))
    if positions is None:
        positions = np.arange(table.num_rows)
    tie = content if table_keys.has_timestamp else positions
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


def pick(
    pieces: Iterable[Piece], table_keys: Keys, split_codes: np.ndarray
) -> tuple[pa.Table, CandidateRows]:
    """Does what `find_candidates` does, with a table that comes piece by piece.

    Args:
        pieces: All rows of the table, with the columns that describe a candidate.
        table_keys: Keys of all rows.
        split_codes: int8 [n], the split of each row.

    Returns:
        The columns of each candidate's row, and what was found; `rows` are row numbers.
    """
    picked: _Picked | None = None
    for piece in pieces:
        found = _Picked(piece.table, piece.numbers, split_bits(split_codes[piece.numbers]))
        found = found.reduced(table_keys)
        picked = found if picked is None else picked.joined(found).reduced(table_keys)
    if picked is None or picked.differs is None:
        raise ValueError("a table without rows has no candidates")
    return picked.table, CandidateRows(picked.numbers, picked.differs, picked.splits)


@dataclasses.dataclass(frozen=True)
class _Picked:
    """Rows of which some may speak for their candidates.

    Attributes:
        table: The columns that describe a candidate.
        numbers: int64 [n], row numbers.
        splits: uint8 [n], the splits that each row stands for, as bits.
        differs: bool [n], of which rows it is known that others differ.
    """

    table: pa.Table
    numbers: np.ndarray
    splits: np.ndarray
    differs: np.ndarray | None = None

    def reduced(self, table_keys: Keys) -> _Picked:
        """Returns one row for each candidate."""
        found = find_candidates(
            self.table,
            table_keys.take(self.numbers),
            self.table.column_names,
            self.splits,
            self.differs,
            self.numbers,
        )
        rows = self.table.take(pa.array(found.rows))
        # A dictionary would carry the text of all rows along.
        decoded = [without_dictionary(column.combine_chunks()) for column in rows.columns]
        table = pa.table(decoded, self.table.column_names)
        return _Picked(table, self.numbers[found.rows], found.splits, found.differs)

    def joined(self, other: _Picked) -> _Picked:
        """Returns these rows and others."""
        return _Picked(
            pa.concat_tables([self.table, other.table]).combine_chunks(),
            np.concatenate([self.numbers, other.numbers]),
            np.concatenate([self.splits, other.splits]),
            np.concatenate([part for part in (self.differs, other.differs) if part is not None]),
        )


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
