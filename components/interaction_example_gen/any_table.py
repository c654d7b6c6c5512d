"""Reads a table that no config describes, with types found from its values."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.components.interaction_example_gen import (
    columns,
    files,
    numbers,
    tables,
    temporal,
)
from tfx_retrieval.errors import InputError, Problem

_INTEGER = r"^(0|-?[1-9]\d{0,17})$"
_BOOLEANS = ("true", "false")
_PREVIEW_BYTES = 1 << 18


class _Form(enum.IntEnum):
    """How all values of a column of text are written."""

    EMPTY = 0
    INTEGER = 1
    FLOAT = 2
    BOOLEAN = 3
    TIME = 4
    TEXT = 5


def read_any_table(path: str | os.PathLike[str], max_rows: int | None = None) -> pa.Table:
    """Reads CSV or Parquet files as they are.

    Args:
        path: A file, a directory or a pattern; all files must have the same columns.
        max_rows: Stop after about so many rows; unset: read all.

    Returns:
        All columns. Those of Parquet files have the types that they have there. A column of CSV
        files is int64, double, bool or timestamp[s, UTC] if every value that is there can be read
        as such, else string. Integers with leading zeros are text, since they are codes.

    Raises:
        InputError: The files cannot be read, differ in their columns, or hold no row.
    """
    table_files = [files.inspect(name) for name in files.find_files(path)]
    problems = list(_header_problems(table_files))
    if problems:
        raise InputError(problems)
    batches = []
    rows = 0
    for file in table_files:
        types = dict.fromkeys(file.column_names, columns.TEXT_TYPE)
        block_bytes = _PREVIEW_BYTES if max_rows is not None else tables.CSV_BLOCK_BYTES
        for raw in tables.read_raw_blocks(file, file.column_names, types, block_bytes=block_bytes):
            batches.append(raw.batch)
            rows += raw.batch.num_rows
            if max_rows is not None and rows >= max_rows:
                break
        if max_rows is not None and rows >= max_rows:
            break
    if not rows:
        raise InputError(Problem(os.fspath(path), "a table without rows", "at least one row"))
    names = table_files[0].column_names
    joined = {name: _join([batch.column(name) for batch in batches]) for name in names}
    return pa.table(joined).slice(0, max_rows)


def _header_problems(table_files: list[files.TableFile]) -> Iterable[Problem]:
    first = table_files[0]
    for file in table_files:
        names = file.column_names
        values = [name for name in names if not _is_name(name)]
        if file.format == files.CSV and len(values) * 2 > len(names):
            received = f"a first line with the values {', '.join(map(repr, values[:5]))}"
            expected = "a first line with the names of the columns"
            yield Problem(file.path, received, expected, "Add a line with the names.")
            continue
        for name in sorted({name for name in names if names.count(name) > 1}):
            received = f"{names.count(name)} columns of that name"
            yield Problem(f"{file.path}: column {name!r}", received, "one")
        if "" in names:
            yield Problem(f"{file.path}: header", "a column without a name", "a name for each")
        if set(names) != set(first.column_names):
            differing = ", ".join(map(repr, sorted(set(names) ^ set(first.column_names))))
            expected = f"the same columns as in {first.path}"
            yield Problem(file.path, f"a difference in {differing}", expected)


def _is_name(header: str) -> bool:
    """Returns whether a header's field can be a name: it is no number and no time."""
    return _form(pa.array([header], pa.large_string())) in (_Form.EMPTY, _Form.TEXT)


def _join(pieces: list[pa.Array]) -> pa.ChunkedArray:
    """Returns a column in one type."""
    if any(piece.type != columns.TEXT_TYPE for piece in pieces):
        types = {piece.type for piece in pieces}
        if len(types) == 1:
            return pa.chunked_array(pieces)
        pieces = [columns.as_text(piece) for piece in pieces]
    pieces = [columns.as_text(piece) for piece in pieces]
    forms = {_form(piece.dictionary) for piece in pieces} - {_Form.EMPTY}
    if forms == {_Form.INTEGER, _Form.FLOAT}:
        forms = {_Form.FLOAT}
    form = forms.pop() if len(forms) == 1 else _Form.TEXT
    return pa.chunked_array([_as_form(piece, form) for piece in pieces])


def _form(values: pa.Array) -> _Form:
    if not len(values.drop_null()):
        return _Form.EMPTY
    if _all(pc.match_substring_regex(values, _INTEGER)):
        return _Form.INTEGER
    if numbers.to_numbers(values)[1] is None:
        codes = pc.match_substring_regex(values, r"^[+-]?0\d")
        return _Form.TEXT if pc.any(codes).as_py() else _Form.FLOAT
    if _all(pc.is_in(pc.utf8_lower(values), pa.array(_BOOLEANS, values.type))):
        return _Form.BOOLEAN
    if temporal.to_seconds(values, "seconds")[1] is None:
        return _Form.TIME
    return _Form.TEXT


def _all(tests: pa.Array) -> bool:
    return bool(pc.all(tests).as_py())


def _as_form(array: pa.DictionaryArray, form: _Form) -> pa.Array:
    values = array.dictionary
    if form == _Form.INTEGER:
        values = values.cast(pa.int64())
    elif form == _Form.FLOAT:
        values = numbers.to_numbers(values)[0].cast(pa.float64())
    elif form == _Form.BOOLEAN:
        values = pc.equal(pc.utf8_lower(values), "true")
    elif form == _Form.TIME:
        values = temporal.to_seconds(values, "seconds")[0].cast(pa.timestamp("s", "UTC"))
    else:
        values = values.cast(pa.string())
    return values.take(array.indices)
