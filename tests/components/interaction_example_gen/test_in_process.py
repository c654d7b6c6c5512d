"""From files to Examples in this process: contents, order of rows, and failures half-way."""

import glob
import json
import os
import pathlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from tfx_retrieval.components.interaction_example_gen import in_process, tfrecords
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ColumnSpec,
    FilterSpec,
    HistorySpec,
    SplitSpec,
    TableSpec,
)
from tfx_retrieval.errors import InputError


def make(data, spec, directory):
    uris = str(directory / "examples"), str(directory / "candidates")
    return in_process.make_examples([str(data)], spec, *uris)


@pytest.fixture
def data(tmp_path, interactions):
    path = tmp_path / "data.csv"
    interactions.to_csv(path, index=False)
    return path


def rows_of(features):
    return sorted(
        (row["user"][0], row["item"][0].decode(), row["time"][0], row["rating"][0])
        for row in features
    )


def rows_of_frame(frame):
    return sorted(frame[["user", "item", "time", "rating"]].itertuples(index=False, name=None))


class TestContents:
    def test_splits_hold_every_row_once(
        self, data, interactions, make_spec, tmp_path, read_examples
    ):
        make(data, make_spec(), tmp_path)
        train = read_examples(tmp_path / "examples", "train")
        evaluation = read_examples(tmp_path / "examples", "eval")
        assert rows_of(train + evaluation) == rows_of_frame(interactions)
        assert set(train[0]) == {"user", "item", "time", "rating"}
        pairs = [{(row["user"][0], row["item"][0]) for row in rows} for rows in (train, evaluation)]
        assert pairs[0].isdisjoint(pairs[1])

    def test_temporal_split_against_pandas(
        self, data, interactions, make_spec, tmp_path, read_examples
    ):
        result = make(data, make_spec(SplitSpec("temporal", 0.2, 0.1)), tmp_path)
        cuts = result.cuts
        for name, low, high in (
            ("train", 0, cuts.eval_time),
            ("eval", cuts.eval_time, cuts.test_time),
            ("test", cuts.test_time, 2**62),
        ):
            expected = interactions[interactions["time"].between(low, high, "left")]
            found = read_examples(tmp_path / "examples", name)
            assert rows_of(found) == rows_of_frame(expected)
            assert result.splits[name].rows == len(expected)
        assert abs(result.splits["eval"].rows - 80) < 8
        assert abs(result.splits["test"].rows - 40) < 8

    def test_candidates_are_the_latest_rows_in_order(self, make_spec, tmp_path, read_examples):
        frame = pd.DataFrame(
            {
                "user": [1, 1, 2, 2, 3],
                "item": ["b", "a", "b", "a", "c"],
                "time": ["2020-01-01", "2020-01-04", "2020-01-03", "2020-01-02", None],
                "rating": [1, 2, 3, 4, 5],
                "name": ["old b", "new a", "new b", "old a", None],
            }
        )
        frame.to_csv(tmp_path / "data.csv", index=False)
        result = make(tmp_path / "data.csv", make_spec(SplitSpec(eval_fraction=0.5)), tmp_path)
        rows = read_examples(tmp_path / "candidates", "candidates")
        assert rows == [
            {"item": [b"a"], "name": [b"new a"]},
            {"item": [b"b"], "name": [b"new b"]},
            {"item": [b"c"], "name": None},
        ]
        assert (result.candidates, result.candidates_with_differing_rows) == (3, 2)

    def test_history_is_written_as_a_list(
        self, data, interactions, make_spec, tmp_path, read_examples
    ):
        make(data, make_spec("temporal", histories=(HistorySpec("seen", 4),)), tmp_path)
        for name in ("train", "eval"):
            for row in read_examples(tmp_path / "examples", name):
                earlier = interactions[
                    (interactions["user"] == row["user"][0])
                    & (interactions["time"] < row["time"][0])
                ]
                earlier = earlier.sort_values("time", kind="stable")
                seen = [item.decode() for item in row["seen"]]
                assert len(seen) == min(len(earlier), 4)
                oldest = earlier.iloc[-len(seen) :]["time"].min() if seen else 0
                surely = earlier[earlier["time"] > oldest]
                if not surely["time"].duplicated().any():
                    assert seen[len(seen) - len(surely) :] == surely["item"].tolist()
                assert set(seen) <= set(earlier["item"])

    def test_every_type_reads_back(self, tmp_path):
        table = pa.table(
            {
                "user": ["00123", "4", "5", "6"] * 3,
                "item": [1, 2, 3, 4] * 3,
                "price": [0.5, None, 2.25, 3.0] * 3,
                "when": pa.array([1_500, None, 2_000, 3_999] * 3, pa.timestamp("ms")),
                "gift": [True, False, None, True] * 3,
                "note": ["größe", None, "", "x"] * 3,
                "cover": [[0.5, 1.5], [2.0, 3.0], None, [4.0, 5.0]] * 3,
                "tags": [["a", "b"], [], None, ["c"]] * 3,
            }
        )
        pq.write_table(table, tmp_path / "t.parquet")
        columns = (
            ColumnSpec("user", "categorical"),
            ColumnSpec("item", "categorical"),
            ColumnSpec("price", "numeric"),
            ColumnSpec("when", "temporal"),
            ColumnSpec("gift", "boolean"),
            ColumnSpec("note", "text"),
            ColumnSpec("cover", "vector", dimension=2),
            ColumnSpec("tags", "categorical", multiple=True),
        )
        names = tuple(column.name for column in columns)
        spec = TableSpec(columns, names, "user", "item", names[1:])
        make(tmp_path / "t.parquet", spec, tmp_path)
        records = tf.data.TFRecordDataset(
            glob.glob(f"{tmp_path}/candidates/Split-candidates/*"), "GZIP"
        )
        parsed = tf.io.parse_example(
            list(records.as_numpy_iterator()),
            {
                "item": tf.io.FixedLenFeature([], tf.int64),
                "price": tf.io.FixedLenFeature([], tf.float32, -1.0),
                "when": tf.io.FixedLenFeature([], tf.int64, -1),
                "gift": tf.io.FixedLenFeature([], tf.int64, -1),
                "note": tf.io.FixedLenFeature([], tf.string, "none"),
                "cover": tf.io.FixedLenFeature([2], tf.float32, [-1.0, -1.0]),
                "tags": tf.io.RaggedFeature(tf.string),
            },
        )
        assert parsed["item"].numpy().tolist() == [1, 2, 3, 4]
        assert parsed["price"].numpy().tolist() == [0.5, -1.0, 2.25, 3.0]
        assert parsed["when"].numpy().tolist() == [1, -1, 2, 3]
        assert parsed["gift"].numpy().tolist() == [1, 0, -1, 1]
        assert [text.decode() for text in parsed["note"].numpy()] == ["größe", "none", "none", "x"]
        assert parsed["cover"].numpy().tolist() == [[0.5, 1.5], [2, 3], [-1, -1], [4, 5]]
        assert parsed["tags"].to_list() == [[b"a", b"b"], [], [], [b"c"]]


