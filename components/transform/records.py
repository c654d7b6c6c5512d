"""Reads gzip TFRecords of tf.Examples in batches and writes such files in threads."""

from __future__ import annotations

import collections
import concurrent.futures
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.io import fileio
from tfx.utils import io_utils
from tfx_bsl.coders import example_coder

from tfx_retrieval import datasets
from tfx_retrieval.components.interaction_example_gen import example_encoder, tfrecords
from tfx_retrieval.errors import InputError, Problem

# Large batches amortise what a call costs; the bytes bound what wide rows take.
_BATCH_ROWS = 1 << 16
_BATCH_BYTES = 1 << 25
_PEEKED_RECORDS = 256
_READ_BUFFER_BYTES = 1 << 20
_PARALLEL_READS = 2
_SHARDS = 4
_WRITE_THREADS = 2
_QUEUED_BATCHES = 4
# Short strings live inside a tensor's 24 byte cells; longer ones are kept beside them.
_STRING_CELL_BYTES = 24

Batch = Mapping[str, tf.Tensor | tf.SparseTensor | tf.RaggedTensor]


def split_files(uri: str) -> tuple[str, ...]:
    """Lists the files of a split.

    Args:
        uri: Directory of the split.

    Returns:
        The files' URIs, in order of name.

    Raises:
        InputError: There are none.
    """
    files = tuple(sorted(fileio.glob(io_utils.all_files_pattern(uri))))
    if not files:
        raise InputError(Problem(where=uri, received="no files", expected="gzip TFRecord files"))
    return files


