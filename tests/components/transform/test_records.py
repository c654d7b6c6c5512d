"""Batches are read completely and in order; files are written completely and under their names."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder

from tfx_retrieval.components.transform import records

_SPEC = {"x": tf.io.FixedLenFeature([], tf.int64), "s": tf.io.VarLenFeature(tf.string)}
_SCHEMA = text_format.Parse('feature { name: "x" type: INT shape {} }', schema_pb2.Schema())


def _write(path, numbers) -> str:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for number in numbers:
            example = tf.train.Example()
            example.features.feature["x"].int64_list.value.append(number)
            if number % 2:
                example.features.feature["s"].bytes_list.value.append(b"text" * number)
            writer.write(example.SerializeToString())
    return str(path)


@pytest.fixture
def files(tmp_path):
    return [_write(tmp_path / "a.gz", range(7)), _write(tmp_path / "b.gz", range(7, 10))]


def _numbers(batches) -> list[list[int]]:
    return [batch["x"].numpy().tolist() for batch in batches]


def test_reads_every_row_in_a_fixed_order(files):
    batches = list(records.read_batches(files, _SPEC, rows=4))
    assert _numbers(batches) == [[0, 1, 2, 3], [7, 8, 9], [4, 5, 6]]
    assert [records.row_count(batch) for batch in batches] == [4, 3, 3]
    assert records.row_count({"s": batches[0]["s"]}) == 4
    ragged = tf.RaggedTensor.from_sparse(batches[1]["s"])
    assert records.row_count({"s": ragged}) == 3


@pytest.mark.parametrize("budget", [0, 300, 1 << 20])
def test_source_can_be_read_again(files, budget, monkeypatch):
    source = records.BatchSource(files, _SPEC, rows=4, budget=budget)
    first = _numbers(source)
    reads = []
    monkeypatch.setattr(
        records,
        "read_batches",
        lambda *arguments: reads.append(1) or iter([{"x": tf.constant([0])}]),
    )
    again = _numbers(source)
    # Only a budget that holds all ten rows keeps them.
    assert (again, reads) == ((first, []) if budget == 1 << 20 else ([[0]], [1]))


def test_batches_of_wide_rows_are_short(tmp_path):
    narrow = _write(tmp_path / "narrow.gz", range(4))
    assert records.batch_rows([narrow]) == 1 << 16
    wide = tmp_path / "wide.gz"
    with tf.io.TFRecordWriter(str(wide), "GZIP") as writer:
        writer.write(b"x" * (1 << 20))
    assert records.batch_rows([str(wide)]) == 32
    assert records.batch_rows([_write(tmp_path / "empty.gz", [])]) == 1 << 16


def _batch(numbers) -> pa.RecordBatch:
    offsets = pa.array(np.arange(len(numbers) + 1), pa.int64())
    values = pa.array(numbers, pa.int64())
    return pa.RecordBatch.from_arrays([pa.LargeListArray.from_arrays(offsets, values)], ["x"])


def _lists(rows, value_type) -> pa.Array:
    return pa.array(rows, pa.large_list(value_type))


@settings(deadline=None, max_examples=30)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.floats(width=32, allow_nan=False),
            st.binary(max_size=300),
            st.lists(st.integers(-5, 300), max_size=4),
            st.lists(st.binary(max_size=3), max_size=3),
            st.tuples(st.floats(width=32), st.floats(width=32)),
        ),
        max_size=20,
    )
)
def test_records_equal_those_of_tfx_bsl(rows):
    columns = list(zip(*rows, strict=True)) or [[]] * 6
    batch = pa.RecordBatch.from_arrays(
        [
            _lists([[value] for value in columns[0]], pa.int64()),
            _lists([[value] for value in columns[1]], pa.float32()),
            _lists([[value] for value in columns[2]], pa.large_binary()),
            _lists(columns[3], pa.int64()),
            _lists(columns[4], pa.large_binary()),
            _lists(columns[5], pa.float32()),
        ],
        ["number", "share", "text", "numbers", "texts", "pair"],
    )
    schema = schema_pb2.Schema()
    actual = records.example_encoder_for(schema)(batch).to_pylist()
    expected = example_coder.RecordBatchToExamplesEncoder().encode(batch)
    assert [_content(record) for record in actual] == [_content(record) for record in expected]


def _content(record: bytes) -> dict[str, str]:
    features = tf.train.Example.FromString(record).features.feature
    # As text, in which nan equals nan.
    return {name: str(feature) for name, feature in features.items()}


def _read_back(path) -> list[int]:
    return [
        tf.train.Example.FromString(record).features.feature["x"].int64_list.value[0]
        for record in tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator()
    ]


def test_batches_go_round_the_shards(tmp_path):
    with records.ExampleWriter(str(tmp_path / "out"), "x", _SCHEMA) as writer:
        for start in range(0, 18, 2):
            writer.write(_batch([start, start + 1]))
    written = {path.name: _read_back(path) for path in (tmp_path / "out").iterdir()}
    assert written == {
        "x-00000-of-00004.gz": [0, 1, 8, 9, 16, 17],
        "x-00001-of-00004.gz": [2, 3, 10, 11],
        "x-00002-of-00004.gz": [4, 5, 12, 13],
        "x-00003-of-00004.gz": [6, 7, 14, 15],
    }


@pytest.mark.parametrize(
    ("batches", "names"), [(0, ["x-00000-of-00001.gz"]), (1, ["x-00000-of-00001.gz"])]
)
def test_few_batches_give_few_files(tmp_path, batches, names):
    with records.ExampleWriter(str(tmp_path / "out"), "x", _SCHEMA) as writer:
        for _ in range(batches):
            writer.write(_batch([5]))
    assert [path.name for path in (tmp_path / "out").iterdir()] == names
    assert _read_back(tmp_path / "out" / names[0]) == [5] * batches


def test_failure_in_a_thread_is_raised_and_no_file_is_finished(tmp_path):
    wrong = pa.RecordBatch.from_arrays([pa.array(["no list"])], ["x"])
    with (
        pytest.raises(Exception, match=r"(?i)list"),
        records.ExampleWriter(str(tmp_path / "out"), "x", _SCHEMA) as writer,
    ):
        writer.write(wrong)
    assert not list((tmp_path / "out").glob("*.gz"))
