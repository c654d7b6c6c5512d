"""Choosing, reading and drawing rows of Examples."""

import numpy as np
import pytest
from support import models

from tfx_retrieval.components.scann_indexer import reading
from tfx_retrieval.errors import InputError


def source_of(tmp_path, rows, shards=1):
    examples = models.write_examples(tmp_path / "examples", {"train": rows}, shards)
    return reading.split_source([examples])


def read_all(source, batch_rows=3):
    return [record for batch in reading.read_batches(source, batch_rows) for record in batch]


def test_candidates_split_is_used_alone_and_other_artifacts_whole(tmp_path):
    catalogue = models.write_examples(
        tmp_path / "a", {"candidates": [{"item": "x"}], "train": [{"item": "y"}]}
    )
    interactions = models.write_examples(
        tmp_path / "b", {"train": [{"item": "z"}], "eval": [{"item": "w"}]}
    )

    source = reading.candidate_source([catalogue, interactions])

    assert reading.select_rows(source, "item").ids.tolist() == [b"w", b"x", b"z"]


def test_a_missing_split_is_an_error_that_lists_the_splits(tmp_path):
    examples = models.write_examples(tmp_path / "e", {"train": [], "eval": []})

    with pytest.raises(InputError, match=r'named .evl., but got splits train, eval\n.*"eval"'):
        reading.split_source([examples], ["evl"])


def test_other_payloads_are_refused(tmp_path):
    examples = models.write_examples(tmp_path / "e", {"train": [{"item": "x"}]})
    examples.set_string_custom_property("payload_format", "FORMAT_PARQUET")

    with pytest.raises(
        InputError, match="FORMAT_TF_EXAMPLE, but got payload format FORMAT_PARQUET"
    ):
        reading.candidate_source([examples])


@pytest.mark.parametrize("shards", [1, 3])
def test_the_first_row_of_each_id_is_chosen(tmp_path, shards):
    rows = [{"item": key, "n": n} for n, key in enumerate(["b", "a", "b", "c", "a", "b", "a"])]
    source = source_of(tmp_path, rows, shards)
    records = read_all(source)

    selection = reading.select_rows(source, "item")

    assert selection.ids.tolist() == [b"a", b"b", b"c"]
    assert selection.duplicates == 4
    in_order = [
        models.encode_example(row) for shard in range(shards) for row in rows[shard::shards]
    ]
    assert records == in_order
    first = [
        next(i for i, r in enumerate(records) if key in r) for key in (b"\x01a", b"\x01b", b"\x01c")
    ]
    assert selection.rows.tolist() == first


def test_the_latest_row_of_each_id_is_chosen_by_timestamp(tmp_path):
    times = [("a", 5), ("a", 9), ("b", None), ("a", 9), ("b", -7), ("c", None)]
    source = source_of(tmp_path, [{"id": key, "time": time} for key, time in times])

    selection = reading.select_rows(source, "id", timestamp="time")

    assert selection.rows.tolist() == [1, 4, 5]


def test_integer_ids_stay_integers_and_are_ordered_as_numbers(tmp_path):
    source = source_of(tmp_path, [{"id": n, "t": f"T{n}"} for n in (10, 9, -3)])

    selection = reading.select_rows(source, "id", title="t")

    assert selection.ids.dtype == np.int64
    assert selection.ids.tolist() == [-3, 9, 10]
    assert selection.titles == ("T-3", "T9", "T10")


def test_titles_may_be_missing_or_numbers(tmp_path):
    rows = [{"id": "a", "t": None, "n": 4}, {"id": "b", "t": "Bé", "n": None}]
    source = source_of(tmp_path, rows)

    assert reading.select_rows(source, "id", title="t").titles == (None, "Bé")
    assert reading.select_rows(source, "id", title="n").titles == ("4", None)


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([], {}, "at least one row, but got no rows"),
        ([{"item": "a"}, {"item": None}], {}, "1 of 2 rows without exactly one value"),
        ([{"item": ["a", "b"]}], {}, "1 of 1 rows without exactly one value"),
        ([{"itm": "a", "n": 1}], {}, 'which have itm, n, but got no value.*\n.*"itm"'),
        ([{"item": 0.5}], {}, "expected string or int64, but got float32"),
        ([{"item": "a"}], {"title": "name"}, "column 'name'\n.*no value in any of 1 rows"),
        ([{"item": "a", "t": "x"}], {"timestamp": "t"}, "expected int64, but got string"),
        ([{"item": "a", "t": b"\xff"}], {"title": "t"}, r"text in UTF-8, but got b'\\xff'"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path, rows, columns, message):
    with pytest.raises(InputError, match=message):
        reading.select_rows(source_of(tmp_path, rows), "item", **columns)


@pytest.mark.parametrize("batch_rows", [1, 4, 100])
def test_selected_rows_come_in_batches_with_their_places(tmp_path, batch_rows):
    keys = [f"k{n % 7}" for n in range(30)]
    source = source_of(tmp_path, [{"id": key, "n": n} for n, key in enumerate(keys)], shards=2)
    selection = reading.select_rows(source, "id")
    records = read_all(source)

    batches = list(reading.read_selected(source, selection, batch_rows))

    assert [len(places) for places, _ in batches[:-1]] == [batch_rows] * (len(batches) - 1)
    assert sorted(np.concatenate([places for places, _ in batches])) == list(range(7))
    for places, serialized in batches:
        for place, record in zip(places, serialized, strict=True):
            assert record == records[selection.rows[place]]


def test_samples_repeat_with_the_seed_and_are_uniform(tmp_path):
    source = source_of(tmp_path, [{"n": n} for n in range(40)])

    drawn = reading.sample_rows(source, 10, seed=3)

    assert len(drawn) == len(set(drawn)) == 10
    assert drawn.tolist() == reading.sample_rows(source, 10, seed=3).tolist()
    assert drawn.tolist() != reading.sample_rows(source, 10, seed=4).tolist()
    assert reading.sample_rows(source, 99, seed=3).tolist() == read_all(source)
    counts = dict.fromkeys(read_all(source), 0)
    for seed in range(24):
        for record in reading.sample_rows(source, 10, seed):
            counts[record] += 1
    assert min(counts.values()) >= 1
    assert max(counts.values()) <= 14
