"""Writes serialised records to gzip TFRecord files."""

from __future__ import annotations

import concurrent.futures
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tfx.dsl.io import fileio

_ROWS_AT_ONCE = 1 << 15
_ROWS_PER_SHARD = 1 << 17
# Each takes memory, and Python's lock lets few of them work at once.
_MAX_THREADS = 8
# Level 1 takes half the time of the default and makes files a fifth larger.
_OPTIONS = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
# The stock ExampleGens' name; some readers look for the `.gz`.
_FILE_NAME = "data_tfrecord-{shard:05d}-of-{shards:05d}.gz"


def write_shards(
    directory: str, rows: np.ndarray, encode: Callable[[np.ndarray], pa.Array]
) -> list[str]:
    """Writes the records of some rows to as many files as their number asks for.

    Args:
        directory: Where to write; made if it is not there.
        rows: int [r], in the order in which records are to stand in the files.
        encode: Returns the records of some rows as a large binary array; called from several
            threads at once.

    Returns:
        Names of the files.
    """
    bounds = shard_bounds(len(rows))
    parts = [rows[start:stop] for start, stop in itertools.pairwise(bounds)]
    return write_files(directory, [encoded(part, encode) for part in parts])


def shard_bounds(rows: int) -> np.ndarray:
    """Returns where the files of a split begin and end among its rows, int64 [files + 1]."""
    shards = max(1, -(-rows // _ROWS_PER_SHARD))
    size, larger = divmod(rows, shards)
    numbers = np.arange(shards + 1)
    return numbers * size + np.minimum(numbers, larger)


def encoded(rows: np.ndarray, encode: Callable[[np.ndarray], pa.Array]) -> Iterator[pa.Array]:
    """Yields the records of some rows, as many at a time as memory should hold.

    Args:
        rows: int [r].
        encode: See `write_shards`.
    """
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield encode(rows[start : start + _ROWS_AT_ONCE])


def write_files(directory: str, shards: Sequence[Iterable[pa.Array]]) -> list[str]:
    """Writes a file for each shard, several at a time.

    Args:
        directory: Where to write; made if it is not there.
        shards: The records of each file, as large binary arrays; asked for in several threads.

    Returns:
        Names of the files.
    """
    fileio.makedirs(directory)
    names = [_FILE_NAME.format(shard=shard, shards=len(shards)) for shard in range(len(shards))]
    paths = [os.path.join(directory, name) for name in names]
    with concurrent.futures.ThreadPoolExecutor(
        min(_MAX_THREADS, len(os.sched_getaffinity(0)))
    ) as pool:
        futures = [
            pool.submit(_write_file, path, shard) for path, shard in zip(paths, shards, strict=True)
        ]
        for future in futures:
            future.result()
    return paths


def _write_file(path: str, shard: Iterable[pa.Array]) -> None:
    with tf.io.TFRecordWriter(path, _OPTIONS) as writer:
        for records in shard:
            for record in records.to_numpy(zero_copy_only=False):
                writer.write(record)
