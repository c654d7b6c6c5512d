"""Writes serialised records to gzip TFRecord files."""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib
from tfx.dsl.io import fileio

from tfx_retrieval.components.interaction_example_gen import binary_arrays

_ROWS_AT_ONCE = 1 << 15
_ROWS_PER_SHARD = 1 << 17
# Each takes memory, and Python's lock lets few of them work at once.
_MAX_THREADS = 8
# Files are as large as with the lowest level of zlib.
_LEVEL = 1
# Window bits of zlib's that ask for a gzip header.
_GZIP = 31
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
    with RecordWriter(path) as writer:
        for records in shard:
            writer.write(records)


class RecordWriter:
    """Writes a gzip TFRecord file, many records at a time.

    TensorFlow's writer takes one record at a time, and Python's lock for each, so that two threads
    with a file each hinder one another; and its compressor takes five times as long as isal's for
    files of the same size. A record is its length, a checksum of that, its bytes, and a checksum of
    these (tensorflow/core/lib/io/record_writer.h).
    """

    def __init__(self, path: str) -> None:
        """Opens a file, local or remote."""
        self._file = fileio.open(path, "wb")
        self._compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)

    def __enter__(self) -> RecordWriter:
        """Does nothing; the file is open."""
        return self

    def write(self, records: pa.Array) -> None:
        """Appends records.

        Args:
            records: Large binary array.
        """
        if len(records):
            self._file.write(self._compressor.compress(framed(records)))

    def __exit__(self, error_type: type[BaseException] | None, *rest: object) -> None:
        """Closes the file; after an error it stays unfinished."""
        if error_type is None:
            self.close()
        else:
            self._file.close()

    def close(self) -> None:
        """Finishes the file."""
        self._file.write(self._compressor.flush())
        self._file.close()


def framed(records: pa.Array) -> np.ndarray:
    """Returns the bytes of a TFRecord file without compression.

    Args:
        records: Large binary array.
    """
    values = records.to_numpy(zero_copy_only=False)
    checksums = np.fromiter(map(google_crc32c.value, values), np.uint32, len(values))
    ends = _masked(checksums).astype("<u4").view(np.uint8)
    heads = binary_arrays.lookup(binary_arrays.lengths(records), _head)
    tails = binary_arrays.binary(np.arange(len(values) + 1) * 4, ends)
    nothing = pa.scalar(b"", binary_arrays.BINARY)
    return binary_arrays.data(pc.binary_join_element_wise(heads, records, tails, nothing))


def _head(length: int) -> bytes:
    encoded = struct.pack("<Q", length)
    checksum = np.array([google_crc32c.value(encoded)], np.uint32)
    return encoded + _masked(checksum).astype("<u4").tobytes()


def _masked(checksums: np.ndarray) -> np.ndarray:
    """Returns CRCs as TFRecords hold them, since a CRC of bytes with CRCs in them is weak."""
    rotated = (checksums >> np.uint32(15)) | (checksums << np.uint32(17))
    return rotated + np.uint32(0xA282EAD8)
