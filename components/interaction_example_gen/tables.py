"""Reads tables into Arrow, block by block, with the types that a `TableSpec` asks for."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import os
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tfx_retrieval.components.interaction_example_gen import columns, files
from tfx_retrieval.components.interaction_example_gen.columns import BadValue, Kind
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ANY,
    CATEGORICAL,
    TEXT,
    TableSpec,
)
from tfx_retrieval.errors import InputError, Problem

CSV_BLOCK_BYTES = 8 << 20
_PARQUET_BLOCK_ROWS = 1 << 17
_MAX_BAD_LINES = 5
_RELEASE_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class RawBlock:
    """Some rows of a file as they stand in it.

    Attributes:
        path: The file.
        first_row: Number of the first row within the file, from 1, the header not counted.
        batch: The rows; text for the columns of a CSV file.
    """

    path: str
    first_row: int
    batch: pa.RecordBatch


@dataclasses.dataclass(frozen=True)
class Block:
    """Some rows with every column converted.

    Attributes:
        columns: The columns by name, all of one length.
        kinds: Kind of each column's values in this block.
        num_rows: Number of rows.
    """

    columns: dict[str, pa.Array]
    kinds: dict[str, Kind]
    num_rows: int


@dataclasses.dataclass(frozen=True)
class BadColumn:
    """What is wrong with the values of a column.

    Attributes:
        path: File with the first bad value.
        row: Its row, from 1; 0 if the column as a whole is wrong.
        received: The value or type.
        expected: What should stand there.
        remedy: What to do about it.
        count: Rows with a bad value.
    """

    path: str
    row: int
    received: str
    expected: str
    remedy: str
    count: int

    def problem(self, column: str) -> Problem:
        """Returns the problem to report of the column called `column`."""
        row = f", row {self.row:,}" if self.row else ""
        others = self.count - 1 if self.row else 0
        more = f" (and {others:,} more such row{'s' if others > 1 else ''})" if others else ""
        where = f"{self.path}: column {column!r}{row}"
        return Problem(where, f"{self.received}{more}", self.expected, self.remedy)


class BadColumns:
    """Collects what is wrong with the values of a table, one entry for each column."""

    def __init__(self, columns: Mapping[str, BadColumn] | None = None) -> None:
        """Starts with `columns`, by default with nothing wrong."""
        self.columns: dict[str, BadColumn] = dict(columns or {})

    def add(self, column: str, bad: BadColumn) -> None:
        """Adds bad values of a column; the first ones in order of files and rows are kept."""
        known = self.columns.get(column)
        if known is not None:
            first = min(known, bad, key=lambda entry: (entry.path, entry.row))
            bad = dataclasses.replace(first, count=known.count + bad.count)
        self.columns[column] = bad

    def problems(self) -> list[Problem]:
        """Returns one problem for each column that has one."""
        return [bad.problem(column) for column, bad in self.columns.items()]


def open_table(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], spec: TableSpec
) -> list[files.TableFile]:
    """Finds the files of a table and checks that each has the columns that `spec` needs.

    Args:
        paths: Files, directories or patterns.
        spec: What is to be read.

    Raises:
        InputError: With everything that is wrong: files that are missing or of another format,
            columns that are missing, twice there, or in the way of a history.
    """
    problems: list[Problem] = []
    found = []
    for path in files.find_files(paths):
        try:
            file = files.inspect(path)
        except InputError as error:
            problems += error.problems
            continue
        problems += _column_problems(file, spec)
        found.append(file)
    if problems:
        raise InputError(problems)
    return found


def read_blocks(
    table_files: Iterable[files.TableFile], spec: TableSpec, bad: BadColumns
) -> Iterator[Block]:
    """Yields the rows of a table with the columns of `spec`, in the order of the files.

    Args:
        table_files: What `open_table` returned.
        spec: What is to be read.
        bad: Bad values are added here; the caller decides when to stop.

    Raises:
        InputError: A file cannot be read to its end.
    """
    for file in table_files:
        for raw in read_spec_blocks(file, spec):
            yield convert_block(raw, spec, bad)


def read_spec_blocks(
    file: files.TableFile, spec: TableSpec, row_group: int | None = None, first_row: int = 1
) -> Iterator[RawBlock]:
    """Yields the rows of one file, or of one row group of a Parquet file, unconverted.

    Args:
        file: The file.
        spec: What is to be read.
        row_group: Number of the row group; None for the whole file.
        first_row: Number of the first row, from 1.

    Raises:
        InputError: The file cannot be read to its end.
    """
    names = [column.source for column in spec.columns]
    types = {
        column.source: columns.TEXT_TYPE if column.type in (CATEGORICAL, TEXT, ANY) else pa.string()
        for column in spec.columns
    }
    return read_raw_blocks(file, names, types, row_group, first_row)


def convert_block(raw: RawBlock, spec: TableSpec, bad: BadColumns) -> Block:
    """Converts the columns of a block; bad values become missing and are added to `bad`."""
    converted, kinds = {}, {}
    for column in spec.columns:
        result = columns.convert(raw.batch.column(column.source), column)
        converted[column.name], kinds[column.name] = result.array, result.kind
        if result.bad is not None:
            bad.add(column.source, _bad_column(raw, result.bad))
    return Block(converted, kinds, raw.batch.num_rows)


def _bad_column(raw: RawBlock, bad: BadValue) -> BadColumn:
    row = 0 if bad.index is None else raw.first_row + bad.index
    return BadColumn(raw.path, row, bad.received, bad.expected, bad.remedy, bad.count)


def read_raw_blocks(
    file: files.TableFile,
    names: Sequence[str],
    csv_types: Mapping[str, pa.DataType],
    row_group: int | None = None,
    first_row: int = 1,
    block_bytes: int = CSV_BLOCK_BYTES,
) -> Iterator[RawBlock]:
    """Yields the rows of one file, or of one row group of a Parquet file.

    Args:
        file: The file.
        names: Columns to read.
        csv_types: Types to read the columns of a CSV file as; text types only.
        row_group: Number of the row group; None for the whole file.
        first_row: Number of the first row, from 1.
        block_bytes: About how many bytes of a CSV file to read at a time.

    Raises:
        InputError: The file cannot be read to its end.
    """
    lines = _BadLines()
    try:
        batches = (
            _parquet_batches(file.path, names, row_group)
            if file.format == files.PARQUET
            else _csv_batches(file, names, csv_types, lines, block_bytes)
        )
        for batch in batches:
            yield RawBlock(file.path, first_row, batch)
            first_row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(_read_problem(file, error)) from error
    if lines.count:
        raise InputError(lines.problem(file.path))


class _BadLines:
    """Collects the lines of a CSV file that have too few or too many fields."""

    def __init__(self) -> None:
        self.count = 0
        self._lines: list[str] = []
        self._expected = 0

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        self.count += 1
        self._expected = row.expected_columns
        if len(self._lines) < _MAX_BAD_LINES:
            text = row.text if len(row.text) <= 80 else f"{row.text[:77]}..."
            self._lines.append(f"{row.actual_columns} in {text!r}")
        return "skip"

    def problem(self, path: str) -> Problem:
        lines = "; ".join(self._lines)
        more = self.count - len(self._lines)
        received = f"{lines}{f'; and {more:,} more' if more else ''}"
        if self._expected == 1:
            remedy = "Is its first line the header, and does a comma, semicolon or tab part fields?"
            return Problem(path, received, "1 field in each line, as in the first", remedy)
        remedy = "Put fields that contain the delimiter into double quotes."
        return Problem(path, received, f"{self._expected} fields in each line", remedy)


def _csv_batches(
    file: files.TableFile,
    names: Sequence[str],
    types: Mapping[str, pa.DataType],
    bad_lines: _BadLines,
    block_bytes: int,
) -> Iterator[pa.RecordBatch]:
    # A reference of its own tells when Arrow has let go of the function.
    on_bad_line = functools.partial(bad_lines)
    released = weakref.ref(on_bad_line)
    parse = pa_csv.ParseOptions(
        delimiter=file.delimiter, newlines_in_values=True, invalid_row_handler=on_bad_line
    )
    del on_bad_line
    convert = pa_csv.ConvertOptions(
        include_columns=list(names),
        column_types=dict(types),
        null_values=[""],
        strings_can_be_null=True,
    )
    try:
        with files.open_csv_stream(file) as stream:
            yield from _read_csv(stream, pa_csv.ReadOptions(block_size=block_bytes), parse, convert)
    finally:
        del parse
        _wait_for(released)


def _read_csv(
    stream: pa.NativeFile,
    read: pa_csv.ReadOptions,
    parse: pa_csv.ParseOptions,
    convert: pa_csv.ConvertOptions,
) -> Iterator[pa.RecordBatch]:
    try:
        with pa_csv.open_csv(stream, read, parse, convert) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        # A header without a line after it is a table without rows.
        if "Empty CSV" not in str(error):
            raise


def _wait_for(released: weakref.ref[Any]) -> None:
    """Waits until a thread of Arrow has let go of a Python object.

    A thread that does so once Python ends aborts the process, and with it the exit code.
    """
    deadline = time.monotonic() + _RELEASE_SECONDS
    while released() is not None and time.monotonic() < deadline:
        time.sleep(0.001)


def _parquet_batches(
    path: str, names: Sequence[str], row_group: int | None
) -> Iterator[pa.RecordBatch]:
    with files.open_file(path) as source:
        table = pq.ParquetFile(source)
        groups = range(table.num_row_groups) if row_group is None else [row_group]
        yield from table.iter_batches(_PARQUET_BLOCK_ROWS, list(groups), list(names))


def _read_problem(file: files.TableFile, error: Exception) -> Problem:
    if "UTF8" in str(error):
        return files.not_utf8(file.path)
    return Problem(file.path, str(error), f"a complete {file.format} file")


def _column_problems(file: files.TableFile, spec: TableSpec) -> Iterator[Problem]:
    names = file.column_names
    wanted = [column.source for column in spec.columns]
    missing = [name for name in wanted if name not in names]
    if len(missing) == len(wanted):
        yield Problem(
            file.path,
            f"the columns {_quoted(names)}",
            f"the columns {_quoted(wanted)}",
            "Is this the table that the config describes, and is its first line the header?",
        )
    else:
        for name in missing:
            close = difflib.get_close_matches(name, names, 1)
            remedy = f"Did you mean {close[0]!r}? " if close else ""
            received = f"the columns {_quoted(names)}"
            yield Problem(f"{file.path}: column {name!r}", received, "that column", remedy.strip())
    for name in wanted:
        if names.count(name) > 1:
            received = f"{names.count(name)} columns of that name"
            yield Problem(f"{file.path}: column {name!r}", received, "one")
    for history in spec.histories:
        if history.column in names:
            yield Problem(
                f"{file.path}: column {history.column!r}",
                "a column with the name of a history",
                "a history under a name that no column has",
                "The history is made from the interactions; rename it in the config.",
            )


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in itertools.islice(names, 30))
    return f"{shown} and {len(names) - 30} more" if len(names) > 30 else shown
