"""TFRecord files written in bulk."""

import gzip
import pathlib

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from tfx_retrieval.components.interaction_example_gen import tfrecords


def large_binary(records: list[bytes]) -> pa.Array:
    return pa.array(records, pa.large_binary())


def random_records(number: int) -> list[bytes]:
    generator = np.random.default_rng(number)
    lengths = generator.integers(0, 300, number)
    return [generator.bytes(int(length)) for length in lengths]


@pytest.mark.parametrize(
    "records", [[b""], [b"one"], random_records(1000), [b"long" * 100_000, b""]]
)
def test_frames_as_tensorflow_does(records: list[bytes], tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "expected")
    with tf.io.TFRecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    expected = pathlib.Path(path).read_bytes()
    assert tfrecords.framed(large_binary(records)).tobytes() == expected


def test_tensorflow_reads_what_is_written(tmp_path: pathlib.Path) -> None:
    records = random_records(5000)
    path = str(tmp_path / "records.gz")
    array = large_binary(records)
    with tfrecords.RecordWriter(path) as writer:
        for part in (array[:10], array[10:10], array[10:]):
            writer.write(part)
    read = tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator()
    assert list(read) == records


def test_a_file_without_records_is_one(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "empty.gz")
    with tfrecords.RecordWriter(path):
        pass
    assert gzip.decompress(pathlib.Path(path).read_bytes()) == b""
    assert not list(tf.data.TFRecordDataset(path, "GZIP"))


def test_an_error_leaves_a_file_that_does_not_read_as_whole(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "unfinished.gz")

    def write_and_fail() -> None:
        with tfrecords.RecordWriter(path) as writer:
            writer.write(large_binary(random_records(5000)))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    with pytest.raises(EOFError):
        gzip.decompress(pathlib.Path(path).read_bytes())
