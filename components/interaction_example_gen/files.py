"""Finds the files of a table and tells how each is to be read.

Local files go straight to Arrow; paths with a scheme (`gs://...`) through `tfx.dsl.io.fileio`,
which is imported only then because it imports TensorFlow.
"""

from __future__ import annotations

import csv
import dataclasses
import glob
import io
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tfx_retrieval.errors import InputError, Problem

CSV = "csv"
PARQUET = "parquet"

_SUFFIXES = (
    *(f".{text}{compressed}" for text in ("csv", "tsv") for compressed in ("", ".gz", ".zst")),
    ".parquet",
    ".pq",
)
_FORMATS = "a CSV file with a header (also .gz or .zst), or a Parquet file"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
_HEADER_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 20
_DELIMITERS = ",\t;|"


@dataclasses.dataclass(frozen=True)
class TableFile:
    """A file of a table.

    Attributes:
        path: Where it is.
        format: `csv` or `parquet`.
        column_names: Names of its columns, as they stand in it.
        compression: Arrow's name of a CSV file's compression, or None.
        delimiter: What separates the fields of a CSV file.
    """

    path: str
    format: str
    column_names: tuple[str, ...]
    compression: str | None = None
    delimiter: str = ","


def is_remote(path: str) -> bool:
    """Returns whether `path` names a file system by a scheme."""
    return "://" in path


