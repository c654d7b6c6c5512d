"""Tables of many runs: the same Examples, to the byte, as of a table that fits into one."""

import glob
import gzip
import os
import tempfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfx_retrieval.components.interaction_example_gen import (
    in_process,
    keys,
    sorted_rows,
    tables,
    tfrecords,
    time_counts,
)
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ColumnSpec,
    FilterSpec,
    HistorySpec,
    SplitSpec,
    TableSpec,
)
from tfx_retrieval.errors import InputError


@pytest.fixture
def few_at_once(monkeypatch):
    """Makes runs, pieces and parts of a few rows."""
    monkeypatch.setattr(sorted_rows, "_RUN_BYTES", 1500)
    monkeypatch.setattr(sorted_rows, "_ROWS_PER_PIECE", 40)
    monkeypatch.setattr(tables, "_PARQUET_BLOCK_ROWS", 30)
    monkeypatch.setattr(keys, "_ROWS_AT_ONCE", 60)
    monkeypatch.setattr(time_counts, "_ROWS_AT_ONCE", 60)


@pytest.fixture
def small_files(monkeypatch):
    """Makes splits have several files."""
    monkeypatch.setattr(tfrecords, "_ROWS_PER_SHARD", 70)


@pytest.fixture
def set_aside(monkeypatch):
    """Returns the paths of the runs that are written from now on."""
    paths = []
    write = sorted_rows._Run.set_aside

    def noted(run, path):
        paths.append(path)
        write(run, path)

    monkeypatch.setattr(sorted_rows._Run, "set_aside", noted)
    return paths


def make(data, spec, directory):
    """Returns the report and what all files hold, by name."""
    uris = [f"{directory}/examples", f"{directory}/candidates"]
    result = in_process.make_examples([str(data)], spec, *uris)
    paths = sorted(glob.glob(f"{directory}/*/*/*"))
    # Where one call of the compressor ends and the next begins shows in its bytes.
    return result, {path[len(str(directory)) :]: gzip.open(path).read() for path in paths}


SPECS = {
    "random": {"split": SplitSpec(test_fraction=0.1)},
    "without times": {"timestamp": None},
    "temporal": {"split": SplitSpec("temporal", 0.2, 0.1), "histories": (HistorySpec("seen", 3),)},
    "leave one out": {"split": "leave-one-out", "histories": (HistorySpec("seen", 3),)},
    "sample": {"split": "leave-one-out", "sample_rows": 200},
    "filters": {"filters": (FilterSpec("rating", minimum=3.0), FilterSpec("name", present=True))},
}


@pytest.mark.parametrize("name", SPECS)
def test_many_runs_give_what_one_gives(
    interactions, make_spec, tmp_path, small_files, set_aside, request, name
):
    # Candidates get rows that differ; pairs repeat, so that rows of one hash are there already.
    frame = interactions.assign(
        name=np.where(interactions.index % 7, interactions["name"] + " new", None)
    )
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=90)
    spec = make_spec(**SPECS[name])
    expected, one_run = make(tmp_path / "t.parquet", spec, tmp_path / "one")
    assert not set_aside
    request.getfixturevalue("few_at_once")
    found, many_runs = make(tmp_path / "t.parquet", spec, tmp_path / "many")
    assert len(set_aside) > 3
    assert not any(map(os.path.exists, set_aside))
    assert found == expected
    assert len(one_run) >= 5
    assert many_runs == one_run