class TestOrder:
    def test_neither_rows_nor_files_nor_formats_change_a_byte(
        self, interactions, make_spec, tmp_path
    ):
        # Rows that agree on user, item and time only would still be told apart by their order.
        frame = interactions.drop_duplicates(["user", "item", "time"])
        shuffled = frame.sample(frac=1, random_state=5)
        for name in ("one", "two", "three"):
            (tmp_path / name).mkdir()
        frame.to_csv(tmp_path / "one" / "t.csv", index=False)
        shuffled[:150].to_csv(tmp_path / "two" / "a.csv.gz", index=False)
        shuffled[150:].to_csv(tmp_path / "two" / "b.csv", index=False)
        typed = shuffled.assign(time=pd.to_datetime(shuffled["time"], unit="s"))
        typed.to_parquet(tmp_path / "three" / "t.parquet", row_group_size=100)
        for method in ("random", "temporal", "leave-one-out"):
            spec = make_spec(method, histories=(HistorySpec("seen", 3),))
            written = []
            for name in ("one", "two", "three"):
                make(tmp_path / name, spec, tmp_path / method / name)
                paths = sorted(glob.glob(f"{tmp_path}/{method}/{name}/*/*/*"))
                assert len(paths) == 3
                written.append([pathlib.Path(path).read_bytes() for path in paths])
            assert written[0] == written[1] == written[2]

    def test_rows_are_shuffled_by_the_seed(self, data, make_spec, tmp_path, read_examples):
        order = []
        for seed in (1, 2):
            spec = make_spec(SplitSpec("temporal", seed=seed))
            make(data, spec, tmp_path / str(seed))
            rows = read_examples(tmp_path / str(seed) / "examples", "train")
            order.append([row["time"][0] for row in rows])
        assert sorted(order[0]) == sorted(order[1])
        assert order[0] != order[1]
        assert abs(np.corrcoef(np.arange(len(order[0])), order[0])[0, 1]) < 0.2

    def test_large_splits_have_several_files(
        self, data, make_spec, tmp_path, monkeypatch, read_examples
    ):
        make(data, make_spec("temporal"), tmp_path / "one")
        monkeypatch.setattr(tfrecords, "_ROWS_PER_SHARD", 100)
        monkeypatch.setattr(tfrecords, "_ROWS_AT_ONCE", 30)
        make(data, make_spec("temporal"), tmp_path / "several")
        names = sorted(os.listdir(tmp_path / "several" / "examples" / "Split-train"))
        assert names == [f"data_tfrecord-{shard:05d}-of-00004.gz" for shard in range(4)]
        one, several = (
            read_examples(tmp_path / name / "examples", "train") for name in ("one", "several")
        )
        assert one == several


class TestSample:
    def test_keeps_whole_users(self, data, interactions, make_spec, tmp_path, read_examples):
        result = make(data, make_spec("leave-one-out", sample_rows=100), tmp_path)
        rows = [r for name in ("train", "eval") for r in read_examples(tmp_path / "examples", name)]
        users = {row["user"][0] for row in rows}
        assert rows_of(rows) == rows_of_frame(interactions[interactions["user"].isin(users)])
        assert 100 <= len(rows) < 130
        assert result.left_out["a query outside the sample"] == 400 - len(rows)
        items = {row["item"][0] for row in read_examples(tmp_path / "candidates", "candidates")}
        assert items == {row["item"][0] for row in rows}

    def test_of_more_rows_than_there_are_is_everything(self, data, make_spec, tmp_path):
        assert make(data, make_spec(sample_rows=400), tmp_path).rows_kept == 400


