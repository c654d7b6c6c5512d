"""Reads tables in the workers of a Beam pipeline."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfx_retrieval.components.interaction_example_gen import columns, files, filters, tables
from tfx_retrieval.components.interaction_example_gen.columns import Kind
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec

# More rows than any part of a table has, so that parts can be told apart by row numbers.
_ROWS_PER_UNIT = 1 << 40
# No column of a table has this name: it goes through the filters beside them.
_POSITION = "\0position"


@dataclasses.dataclass(frozen=True)
class Unit:
    """What one worker reads at a time: a CSV file, or a row group of a Parquet file.

    Attributes:
        index: Position among all units, in the order of the table's rows.
        file: The file.
        row_group: Number of the row group; None for CSV.
        first_row: Number of its first row within the file, from 1.
    """

    index: int
    file: files.TableFile
    row_group: int | None = None
    first_row: int = 1


@dataclasses.dataclass(frozen=True)
class ReadBlock:
    """Rows that pass the filters.

    Attributes:
        block: The rows, with converted columns.
        positions: int64, where each row stands in the whole table.
        rows_read: Rows before filtering.
        left_out: Rows left out, by rule.
        bad: Bad values of the block.
    """

    block: tables.Block
    positions: np.ndarray
    rows_read: int
    left_out: dict[str, int]
    bad: tables.BadColumns


def find_units(table_files: list[files.TableFile]) -> list[Unit]:
    """Returns the parts of a table that can be read apart."""
    units: list[Unit] = []
    for file in table_files:
        if file.format == files.CSV:
            units.append(Unit(len(units), file))
            continue
        with files.open_file(file.path) as source:
            metadata = pq.ParquetFile(source).metadata
        first_row = 1
        for group in range(metadata.num_row_groups):
            units.append(Unit(len(units), file, group, first_row))
            first_row += metadata.row_group(group).num_rows
    return units


class ReadBlocks(beam.PTransform):
    """Reads, converts and filters the rows of a table."""

    def __init__(self, units: list[Unit], spec: TableSpec) -> None:
        """Makes the transform.

        Args:
            units: Parts of the table.
            spec: What is to be read.
        """
        super().__init__()
        self._units = units
        self._spec = spec

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[ReadBlock]:
        """Returns a collection of `ReadBlock`."""
        return (
            pipeline
            | "Units" >> beam.Create(self._units)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.FlatMap(_read, self._spec)
        )


def _read(unit: Unit, spec: TableSpec) -> Iterator[ReadBlock]:
    row_rules = filters.rules(spec)
    position = unit.index * _ROWS_PER_UNIT
    for raw in tables.read_spec_blocks(unit.file, spec, unit.row_group, unit.first_row):
        bad = tables.BadColumns()
        block = tables.convert_block(raw, spec, bad)
        block.columns[_POSITION] = pa.array(np.arange(position, position + block.num_rows))
        kept, left_out = filters.apply(block, row_rules)
        positions = kept.columns.pop(_POSITION).to_numpy()
        yield ReadBlock(kept, positions, block.num_rows, left_out, bad)
        position += block.num_rows


def key_table(read: ReadBlock, spec: TableSpec) -> pa.Table:
    """Returns the ids and the time of a block's rows, which do for their keys."""
    names = [spec.query_id, spec.candidate_id, spec.timestamp]
    return pa.table({name: read.block.columns[name] for name in names if name})


def finished_table(read: ReadBlock, spec: TableSpec, kinds: dict[str, Kind]) -> pa.Table:
    """Returns the kept columns of a block in their final types, text not in dictionaries.

    Args:
        read: The block.
        spec: What is kept.
        kinds: Kind of each column in the whole table.
    """
    arrays = {}
    for name in spec.kept_columns:
        array = columns.finish([read.block.columns[name]], spec.column(name), kinds[name])
        # Blocks are cut into many parts, and each would carry a whole dictionary with it.
        arrays[name] = columns.without_dictionary(array)
    return pa.table(arrays)