def test_a_column_may_change_its_form_between_runs(tmp_path, small_files, set_aside, request):
    count = 120
    numbers = [str(number % 10) for number in range(count)]
    halves = {
        # Whole numbers as text, then with .0, then with letters; numbers, then fractions.
        "a.csv": {"user": numbers, "item": numbers, "price": range(count)},
        "b.csv": {"user": [f"{n}.0" for n in numbers], "item": [f"{n}B" for n in numbers]},
        "c.csv": {"user": numbers, "item": [f"{n}.0" for n in numbers], "price": [0.5] * count},
    }
    (tmp_path / "data").mkdir()
    for place, (name, columns) in enumerate(halves.items()):
        frame = pd.DataFrame({"price": [None] * count, **columns})
        frame["tags"] = ["1|2", "7", None][place]
        frame["labels"] = "x" if place else "3"
        frame["cover"] = f"[{place}, 0.5]"
        frame["time"] = np.arange(count) * (place + 1)
        frame.to_csv(tmp_path / "data" / name, index=False)
    columns = (
        ColumnSpec("user", "categorical"),
        ColumnSpec("item", "categorical"),
        ColumnSpec("price", "numeric"),
        ColumnSpec("tags", "categorical", multiple=True, separator="|"),
        ColumnSpec("labels", "categorical", multiple=True, separator=" "),
        ColumnSpec("cover", "vector", dimension=2),
        ColumnSpec("time", "temporal"),
    )
    names = tuple(column.name for column in columns)
    spec = TableSpec(
        columns,
        names,
        "user",
        "item",
        names[1:-1],
        timestamp="time",
        histories=(HistorySpec("seen", 4),),
    )
    expected, one_run = make(tmp_path / "data", spec, tmp_path / "one")
    assert expected.splits["train"].queries == 10
    request.getfixturevalue("few_at_once")
    found, many_runs = make(tmp_path / "data", spec, tmp_path / "many")
    assert len(set_aside) == 2
    assert found == expected
    assert many_runs == one_run


def test_lists_of_text_in_many_runs(tmp_path, set_aside, request):
    count = 300
    generator = np.random.default_rng(3)
    words = [[f"w{n}" for n in generator.integers(0, 50, size)] for size in [2, 0, 3] * 100]
    words[7] = None
    table = pa.table(
        {
            "user": pa.array(generator.integers(0, 20, count).astype(str)).dictionary_encode(),
            "item": generator.integers(0, 30, count),
            "words": words,
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    columns = (
        ColumnSpec("user", "categorical"),
        ColumnSpec("item", "categorical"),
        ColumnSpec("words", "categorical", multiple=True),
    )
    spec = TableSpec(columns, ("user", "item", "words"), "user", "item", ("item", "words"))
    expected, one_run = make(tmp_path / "t.parquet", spec, tmp_path / "one")
    request.getfixturevalue("few_at_once")
    found, many_runs = make(tmp_path / "t.parquet", spec, tmp_path / "many")
    assert set_aside
    assert (found, many_runs) == (expected, one_run)


def test_bad_values_far_apart_are_all_told(interactions, make_spec, tmp_path, few_at_once):
    frame = interactions.astype({"rating": object, "time": object})
    frame.loc[20, "rating"] = "dear"
    frame.loc[390, "time"] = "later"
    (tmp_path / "data").mkdir()
    for start in range(0, 400, 50):
        frame[start : start + 50].to_csv(tmp_path / "data" / f"{start:03d}.csv", index=False)
    with pytest.raises(InputError) as error:
        make(tmp_path / "data", make_spec(), tmp_path / "out")
    assert len(error.value.problems) == 2
    assert "000.csv: column 'rating', row 21" in str(error.value)
    assert "350.csv: column 'time', row 41" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_no_room_to_sort_is_told_with_the_remedy(
    interactions, make_spec, tmp_path, few_at_once, monkeypatch
):
    interactions.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "room").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "room"))
    write = sorted_rows._Run.set_aside
    monkeypatch.setattr(sorted_rows._Run, "set_aside", lambda run, _: write(run, "/dev/full"))
    with pytest.raises(InputError, match=r"(?s)No space left on device.*Set TMPDIR"):
        make(tmp_path / "t.parquet", make_spec(), tmp_path / "out")
    assert os.listdir(tmp_path / "room") == []
    assert not (tmp_path / "out").exists()