class TestReport:
    def test_counts_what_is_in_the_splits(self, data, interactions, make_spec, tmp_path, caplog):
        caplog.set_level("INFO", "tfx_retrieval.interaction_example_gen")
        spec = make_spec("temporal", filters=(FilterSpec("rating", minimum=1.0),))
        result = make(data, spec, tmp_path)
        kept = interactions[interactions["rating"] >= 1]
        train = kept[kept["time"] < result.cuts.eval_time]
        held_out = kept[kept["time"] >= result.cuts.eval_time]
        assert (result.rows_read, result.rows_kept) == (400, len(kept))
        assert result.left_out == {
            "no user": 0,
            "no item": 0,
            "no time": 0,
            "rating below 1": 400 - len(kept),
        }
        pairs = set(train[["user", "item"]].itertuples(index=False, name=None))
        assert result.to_dict()["splits"]["eval"] == {
            "rows": len(held_out),
            "queries": held_out["user"].nunique(),
            "candidates": held_out["item"].nunique(),
            "first_time": held_out["time"].min(),
            "last_time": held_out["time"].max(),
            "queries_not_in_train": len(set(held_out["user"]) - set(train["user"])),
            "candidates_not_in_train": len(set(held_out["item"]) - set(train["item"])),
            "rows_seen_in_train": sum(
                pair in pairs
                for pair in held_out[["user", "item"]].itertuples(index=False, name=None)
            ),
        }
        assert json.dumps(result.to_dict())
        assert (
            caplog.messages[0] == f"read 400 rows; left out {400 - len(kept)} with rating below 1"
        )
        assert f"train: {len(train)} rows of 30 queries, 2020-09-13" in caplog.text
        assert f"{kept['item'].nunique()} candidates" in caplog.messages[-1]

    def test_new_queries_and_candidates_are_told(self, make_spec, tmp_path, caplog):
        caplog.set_level("INFO", "tfx_retrieval.interaction_example_gen")
        frame = pd.DataFrame(
            {"user": [1, 1, 1, 2], "item": list("aaba"), "time": [1, 2, 4, 5], "rating": 1}
        )
        frame["name"] = ["x", "x", "x", "y"]
        frame.to_csv(tmp_path / "t.csv", index=False)
        make(tmp_path / "t.csv", make_spec(SplitSpec("temporal", 0.5)), tmp_path)
        assert caplog.messages[-2:] == [
            "eval: 1 query and 1 candidate are not in train",
            "2 candidates; 1 has rows that differ, of which the latest counts",
        ]
        frame.assign(item="a", user=1).to_csv(tmp_path / "t.csv", index=False)
        make(tmp_path / "t.csv", make_spec(SplitSpec("temporal", 0.5)), tmp_path)
        assert "eval: 2 rows repeat a pair of train" in caplog.messages


class TestFailures:
    @pytest.mark.parametrize(
        ("split", "message"),
        [
            ("leave-one-out", r"no rows for eval \(train 2, eval 0\)"),
            (SplitSpec(eval_fraction=0.001), "no rows for eval"),
            ("temporal", "1 distinct times"),
        ],
    )
    def test_an_empty_split_is_an_error(self, make_spec, tmp_path, split, message):
        frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "time": 5, "rating": 1, "name": "x"})
        frame.to_csv(tmp_path / "t.csv", index=False)
        with pytest.raises(InputError, match=message):
            make(tmp_path / "t.csv", make_spec(split), tmp_path)
        assert os.listdir(tmp_path) == ["t.csv"]

    def test_nothing_half_written_stays(self, data, make_spec, tmp_path, monkeypatch):
        write_shards = tfrecords.write_shards

        def fail_at_candidates(directory, rows, encode):
            if directory.endswith("Split-candidates"):
                raise OSError("disk full")
            return write_shards(directory, rows, encode)

        monkeypatch.setattr(tfrecords, "write_shards", fail_at_candidates)
        with pytest.raises(OSError, match="disk full"):
            make(data, make_spec(), tmp_path)
        assert glob.glob(f"{tmp_path}/*/*") == []

    def test_an_error_in_a_thread_is_raised(self, tmp_path):
        def encode(rows):
            raise ValueError("cannot encode")

        with pytest.raises(ValueError, match="cannot encode"):
            tfrecords.write_shards(str(tmp_path / "x"), np.arange(5), encode)

    def test_a_second_run_replaces_the_first(self, data, make_spec, tmp_path, read_examples):
        make(data, make_spec(SplitSpec(test_fraction=0.1)), tmp_path)
        make(data, make_spec(SplitSpec(eval_fraction=0.5)), tmp_path)
        assert len(read_examples(tmp_path / "examples", "eval")) > 150
