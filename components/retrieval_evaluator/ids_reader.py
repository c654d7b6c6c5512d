"""Reads the ids of interactions from raw Examples, however many there are."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from tfx_retrieval.components.scann_indexer import reading
from tfx_retrieval.config.reader import did_you_mean
from tfx_retrieval.datasets import untuned
from tfx_retrieval.errors import InputError, Problem

_PARSED_ROWS = 16384
_PEEKED_ROWS = 1000
_ROWS_PER_PART = 1 << 20
_NO_NUMBER = np.iinfo(np.int64).min
_ARROW_ID_TYPES = {"bytes_list": pa.large_binary(), "int64_list": pa.int64()}


@dataclasses.dataclass(frozen=True)
class IdPairs:
    """The ids of a source's interactions.

    Attributes:
        queries: large_binary or int64 Arrow array.
        candidates: The same length.
        left_out: Rows without a query or a candidate id.
    """

    queries: pa.Array
    candidates: pa.Array
    left_out: int


def read_ids(source: reading.Source, query_id: str, candidate_id: str) -> Iterator[IdPairs]:
    """Yields the query and the candidate ids of all rows, about a million rows at a time.

    Args:
        source: Where to read.
        query_id: Column of the query ids, bytes or int64.
        candidate_id: Column of the candidate ids, bytes or int64.

    Yields:
        The ids in reading order, without the rows that lack one.

    Raises:
        InputError: A column is missing, is of another type or has several values in a row.
    """
    types = _id_types(source, (query_id, candidate_id))
    if types is None:
        return
    spec = {
        name: tf.io.FixedLenFeature([], tf.int64, _NO_NUMBER)
        if pa.types.is_integer(kind)
        else tf.io.FixedLenFeature([], tf.string, "")
        for name, kind in types.items()
    }
    waiting: list[IdPairs] = []
    rows = 0
    try:
        for dataset in datasets(source, _PARSED_ROWS):
            parsed = dataset.map(lambda batch: tf.io.parse_example(batch, spec), tf.data.AUTOTUNE)
            for batch in parsed.prefetch(2).as_numpy_iterator():
                waiting.append(_id_pairs(batch, types))
                rows += len(waiting[-1].queries)
                if rows >= _ROWS_PER_PART:
                    yield _joined_ids(waiting)
                    waiting, rows = [], 0
    except tf.errors.InvalidArgumentError as error:
        raise not_one_id(source, query_id, candidate_id) from error
    if waiting:
        yield _joined_ids(waiting)


def _id_pairs(batch: dict[str, npt.NDArray], types: dict[str, pa.DataType]) -> IdPairs:
    """Returns the ids of a parsed batch, by the names of the query and the candidate column."""
    present = np.ones(len(next(iter(batch.values()))), bool)
    for name, kind in types.items():
        missing = _NO_NUMBER if pa.types.is_integer(kind) else b""
        present &= batch[name] != missing
    queries, candidates = (pa.array(batch[name][present], kind) for name, kind in types.items())
    return IdPairs(queries, candidates, int((~present).sum()))


def _joined_ids(parts: Sequence[IdPairs]) -> IdPairs:
    return IdPairs(
        pa.concat_arrays([part.queries for part in parts]),
        pa.concat_arrays([part.candidates for part in parts]),
        sum(part.left_out for part in parts),
    )


def datasets(source: reading.Source, rows: int) -> Iterator[tf.data.Dataset]:
    """Yields datasets of batches of serialized Examples, which together hold the source's rows."""
    for compressed, files in itertools.groupby(source.files, lambda path: path.endswith(".gz")):
        compression = "GZIP" if compressed else ""
        dataset = tf.data.TFRecordDataset(list(files), compression, buffer_size=1 << 20)
        yield untuned(dataset).batch(rows)


def _id_types(source: reading.Source, names: Sequence[str]) -> dict[str, pa.DataType] | None:
    """Finds the Arrow types of id columns in the first rows; None if there are no rows."""
    kinds: dict[str, str] = {}
    rows = 0
    for record in itertools.islice(_records(source), _PEEKED_ROWS):
        rows += 1
        for name, feature in tf.train.Example.FromString(record).features.feature.items():
            kind = feature.WhichOneof("kind")
            if kind and getattr(feature, kind).value:
                kinds.setdefault(name, kind)
        if all(name in kinds for name in names):
            break
    if not rows:
        return None
    problems = []
    for name in names:
        where = f"{source.name}: column {name!r}"
        if name not in kinds:
            remedy = did_you_mean(name, kinds)
            received = f"no value in the first {rows:,} rows"
            expected = f"a column of the Examples, which have {', '.join(sorted(kinds))}"
            problems.append(Problem(where, received, expected, remedy))
        elif kinds[name] not in _ARROW_ID_TYPES:
            problems.append(Problem(where, "numbers with a fraction", "ids: bytes or int64"))
    if problems:
        raise InputError(problems)
    return {name: _ARROW_ID_TYPES[kinds[name]] for name in names}


def _records(source: reading.Source) -> Iterator[bytes]:
    for dataset in datasets(source, _PEEKED_ROWS):
        for batch in dataset.as_numpy_iterator():
            yield from batch


def not_one_id(source: reading.Source, query_id: str, candidate_id: str) -> InputError:
    """Returns the error for a source whose rows do not each have one id of either kind."""
    return InputError(
        Problem(
            f"{source.name}: columns {query_id!r} and {candidate_id!r}",
            "a row with several values, or with values of another type than the first row",
            "one id of each in a row, of one type in all rows",
            "Write one interaction per row.",
        )
    )