def find_files(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """Returns the files that paths, directories and glob patterns stand for, in order of name.

    Files whose names begin with `.` or `_` (`_SUCCESS`) are left out of directories and patterns.

    Args:
        paths: One or several.

    Raises:
        InputError: A path stands for nothing.
    """
    single = isinstance(paths, str | os.PathLike)
    problems, found = [], []
    for path in [paths] if single else paths:  # type: ignore[union-attr]
        name = os.fspath(path)  # type: ignore[arg-type]
        files = list(_expand(name))
        if not files:
            problems.append(Problem(name, "nothing there", "a file, a directory or a pattern"))
        found += files
    if problems:
        raise InputError(problems)
    return list(dict.fromkeys(found))


def open_file(path: str) -> Any:
    """Opens `path` for reading bytes; what is returned is for Arrow."""
    if is_remote(path):
        from tfx.dsl.io import fileio

        file = fileio.open(path, "rb")
        if not isinstance(file, io.IOBase):
            file = io.BufferedReader(_RemoteFile(file), _BUFFER_BYTES)
        return pa.PythonFile(file, mode="r")
    return pa.OSFile(path, "rb")


class _RemoteFile(io.RawIOBase):
    """A file of TensorFlow's file systems with what Python, and so Arrow, expects of a file.

    TensorFlow's own has no `closed`, which Arrow takes for closed.
    """

    def __init__(self, file: Any):
        """Wraps a `tf.io.gfile.GFile` that is open for reading bytes."""
        super().__init__()
        self._file = file
        self._size = file.size()

    def readable(self) -> bool:
        """Returns True."""
        return True

    def seekable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads at most as many bytes as the buffer holds; 0 at the end of the file."""
        view = memoryview(buffer).cast("B")
        content = self._file.read(len(view))
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a place counted from the start, the current place or the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._file.tell(), io.SEEK_END: self._size}
        self._file.seek(base[whence] + offset)
        return self._file.tell()

    def tell(self) -> int:
        """Returns the current place."""
        return self._file.tell()

    def close(self) -> None:
        """Closes the file."""
        if not self.closed:
            self._file.close()
        super().close()


def open_csv_stream(file: TableFile) -> pa.NativeFile:
    """Opens a CSV file for reading the text in it."""
    return _decompressed(file.path, file.compression)


def inspect(path: str) -> TableFile:
    """Reads the first bytes of a file and returns what it is.

    Raises:
        InputError: It is neither CSV nor Parquet, or has no header.
    """
    try:
        with open_file(path) as file:
            start = file.read(8)
    except OSError as error:
        raise InputError(Problem(path, str(error), "a file that can be read")) from error
    if not start:
        raise InputError(Problem(path, "an empty file", _FORMATS))
    if start.startswith(b"PAR1"):
        return TableFile(path, PARQUET, _parquet_names(path))
    if start.startswith(_UTF16):
        raise InputError(_not_utf8(path, "the header", "UTF-16"))
    compressions = [name for magic, name in _COMPRESSIONS.items() if start.startswith(magic)]
    compression = compressions[0] if compressions else None
    if compression is None and (start.startswith(b"PK\x03\x04") or b"\x00" in start):
        remedy = "Export a spreadsheet as CSV; write other tables as Parquet."
        raise InputError(Problem(path, f"a file that begins with {start!r}", _FORMATS, remedy))
    header = _first_line(path, compression)
    if _is_json(header):
        remedy = "Convert it, for example: pandas.read_json(..., lines=True).to_parquet(...)"
        raise InputError(Problem(path, "JSON", _FORMATS, remedy))
    delimiter = _delimiter(header, path)
    names = next(csv.reader([header], delimiter=delimiter), [])
    return TableFile(path, CSV, tuple(names), compression, delimiter)


def _expand(name: str) -> Iterator[str]:
    if is_remote(name):
        from tfx.dsl.io import fileio

        exists, is_directory, find = fileio.exists, fileio.isdir, fileio.glob
    else:
        exists, is_directory, find = os.path.exists, os.path.isdir, glob.glob
    if exists(name) and not is_directory(name):
        yield name
        return
    pattern = os.path.join(name, "*") if is_directory(name) else name
    matches = [
        match
        for match in sorted(find(pattern))
        if os.path.basename(match)[:1] not in (".", "_") and not is_directory(match)
    ]
    if os.path.basename(pattern) == "*":
        # Beside tables a directory may hold notes; without a known suffix any file may be a table.
        matches = [match for match in matches if match.endswith(_SUFFIXES)] or matches
    yield from matches


def _decompressed(path: str, compression: str | None) -> pa.NativeFile:
    file = open_file(path)
    return file if compression is None else pa.CompressedInputStream(file, compression)


def _parquet_names(path: str) -> tuple[str, ...]:
    try:
        with open_file(path) as file:
            return tuple(pq.ParquetFile(file).schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(Problem(path, str(error), "a complete Parquet file")) from error


def _first_line(path: str, compression: str | None) -> str:
    try:
        with _decompressed(path, compression) as stream:
            start = stream.read(_HEADER_BYTES)
    except (pa.ArrowException, OSError) as error:
        expected = f"a complete {compression} file" if compression else "a file that can be read"
        raise InputError(Problem(path, str(error), expected)) from error
    lines = start.split(b"\n", 1)[0].splitlines()
    if not lines or not lines[0].strip():
        raise InputError(Problem(path, "a file without a first line", _FORMATS))
    try:
        return lines[0].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(_not_utf8(path, "the header")) from error


def _is_json(line: str) -> bool:
    """Returns whether a first line begins a JSON document, or is one of several."""
    if line.strip() in ("{", "["):
        return True
    try:
        return isinstance(json.loads(line), dict | list)
    except ValueError:
        return False


def _not_utf8(path: str, where: str, encoding: str = "latin1") -> Problem:
    name = os.path.basename(path)
    remedy = f"Convert it, for example: iconv -f {encoding} -t utf-8 {name} > new-{name}"
    return Problem(path, f"bytes in {where} that are not UTF-8", "text in UTF-8", remedy)


def not_utf8(path: str) -> Problem:
    """Returns the problem of a CSV file in another encoding."""
    return _not_utf8(path, "the rows")


def _delimiter(header: str, path: str) -> str:
    if path.removesuffix(".gz").removesuffix(".zst").endswith(".tsv"):
        return "\t"
    counts = {delimiter: header.count(delimiter) for delimiter in _DELIMITERS}
    return max(counts, key=lambda delimiter: counts[delimiter])
