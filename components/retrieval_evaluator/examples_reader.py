"""Reads interactions from raw Examples, with what they are embedded and sliced by."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from tfx_bsl.coders import example_coder

from tfx_retrieval.components.interaction_example_gen import describe
from tfx_retrieval.components.retrieval_evaluator import ids_reader
from tfx_retrieval.components.retrieval_evaluator.ranking import IntArray
from tfx_retrieval.components.scann_indexer import reading
from tfx_retrieval.components.statistics_gen.reading import record_batches
from tfx_retrieval.config.reader import did_you_mean
from tfx_retrieval.errors import InputError, Problem

# The decoder slows down beyond the size of the processor's cache.
_DECODED_ROWS = 2048


@dataclasses.dataclass(frozen=True)
class SliceColumn:
    """The values of a categorical column, as (row, value) entries.

    Attributes:
        rows: int64 [n], the row of each entry.
        codes: int64 [n], its value as an index of `values`.
        values: Distinct values as text.
    """

    rows: IntArray
    codes: IntArray
    values: list[str]


@dataclasses.dataclass(frozen=True)
class Interactions:
    """Interactions with what is needed to embed and slice them.

    Attributes:
        ids: Query and candidate ids.
        records: For each set of columns asked for, the rows as serialized tf.Examples of those
            columns alone (large_binary arrays), so that equal features give equal bytes.
        times: int64 [rows], the timestamp column, the largest int64 where it is missing; None if
            it was not asked for.
        slices: Values of each column asked for.
    """

    ids: ids_reader.IdPairs
    records: tuple[pa.Array, ...]
    times: IntArray | None
    slices: dict[str, SliceColumn]


def read_interactions(
    source: reading.Source,
    query_id: str,
    candidate_id: str,
    column_sets: Sequence[Sequence[str]],
    timestamp: str | None = None,
    slice_columns: Sequence[str] = (),
    layout: describe.ColumnLayout | None = None,
) -> Interactions:
    """Reads rows with their ids, timestamps, slice columns and projections.

    Args:
        source: Where to read.
        query_id: Column of the query ids.
        candidate_id: Column of the candidate ids.
        column_sets: Which columns each of `records` shall hold; absent ones are left out.
        timestamp: Column of int64 times.
        slice_columns: Bytes or int64 columns, single- or multi-valued.
        layout: All columns of the rows, if they are known.

    Returns:
        The interactions in reading order, without the rows that lack an id.

    Raises:
        InputError: A column is missing or of the wrong type.
    """
    encoder = example_coder.RecordBatchToExamplesEncoder()
    collected = _Collected(
        slice_entries={name: [] for name in slice_columns},
        records=[[] for _ in column_sets],
    )
    for batch in _record_batches(source, layout):
        collected.filled.update(name for name in batch.schema.names if _has_values(batch, name))
        present = _has_one(source, batch, query_id) & _has_one(source, batch, candidate_id)
        collected.left_out += int((~present).sum())
        if not present.all():
            batch = batch.take(pa.array(np.flatnonzero(present)))
        if batch.num_rows:
            _collect(collected, source, batch, (query_id, candidate_id), timestamp)
            for column_set, records in zip(column_sets, collected.records, strict=True):
                records.append(_project(encoder, batch, column_set))
    _check_columns(source, collected, (query_id, candidate_id, timestamp, *slice_columns))
    return _joined(source, collected, timestamp)


def _record_batches(
    source: reading.Source, layout: describe.ColumnLayout | None
) -> Iterator[pa.RecordBatch]:
    """Decodes rows; each column is of one type, of lists, or null if no row has a value."""
    try:
        if layout and all(path.endswith(".gz") for path in source.files):
            yield from record_batches(source.files, layout)
            return
        decoder = example_coder.ExamplesToRecordBatchDecoder()
        for dataset in ids_reader.datasets(source, _DECODED_ROWS):
            for serialized in dataset.prefetch(2).as_numpy_iterator():
                yield decoder.DecodeBatch(serialized.tolist())
    except (RuntimeError, tf.errors.InvalidArgumentError) as error:
        raise InputError(
            Problem(source.name, str(error), "tf.Examples whose columns each have one type")
        ) from error


@dataclasses.dataclass
class _Collected:
    """Parts of the columns, batch by batch."""

    slice_entries: dict[str, list[tuple[IntArray, pa.Array]]]
    records: list[list[pa.Array]]
    queries: list[pa.Array] = dataclasses.field(default_factory=list)
    candidates: list[pa.Array] = dataclasses.field(default_factory=list)
    times: list[IntArray] = dataclasses.field(default_factory=list)
    filled: set[str] = dataclasses.field(default_factory=set)
    rows: int = 0
    left_out: int = 0


def _column(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    """Returns a column that holds lists; None if it is absent or empty in the whole batch."""
    place = batch.schema.get_field_index(name)
    if place < 0 or pa.types.is_null(batch.column(place).type):
        return None
    return batch.column(place)


def _lengths(column: pa.Array) -> IntArray:
    """Returns how many values each row has."""
    return pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)


def _has_values(batch: pa.RecordBatch, name: str) -> bool:
    column = _column(batch, name)
    return column is not None and len(column.flatten()) > 0


def _has_one(source: reading.Source, batch: pa.RecordBatch, name: str) -> npt.NDArray[np.bool_]:
    """Returns which rows have an id; an empty text is none."""
    column = _column(batch, name)
    if column is None:
        return np.zeros(batch.num_rows, bool)
    lengths = _lengths(column)
    if lengths.max(initial=0) > 1:
        received = f"a row with {lengths.max():,} values"
        raise InputError(Problem(f"{source.name}: column {name!r}", received, "one id in each row"))
    present = lengths == 1
    if not pa.types.is_integer(column.type.value_type):
        present[present] = pc.binary_length(_as_bytes(column.flatten())).to_numpy() > 0
    return present


def _as_bytes(values: pa.Array) -> pa.Array:
    """Returns values of an id column as large_binary or int64."""
    return values if pa.types.is_integer(values.type) else values.cast(pa.large_binary())


def _collect(
    collected: _Collected,
    source: reading.Source,
    batch: pa.RecordBatch,
    id_columns: tuple[str, str],
    timestamp: str | None,
) -> None:
    """Adds the ids, times and slice entries of a batch whose rows all have ids."""
    query_id, candidate_id = id_columns
    collected.queries.append(_as_bytes(batch.column(query_id).flatten()))
    collected.candidates.append(_as_bytes(batch.column(candidate_id).flatten()))
    if timestamp is not None:
        collected.times.append(_times(source, batch, timestamp))
    for name, entries in collected.slice_entries.items():
        column = _column(batch, name)
        if column is not None:
            rows, values = _entries(column)
            entries.append((rows + collected.rows, values))
    collected.rows += batch.num_rows


def _times(source: reading.Source, batch: pa.RecordBatch, name: str) -> IntArray:
    """Returns the first time of each row, the largest int64 where there is none."""
    times = np.full(batch.num_rows, np.iinfo(np.int64).max)
    column = _column(batch, name)
    if column is None:
        return times
    rows, values = _entries(column)
    if not pa.types.is_integer(values.type):
        where = f"{source.name}: column {name!r}"
        raise InputError(Problem(where, str(values.type), "int64 times"))
    # Reversed, so that of several values the first stays.
    times[rows[::-1]] = values.to_numpy(zero_copy_only=False)[::-1]
    return times


def _entries(column: pa.Array) -> tuple[IntArray, pa.Array]:
    """Returns the row and the value of each entry of a list column."""
    return np.repeat(np.arange(len(column)), _lengths(column)), column.flatten()


def _project(
    encoder: example_coder.RecordBatchToExamplesEncoder,
    batch: pa.RecordBatch,
    columns: Sequence[str],
) -> pa.Array:
    """Serializes some columns of each row as a tf.Example, in the order of their names."""
    names = [name for name in sorted(columns) if _column(batch, name) is not None]
    if not names:
        return pa.array([b""] * batch.num_rows, pa.large_binary())
    chosen = pa.RecordBatch.from_arrays([_column(batch, name) for name in names], names)
    return pa.array(encoder.encode(chosen), pa.large_binary())


def _check_columns(
    source: reading.Source, collected: _Collected, names: Sequence[str | None]
) -> None:
    """Raises an InputError for columns that no row has a value of."""
    if not collected.rows and not collected.left_out:
        return
    missing = [name for name in names if name is not None and name not in collected.filled]
    if missing:
        have = ", ".join(sorted(collected.filled))
        raise InputError(
            Problem(
                f"{source.name}: column {name!r}",
                "no value in any row",
                f"a column of the Examples, which have {have}",
                did_you_mean(name, collected.filled),
            )
            for name in missing
        )


def _joined(source: reading.Source, collected: _Collected, timestamp: str | None) -> Interactions:
    """Puts the batches together."""
    empty = pa.array([], pa.large_binary())
    for parts in (collected.queries, collected.candidates):
        if len(collections.Counter(part.type for part in parts)) > 1:
            raise ids_reader.not_one_id(source, "query id", "candidate id")
    return Interactions(
        ids_reader.IdPairs(
            pa.concat_arrays(collected.queries or [empty]),
            pa.concat_arrays(collected.candidates or [empty]),
            collected.left_out,
        ),
        tuple(pa.concat_arrays(records or [empty]) for records in collected.records),
        None if timestamp is None else np.concatenate([np.zeros(0, np.int64), *collected.times]),
        {
            name: _slice_column(source, name, entries)
            for name, entries in collected.slice_entries.items()
        },
    )


def _slice_column(
    source: reading.Source, name: str, entries: list[tuple[IntArray, pa.Array]]
) -> SliceColumn:
    """Numbers the distinct values of a slice column."""
    if not entries:
        return SliceColumn(np.zeros(0, np.int64), np.zeros(0, np.int64), [])
    values = [_as_bytes(part) if _is_id(part) else part for _, part in entries]
    if not all(_is_id(part) and part.type == values[0].type for part in values):
        raise InputError(
            Problem(
                f"{source.name}: column {name!r}",
                ", ".join(sorted({str(part.type) for part in values})),
                "a categorical column to slice by: bytes or int64",
            )
        )
    encoded = pa.concat_arrays(values).dictionary_encode()
    return SliceColumn(
        np.concatenate([rows for rows, _ in entries]),
        encoded.indices.to_numpy().astype(np.int64),
        [reading.as_text(value) for value in encoded.dictionary.to_pylist()],
    )


def _is_id(values: pa.Array) -> bool:
    return pa.types.is_integer(values.type) or not pa.types.is_floating(values.type)