def batch_rows(files: Sequence[str]) -> int:
    """Returns how many rows of `files` make a batch of moderate size.

    Args:
        files: TFRecord files, gzip.

    Returns:
        Number of rows, at least 1; judged by the first records.
    """
    records = tf.data.TFRecordDataset(list(files), "GZIP").take(_PEEKED_RECORDS)
    sizes = [len(record) for record in records.as_numpy_iterator()]
    mean_size = max(1, sum(sizes) // max(1, len(sizes)))
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // mean_size))


def read_batches(
    files: Sequence[str], feature_spec: Mapping[str, Any], rows: int
) -> Iterator[Batch]:
    """Parses the tf.Examples of `files`, in an order that is always the same.

    Args:
        files: TFRecord files, gzip.
        feature_spec: Columns to parse, as for `tf.io.parse_example`.
        rows: Rows of a batch; the last ones of each file may have fewer.

    Yields:
        Parsed batches.
    """
    names = datasets.untuned(tf.data.Dataset.from_tensor_slices(list(files)))
    dataset = names.interleave(
        lambda file: tf.data.TFRecordDataset(file, "GZIP", _READ_BUFFER_BYTES).batch(rows),
        cycle_length=_PARALLEL_READS,
        num_parallel_calls=_PARALLEL_READS,
        deterministic=True,
    )
    yield from dataset.map(
        lambda records: tf.io.parse_example(records, dict(feature_spec)),
        num_parallel_calls=_PARALLEL_READS,
        deterministic=True,
    ).prefetch(1)


class BatchSource:
    """The parsed batches of one split; kept after the first pass while they fit a budget."""

    def __init__(
        self, files: Sequence[str], feature_spec: Mapping[str, Any], rows: int, budget: int
    ) -> None:
        """Reads nothing yet.

        Args:
            files: TFRecord files, gzip.
            feature_spec: Columns to parse.
            rows: Rows of a batch.
            budget: Bytes of batches to keep at most; 0 keeps none.
        """
        self._files = files
        self._feature_spec = feature_spec
        self._rows = rows
        self._budget = budget
        self._kept: list[Batch] | None = None

    def __iter__(self) -> Iterator[Batch]:
        """Yields the batches, from memory if a full pass before this one could keep them."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Batch] | None = [] if self._budget else None
        size = 0
        for batch in read_batches(self._files, self._feature_spec, self._rows):
            if kept is not None:
                size += _nbytes(batch)
                if size <= self._budget:
                    kept.append(batch)
                else:
                    kept = None
            yield batch
        self._kept = kept


def row_count(batch: Batch) -> int:
    """Returns the number of rows of a parsed batch."""
    tensor = next(iter(batch.values()))
    if isinstance(tensor, tf.RaggedTensor):
        return int(tensor.nrows())
    shape = tensor.dense_shape if isinstance(tensor, tf.SparseTensor) else tf.shape(tensor)
    return int(shape[0])


def _nbytes(batch: Batch) -> int:
    """Estimates from above what a batch takes in memory."""
    total = 0
    for component in tf.nest.flatten(dict(batch), expand_composites=True):
        if component.dtype == tf.string:
            lengths = tf.reduce_sum(tf.cast(tf.strings.length(component), tf.int64))
            total += int(tf.size(component)) * _STRING_CELL_BYTES + int(lengths)
        else:
            total += int(tf.size(component)) * component.dtype.size
    return total


class ExampleWriter:
    """Encodes record batches as tf.Examples and writes them to gzip TFRecords, in threads.

    Batches go round the shards in turn, so the files do not depend on the machine. Encoding and
    compressing run outside of Python's lock. Use it as a context manager; the files have their
    names when the context ends without an error.
    """

    def __init__(self, directory: str, prefix: str, schema: schema_pb2.Schema) -> None:
        """Writes nothing yet.

        Args:
            directory: Local directory for the files, `<prefix>-00000-of-0000N.gz`.
            prefix: Start of the file names.
            schema: Schema of the rows.
        """
        self._directory = directory
        self._prefix = prefix
        self._shards = [
            _Shard(os.path.join(directory, f"{prefix}-{index}.unfinished"), schema)
            for index in range(_SHARDS)
        ]
        # One thread a lane: the batches of a shard then stay in order.
        self._lanes = [
            concurrent.futures.ThreadPoolExecutor(max_workers=1) for _ in range(_WRITE_THREADS)
        ]
        self._pending: collections.deque[concurrent.futures.Future[None]] = collections.deque()
        self._batches = 0

    def __enter__(self) -> ExampleWriter:
        """Makes the directory."""
        os.makedirs(self._directory, exist_ok=True)
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Queues a batch; waits while too many are queued.

        Args:
            batch: Rows in the form of `tft_internal.arrow_converter`.
        """
        shard = self._batches % _SHARDS
        self._batches += 1
        lane = self._lanes[shard % _WRITE_THREADS]
        self._pending.append(lane.submit(self._shards[shard].write, batch))
        while len(self._pending) > _QUEUED_BATCHES:
            self._pending.popleft().result()

    def __exit__(self, error_type: type[BaseException] | None, *rest: object) -> None:
        """Finishes the files."""
        try:
            while self._pending and error_type is None:
                self._pending.popleft().result()
        finally:
            for lane in self._lanes:
                lane.shutdown(cancel_futures=True)
        # Splits without rows get one empty file, since readers expect at least one.
        used = self._shards[: max(1, min(self._batches, _SHARDS))]
        for shard in used:
            shard.close()
        if error_type is None:
            for index, shard in enumerate(used):
                name = f"{self._prefix}-{index:05d}-of-{len(used):05d}.gz"
                os.rename(shard.path, os.path.join(self._directory, name))


class _Shard:
    """One TFRecord file and the encoder for it."""

    def __init__(self, path: str, schema: schema_pb2.Schema) -> None:
        self.path = path
        self._encode = example_encoder_for(schema)
        self._writer: tfrecords.RecordWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        self._open().write(self._encode(batch))

    def close(self) -> None:
        self._open().close()

    def _open(self) -> tfrecords.RecordWriter:
        if self._writer is None:
            self._writer = tfrecords.RecordWriter(self.path)
        return self._writer


def example_encoder_for(
    schema: schema_pb2.Schema,
) -> Callable[[pa.RecordBatch], pa.Array]:
    """Returns a function that serialises the rows of record batches as tf.Examples.

    Args:
        schema: Schema of the rows.

    Returns:
        The function; it returns a large binary array.
    """
    if schema.tensor_representation_group:
        # Ragged and generic sparse tensors take several features, which this encoder knows to name.
        encoder = example_coder.RecordBatchToExamplesEncoder(schema)
        return lambda batch: pa.array(encoder.encode(batch), pa.large_binary())
    return _encode_columns


def _encode_columns(batch: pa.RecordBatch) -> pa.Array:
    """Serialises lists of numbers or texts; a fifth of the time of tfx_bsl's encoder."""
    encoder = example_encoder.ExampleEncoder()
    for name, lists in zip(batch.schema.names, batch.columns, strict=True):
        is_scalar = pc.all(pc.equal(pc.list_value_length(lists), 1)).as_py()
        encoder.add_column(name, lists.flatten() if is_scalar else lists)
    return encoder.encode(np.arange(batch.num_rows))
