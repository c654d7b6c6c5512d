"""Loads the rows of a table that a `TableSpec` keeps into memory, compactly.

Text is held once for each distinct value, with an int32 for each row, so ten million rows of ten
columns take about half a gigabyte. A file is never in memory as a whole.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from tfx_retrieval.components.interaction_example_gen import columns, filters, tables
from tfx_retrieval.components.interaction_example_gen.columns import Kind
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec
from tfx_retrieval.errors import InputError, Problem

_logger = logging.getLogger("tfx_retrieval.interaction_example_gen")


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The rows of a table that its spec keeps.

    Attributes:
        table: The columns of `TableSpec.kept_columns`: int64 (integer ids, whole numbers, times in
            epoch seconds, booleans), float64, `TEXT_TYPE`, or large lists of int64, `TEXT_TYPE` or
            float32; one chunk each.
        rows_read: Rows in the files.
        left_out: How many rows each rule left out; a row counts for the first rule that it fails.
    """

    table: pa.Table
    rows_read: int
    left_out: dict[str, int]


def load_interactions(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], spec: TableSpec
) -> pa.Table:
    """Reads the rows of a table that `spec` keeps.

    Args:
        paths: CSV or Parquet files, directories or patterns, local or remote.
        spec: What to read.

    Returns:
        See `Loaded.table`.

    Raises:
        InputError: With everything that is wrong with the table.
    """
    return load(paths, spec).table


def load(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], spec: TableSpec
) -> Loaded:
    """Does what `load_interactions` does, and counts the rows left out."""
    found = Found()
    pieces: dict[str, list[pa.Array]] = {name: [] for name in spec.kept_columns}
    for block in read_kept(paths, spec, found):
        for name, parts in pieces.items():
            parts.append(block.columns[name])
    return Loaded(_finish(pieces, found.kinds, spec), found.rows_read, found.left_out)


@dataclasses.dataclass
class Found:
    """What has been found out about a table by the time that its last row was read.

    Attributes:
        rows_read: Rows in the files.
        left_out: How many rows each rule left out; a row counts for the first rule that it fails.
        kinds: Kind of each column's values.
    """

    rows_read: int = 0
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)
    kinds: dict[str, Kind] = dataclasses.field(default_factory=dict)


def read_kept(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], spec: TableSpec, found: Found
) -> Iterator[tables.Block]:
    """Yields the rows of a table that `spec` keeps, block by block, and reports on the others.

    Args:
        paths: CSV or Parquet files, directories or patterns, local or remote.
        spec: What to read.
        found: Gets what is found; complete when the last block has been asked for.

    Raises:
        InputError: With everything that is wrong with the table, once it has been read to its end.
    """
    table_files = tables.open_table(paths, spec)
    bad = tables.BadColumns()
    row_rules = filters.rules(spec)
    found.left_out.update(dict.fromkeys((rule.name for rule in row_rules), 0))
    for block in tables.read_blocks(table_files, spec, bad):
        found.rows_read += block.num_rows
        for name, kind in block.kinds.items():
            found.kinds[name] = max(found.kinds.get(name, Kind.EMPTY), kind)
        kept, counts = filters.apply(block, row_rules)
        for name, count in counts.items():
            found.left_out[name] += count
        # A table with bad values will be refused; the rest is read to find all of them.
        if kept.num_rows and not bad.columns:
            yield kept
    check(", ".join(file.path for file in table_files), found.rows_read, found.left_out, bad)
    report_rows(found.rows_read, found.left_out)


def check(source: str, rows_read: int, left_out: dict[str, int], bad: tables.BadColumns) -> None:
    """Raises an `InputError` if values are bad or no row is left.

    Args:
        source: Names of the files.
        rows_read: Rows in the files.
        left_out: Rows left out by rule.
        bad: Bad values found.
    """
    problems = bad.problems()
    if not rows_read:
        problems.append(Problem(source, "a table without rows", "at least one row"))
    elif not problems and rows_read == sum(left_out.values()):
        counts = ", ".join(f"{count:,} with {name}" for name, count in left_out.items() if count)
        received = f"{rows_read:,} rows, none of which is kept: {counts}"
        remedy = "Check the filters in the config and the id columns."
        problems.append(Problem(source, received, "at least one row that passes", remedy))
    if problems:
        raise InputError(problems)


def report_rows(rows_read: int, left_out: dict[str, int]) -> None:
    """Logs how many rows were read and how many each rule left out."""
    counts = [f"{count:,} with {name}" for name, count in left_out.items() if count]
    _logger.info(
        "read %s rows%s", f"{rows_read:,}", f"; left out {', '.join(counts)}" if counts else ""
    )


def _finish(
    pieces: dict[str, list[pa.Array]], kinds: Mapping[str, Kind], spec: TableSpec
) -> pa.Table:
    arrays = {}
    for name in spec.kept_columns:
        # Blocks are let go column by column: joining copies them.
        arrays[name] = columns.finish(pieces.pop(name), spec.column(name), kinds[name])
    return pa.table(arrays)
