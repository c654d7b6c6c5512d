"""Reads a table that no config describes, with types found from its values."""

from __future__ import annotations

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class AnyTable:
    """A table that no config describes.

    Attributes:
        table: Its columns. Those of Parquet files have the types that they have there. A column of
            CSV files is int64, double, bool or timestamp[s, UTC] if every value that is there can
            be read as such, else string. Integers with leading zeros are text, since they are
            codes.
        left_out: Why a column was left out, by its name.
    """

    table: pa.Table
    left_out: dict[str, str]


def read_any_table(path: str | os.PathLike[str], max_rows: int | None = None) -> AnyTable:
    """Reads the columns that all files of a table have, CSV or Parquet.

    Args:
        path: A file, a directory or a pattern.
        max_rows: Stop after about so many rows; unset: read all.

    Raises:
        InputError: The files cannot be read, have no names in their first lines, have several
            columns of one name, or hold no row.
    """
    table_files = [files.inspect(name) for name in files.find_files(path)]
    problems = list(_header_problems(table_files))
    if problems:
        raise InputError(problems)
    left_out = _left_out(table_files)
    names = [name for name in table_files[0].column_names if name not in left_out]
    batches = []
    rows = 0
    for file in table_files:
        types = dict.fromkeys(names, columns.TEXT_TYPE)
        block_bytes = _PREVIEW_BYTES if max_rows is not None else tables.CSV_BLOCK_BYTES
        for raw in tables.read_raw_blocks(file, names, types, block_bytes=block_bytes):
            batches.append(raw.batch)
            rows += raw.batch.num_rows
            if max_rows is not None and rows >= max_rows:
                break
        if max_rows is not None and rows >= max_rows:
            break
    if not rows:
        raise InputError(Problem(os.fspath(path), "a table without rows", "at least one row"))
    joined = {name: _join([batch.column(name) for batch in batches]) for name in names}
    return AnyTable(pa.table(joined).slice(0, max_rows), left_out)


def _header_problems(table_files: list[files.TableFile]) -> Iterable[Problem]:
    for file in table_files:
        names = file.column_names
        if file.format == files.CSV and _are_values(names):
            received = f"a first line with the values {', '.join(map(repr, names[:5]))}"
            expected = "a first line with the names of the columns"
            yield Problem(file.path, received, expected, "Add a line with the names.")
            continue
        for name in sorted({name for name in names if name and names.count(name) > 1}):
            received = f"{names.count(name)} columns of that name"
            remedy = "Rename all but one of them."
            yield Problem(f"{file.path}: column {name!r}", received, "one", remedy)


def _are_values(header: tuple[str, ...]) -> bool:
    """Returns whether a first line holds a row: fractions, clock times, or mostly integers."""
    forms = {name: _form(pa.array([name], pa.large_string())) for name in header if name}
    if any(
        form == _Form.FLOAT or (form == _Form.TIME and ":" in name) for name, form in forms.items()
    ):
        return True
    return list(forms.values()).count(_Form.TEXT) * 2 < len(forms)


def _left_out(table_files: list[files.TableFile]) -> dict[str, str]:
    """Returns the columns that some file lacks, or that have no name, and says so of each."""
    names = dict.fromkeys(name for file in table_files for name in file.column_names)
    left_out: dict[str, str] = {}
    for name in names:
        lacking = [file.path for file in table_files if name not in file.column_names]
        if not name:
            # Where pandas writes its index, for example.
            left_out[name] = "it has no name"
        elif lacking:
            left_out[name] = f"{os.path.basename(lacking[0])} has no such column"
    return left_out


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
