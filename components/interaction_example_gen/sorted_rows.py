"""Holds the rows of a table sorted, on disk where they are many.

Records are written in the order of a hash of who met what and when, which scatters the rows of a
file over all files of the Examples. So the rows are sorted as tables that do not fit into memory
are: a few million rows at a time are sorted and set aside (a run), and when the rows of a range of
hashes are asked for, each run gives its slice. The last run stays in memory, so that a table of one
run is never written; the others are Arrow IPC files in a temporary directory, mapped into memory
only while a slice is copied.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from tfx_retrieval.components.interaction_example_gen import columns, load
from tfx_retrieval.components.interaction_example_gen.columns import Kind
from tfx_retrieval.components.interaction_example_gen.keys import (
    KeyPart,
    Keys,
    join_keys,
    make_key_part,
)
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec
from tfx_retrieval.components.interaction_example_gen.tables import Block
from tfx_retrieval.errors import InputError, Problem

_RUN_BYTES = 64 << 20
_ROWS_PER_PIECE = 1 << 17
# A run has these two columns behind those of the table.
_ROW, _HASH = "\0row", "\0hash"
_HASHES = 1 << 64


@dataclasses.dataclass(frozen=True)
class Piece:
    """Some rows.

    Attributes:
        table: Their columns, in final types; see `load.Loaded`.
        numbers: int64 [n], their row numbers.
        order: int64 [n], where in `table` the row with the smallest hash stands, the next, and so
            on; rows of one hash are in the order of the files.
    """

    table: pa.Table
    numbers: np.ndarray
    order: np.ndarray


@dataclasses.dataclass(frozen=True)
class Range:
    """Consecutive rows of a split, in the order of their hashes.

    Attributes:
        first_hash: Hash of the first row.
        last_hash: Hash of the last row.
        skip: How many rows of the split with the hash of the first one stand before it.
        rows: Number of rows.
    """

    first_hash: int
    last_hash: int
    skip: int
    rows: int


class SortedRows:
    """The rows of a table that its spec keeps.

    Rows are numbered as they stand in the files, from 0.
    """

    def __init__(self, runs: Sequence[_Run], spec: TableSpec, kinds: Mapping[str, Kind]) -> None:
        """Takes over what `read_sorted` has set aside.

        Args:
            runs: The rows.
            spec: What they are.
            kinds: Kind of each column's values.
        """
        self._runs = runs
        self._spec = spec
        self._kinds = kinds
        self._rows = sum(run.rows for run in runs)
        self._numbers: np.ndarray | None = None

    def keep(self, kept: np.ndarray) -> None:
        """Forgets the rows that are not `kept` (bool [n]); the others are numbered anew."""
        self._numbers = np.where(kept, np.cumsum(kept) - 1, -1)

    def runs(self, names: Sequence[str]) -> Iterator[Piece]:
        """Yields all rows, with some columns, a run at a time."""
        for run in self._runs:
            batch = run.batch()
            rows = np.flatnonzero(self._numbers_of(batch) >= 0)
            yield self._join([self._taken(batch, rows, names)], names)

    def ranges(self, split_codes: np.ndarray, code: int, bounds: np.ndarray) -> list[Range]:
        """Returns ranges of hashes that hold as many rows of a split as asked for.

        Args:
            split_codes: int8 [n], the split of each row.
            code: The split.
            bounds: int64 [r + 1], where the ranges begin and end among the rows of the split.
        """
        hashes, end = np.empty(int(bounds[-1]), np.uint64), 0
        for run in self._runs:
            batch = run.batch()
            rows = self._in_split(batch, split_codes, code)
            hashes[end : end + len(rows)] = _hashes(batch)[rows]
            end += len(rows)
        hashes.sort(kind="stable")
        ranges = []
        for start, stop in itertools.pairwise(bounds):
            first = hashes[start]
            skip = int(start - np.searchsorted(hashes, first))
            ranges.append(Range(int(first), int(hashes[stop - 1]), skip, int(stop - start)))
        return ranges

    def read(self, wanted: Range, split_codes: np.ndarray, code: int) -> Iterator[Piece]:
        """Yields the rows of a range, in the order of their hashes, a piece at a time.

        A piece is a share of all hashes, so it is small unless many rows have one and the same.

        Args:
            wanted: One of the `ranges` of the split.
            split_codes: int8 [n], the split of each row.
            code: The split.
        """
        width = wanted.last_hash - wanted.first_hash + 1
        count = max(1, math.ceil(width / _HASHES * self._rows / _ROWS_PER_PIECE))
        bounds = [wanted.first_hash + width * number // count for number in range(count + 1)]
        skip, left = wanted.skip, wanted.rows
        for first, stop in itertools.pairwise(bounds):
            names = self._spec.example_columns
            slices = (_slice(run.batch(), first, stop - 1) for run in self._runs)
            # One run after the other, so that few are mapped at a time.
            parts = [
                self._taken(batch, self._in_split(batch, split_codes, code), names)
                for batch in slices
            ]
            piece = self._join(parts, names)
            order = piece.order[skip : skip + left]
            # Rows of one hash are never parted, so those to skip stand in the first piece.
            skip = 0
            left -= len(order)
            yield dataclasses.replace(piece, order=order)
        if left:
            raise RuntimeError(f"{left} rows of a range of {wanted.rows} were not found")

    def _numbers_of(self, batch: pa.RecordBatch) -> np.ndarray:
        rows = batch.column(_ROW).to_numpy()
        return rows if self._numbers is None else self._numbers[rows]

    def _in_split(self, batch: pa.RecordBatch, split_codes: np.ndarray, code: int) -> np.ndarray:
        numbers = self._numbers_of(batch)
        return np.flatnonzero((split_codes[numbers] == code) & (numbers >= 0))

    def _taken(self, batch: pa.RecordBatch, rows: np.ndarray, names: Sequence[str]) -> _Part:
        """Returns a copy of some rows of a run."""
        taken = pa.array(rows)
        arrays = {name: columns.compact(batch.column(name).take(taken)) for name in names}
        return _Part(arrays, self._numbers_of(batch)[rows], _hashes(batch)[rows])

    def _join(self, parts: Sequence[_Part], names: Sequence[str]) -> Piece:
        arrays = {}
        for name in names:
            # Parts are let go column by column: joining copies them.
            pieces = [part.columns.pop(name) for part in parts]
            arrays[name] = columns.finish(pieces, self._spec.column(name), self._kinds[name])
        order = np.argsort(np.concatenate([part.hashes for part in parts]), kind="stable")
        return Piece(pa.table(arrays), np.concatenate([part.numbers for part in parts]), order)


@dataclasses.dataclass(frozen=True)
class _Part:
    """Some rows of a run, sorted.

    Attributes:
        columns: Their columns, as runs hold them.
        numbers: int64 [n], their row numbers.
        hashes: uint64 [n].
    """

    columns: dict[str, pa.Array]
    numbers: np.ndarray
    hashes: np.ndarray


class _Run:
    """Some rows of the table, sorted; with their numbers and hashes as further columns."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        """Keeps the rows in memory, until `set_aside`."""
        self.rows = batch.num_rows
        self._batch: pa.RecordBatch | None = batch
        self._path = ""

    def set_aside(self, path: str) -> None:
        """Writes the rows to a file, and reads them from there from now on."""
        if self._batch is None:
            return
        with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, self._batch.schema) as writer:
            writer.write_batch(self._batch)
        self._batch, self._path = None, path

    def batch(self) -> pa.RecordBatch:
        """Returns the rows; those of a file are mapped, and so in memory only where looked at."""
        if self._batch is not None:
            return self._batch
        return pa.ipc.open_file(pa.memory_map(self._path)).get_batch(0)


def read_sorted(
    paths: Sequence[str], spec: TableSpec, directory: str
) -> tuple[SortedRows, Keys, load.Found]:
    """Reads and sorts a table.

    Args:
        paths: Files of the table.
        spec: What to read.
        directory: A local directory for what does not fit into memory.

    Returns:
        The rows, their keys, and what else was found.

    Raises:
        InputError: The table does not fit the spec, or the directory has no room for it.
    """
    found = load.Found()
    runs = _Runs(spec, directory)
    for block in load.read_kept(paths, spec, found):
        runs.add(block)
    runs.close()
    keys = join_keys(runs.key_parts, spec, found.kinds)
    return SortedRows(runs.runs, spec, found.kinds), keys, found


class _Runs:
    """Collects blocks and makes runs of them."""

    def __init__(self, spec: TableSpec, directory: str) -> None:
        self.runs: list[_Run] = []
        self.key_parts: list[KeyPart] = []
        self._spec = spec
        self._directory = directory
        self._blocks: list[Block] = []
        self._bytes = self._rows = 0

    def add(self, block: Block) -> None:
        """Adds rows; they come after those added before."""
        self._blocks.append(block)
        self._bytes += sum(block.columns[name].nbytes for name in self._spec.kept_columns)
        if self._bytes >= _RUN_BYTES:
            self.close()

    def close(self) -> None:
        """Sorts the rows added since the last call, if there are any."""
        if not self._blocks:
            return
        if self.runs:
            self._set_aside(self.runs[-1])
        table = self._join_blocks()
        part = make_key_part(table, self._spec)
        hashes = part.keys().row_hash(self._spec.split.seed)
        order = np.argsort(hashes, kind="stable")
        arrays = {
            name: table[name].combine_chunks().take(pa.array(order)) for name in table.column_names
        }
        arrays[_ROW] = pa.array(order + self._rows)
        arrays[_HASH] = pa.array(hashes[order])
        self.runs.append(_Run(pa.RecordBatch.from_pydict(arrays)))
        self.key_parts.append(part)
        self._rows += len(order)

    def _join_blocks(self) -> pa.Table:
        blocks, self._blocks, self._bytes = self._blocks, [], 0
        arrays = {}
        for name in self._spec.kept_columns:
            kind = max(block.kinds[name] for block in blocks)
            # Blocks are let go column by column: joining copies them.
            pieces = [block.columns.pop(name) for block in blocks]
            arrays[name] = columns.compact(columns.join(pieces, self._spec.column(name), kind))
        return pa.table(arrays)

    def _set_aside(self, run: _Run) -> None:
        path = os.path.join(self._directory, f"run-{len(self.runs)}.arrow")
        try:
            run.set_aside(path)
        except OSError as error:
            raise InputError(
                Problem(
                    self._directory,
                    str(error),
                    "room for the rows of the table while they are sorted",
                    "Set TMPDIR to a directory with more room.",
                )
            ) from error


def _hashes(batch: pa.RecordBatch) -> np.ndarray:
    return batch.column(_HASH).to_numpy()


def _slice(batch: pa.RecordBatch, first: int, last: int) -> pa.RecordBatch:
    """Returns the rows whose hashes are from `first` to `last`."""
    hashes = _hashes(batch)
    start = int(np.searchsorted(hashes, np.uint64(first)))
    stop = int(np.searchsorted(hashes, np.uint64(last), side="right"))
    return batch.slice(start, stop - start)
