"""What a run's data says about a query id, and reading records back."""

import pathlib

import pytest

from tfx_retrieval import config
from tfx_retrieval.errors import InputError

tf = pytest.importorskip("tensorflow")

FEATURES = """{
  "version": 1,
  "query": {"id": "user", "features": [
    {"column": "user", "type": "categorical"},
    {"column": "country", "type": "categorical"},
    {"column": "tags", "type": "categorical", "values": {}},
    {"column": "met", "type": "history", "history": {"max_length": 2}}
  ]},
  "candidate": {"id": "item", "features": [{"column": "item", "type": "categorical"}]},
  "interaction": {"timestamp": "at"}
}"""

ROWS = [
    {"user": b"a", "item": b"i3", "at": 30, "country": b"FR", "tags": [b"x", b"y"]},
    {"user": b"b", "item": b"i9", "at": 10},
    {"user": b"a", "item": b"i1", "at": 10, "country": b"UK"},
    {"user": b"a", "item": b"i2", "at": 20},
    {"user": b"a", "item": b"i1", "at": 25},
]


def feature(value):
    values = value if isinstance(value, list) else [value]
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def write(folder: pathlib.Path, rows: list[dict]) -> list[str]:
    folder.mkdir(parents=True)
    path = str(folder / "data_tfrecord-00000-of-00001.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for row in rows:
            features = {name: feature(value) for name, value in row.items()}
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return [path]


@pytest.fixture
def files(tmp_path: pathlib.Path) -> list[str]:
    return [
        *write(tmp_path / "Split-train", ROWS[:3]),
        *write(tmp_path / "Split-eval", ROWS[3:]),
    ]


def test_rows_of_an_id_from_all_splits_in_order_of_time(files) -> None:
    from tfx_retrieval.cli import known_rows

    feature_config = config.parse_feature_config(FEATURES)
    known = known_rows.read_rows(files, "a", feature_config)

    assert [row["at"] for row in known.rows] == [10, 20, 25, 30]
    assert known.candidates(feature_config) == ["i1", "i2", "i3"]
    assert known.query_columns(feature_config) == {
        "user": "a",
        "country": "FR",
        "tags": ["x", "y"],
        "met": ["i1", "i3"],
    }


@pytest.mark.parametrize("identifier", ["nobody", 17])
def test_an_id_that_the_data_does_not_know(files, identifier) -> None:
    from tfx_retrieval.cli import known_rows

    feature_config = config.parse_feature_config(FEATURES)
    known = known_rows.read_rows(files, identifier, feature_config)

    assert known.candidates(feature_config) == []
    assert known.query_columns(feature_config) == {}


def test_integer_ids(tmp_path) -> None:
    from tfx_retrieval.cli import known_rows

    rows = [{"user": user, "item": item} for user, item in [(1, 5), (2, 6), (1, 7)]]
    feature_config = config.parse_feature_config(FEATURES)

    files = write(tmp_path / "Split-train", rows)

    for identifier in (1, "1"):
        known = known_rows.read_rows(files, identifier, feature_config)
        assert known.candidates(feature_config) == [5, 7]
    assert not known_rows.read_rows(files, "1.5", feature_config).rows


def test_records_as_a_person_reads_them(tmp_path) -> None:
    from tfx_retrieval.cli import records

    write(tmp_path / "Split-train", [*ROWS[:2], {"price": 0.5, "user": b"\xff"}])

    rows = records.read(tmp_path, "train", 5)

    assert rows == [
        {"at": 30, "country": "FR", "item": "i3", "tags": ["x", "y"], "user": "a"},
        {"at": 10, "item": "i9", "user": "b"},
        {"price": 0.5, "user": "\\xff"},
    ]
    assert len(records.read(tmp_path, "train", 2)) == 2
    with pytest.raises(InputError, match="one of train, but got 'test'"):
        records.read(tmp_path, "test", 1)
