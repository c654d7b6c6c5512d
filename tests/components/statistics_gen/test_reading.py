"""Record batches of known columns are those of tfx_bsl's decoder, whatever the rows lack."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from support import example_files
from support.example_files import example

from tfx_retrieval.components.interaction_example_gen.describe import ColumnLayout
from tfx_retrieval.components.statistics_gen import reading

_LAYOUT = ColumnLayout(values=("id", "name", "price"), lists=("met",))


def _rows(count):
    random = np.random.default_rng(3)
    return [
        _example(
            id=row,
            name=None if row % 7 == 3 else f"näme {row % 5}" * (row % 3),
            price=None if row % 11 == 5 else float(np.float32(random.normal())),
            met=[int(value) for value in random.integers(0, 9, row % 4)],
        )
        for row in range(count)
    ]


def _example(**features):
    """Returns an Example as InteractionExampleGen writes it: a missing value has no kind."""
    result = tf.train.Example.FromString(
        example(**{name: value for name, value in features.items() if value != []})
    )
    for name, value in features.items():
        if value is None:
            result.features.feature[name].CopyFrom(tf.train.Feature())
        elif value == []:
            result.features.feature[name].int64_list.SetInParent()
    return result.SerializeToString()


def _read(directory, rows, layout):
    example_files.write_records(directory, rows)
    files = sorted(str(path) for path in directory.iterdir())
    return list(reading.record_batches(files, layout))


@pytest.mark.parametrize("rows", [0, 1, 4, 500])
def test_parsed_batches_equal_decoded_ones(tmp_path, rows, monkeypatch):
    monkeypatch.setattr(reading, "_DECODED_ROWS", 60)
    monkeypatch.setattr(reading, "_MERGED_ROWS", 100)
    decoded = _read(tmp_path / "decoded", _rows(rows), None)
    parsed = _read(tmp_path / "parsed", _rows(rows), _LAYOUT)
    assert len(parsed) == len(decoded)
    for mine, theirs in zip(parsed, decoded, strict=True):
        assert mine.schema == theirs.schema
        mine.validate(full=True)
        assert mine.equals(theirs)
    if rows > 100:
        nulls = sum(batch.column(batch.schema.names.index("name")).null_count for batch in parsed)
        assert nulls == sum(row % 7 == 3 for row in range(rows))


def test_a_column_without_a_value_at_first_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_DECODED_ROWS", 2)
    rows = [
        _example(id=row, name=None if row < 6 else "late", price=0.5, met=[]) for row in range(9)
    ]
    called = []
    monkeypatch.setattr(reading, "_parsed", lambda *arguments: called.append(arguments))
    batches = _read(tmp_path / "late", rows, _LAYOUT)
    table = pa.Table.from_batches(batches)
    assert not called
    assert table["name"].null_count == 6
