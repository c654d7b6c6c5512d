"""The Beam engine gives what the in-process engine gives."""

import glob
import os

import apache_beam as beam
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfx_retrieval.components.interaction_example_gen import (
    beam_engine,
    beam_facts,
    in_process,
    splits,
    time_counts,
)
from tfx_retrieval.components.interaction_example_gen.columns import Kind
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    FilterSpec,
    HistorySpec,
    SplitSpec,
)
from tfx_retrieval.components.interaction_example_gen.tables import BadColumn
from tfx_retrieval.errors import InputError


def uris(directory):
    return str(directory / "examples"), str(directory / "candidates")


def records(directory, part, split):
    paths = glob.glob(f"{directory}/{part}/Split-{split}/*.gz")
    return sorted(tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator())


def assert_engines_agree(data, spec, tmp_path):
    expected = in_process.make_examples([str(data)], spec, *uris(tmp_path / "one"))
    found = beam_engine.make_examples([str(data)], spec, *uris(tmp_path / "two"), beam.Pipeline)
    for split in spec.split.names:
        one, two = (records(tmp_path / name, "examples", split) for name in ("one", "two"))
        assert one == two
        assert len(one) == expected.splits[split].rows > 0
    one, two = (records(tmp_path / name, "candidates", "candidates") for name in ("one", "two"))
    assert one == two
    assert {**found.to_dict(), "engine": "in_process"} == expected.to_dict()
    assert sorted(os.listdir(tmp_path / "two" / "examples")) == sorted(
        f"Split-{split}" for split in spec.split.names
    )


def test_random_over_several_csv_files(interactions, make_spec, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    interactions[:150].to_csv(data / "a.csv", index=False)
    # Only the second file shows that items are text and ratings have fractions.
    interactions[150:].assign(item=lambda frame: frame["item"] + "B").to_csv(
        data / "b.csv.gz", index=False
    )
    spec = make_spec(timestamp=None, filters=(FilterSpec("rating", minimum=1.0),))
    assert_engines_agree(data, spec, tmp_path)


def test_temporal_with_history_test_split_and_sample(interactions, make_spec, tmp_path):
    frame = interactions.assign(time=pd.to_datetime(interactions["time"], unit="s"))
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=90)
    spec = make_spec(
        SplitSpec("temporal", 0.2, 0.1), histories=(HistorySpec("seen", 3),), sample_rows=200
    )
    assert_engines_agree(tmp_path / "t.parquet", spec, tmp_path)


def test_leave_one_out(interactions, make_spec, tmp_path):
    interactions.to_parquet(tmp_path / "t.parquet", row_group_size=90)
    spec = make_spec("leave-one-out", histories=(HistorySpec("seen", 3),))
    assert_engines_agree(tmp_path / "t.parquet", spec, tmp_path)


def test_wrong_input_is_reported_as_in_process(interactions, make_spec, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    interactions.to_csv(data / "a.csv", index=False)
    wrong = interactions.assign(rating="dear", time=["later", *interactions["time"][1:]])
    wrong.to_csv(data / "b.csv", index=False)
    messages = []
    for make in (
        lambda: in_process.make_examples([str(data)], make_spec(), *uris(tmp_path)),
        lambda: beam_engine.make_examples([str(data)], make_spec(), *uris(tmp_path), beam.Pipeline),
    ):
        with pytest.raises(InputError) as error:
            make()
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "b.csv: column 'rating', row 1" in messages[0]
    assert "'dear' (and 399 more such rows)" in messages[0]
    assert os.listdir(tmp_path / "examples") == os.listdir(tmp_path / "candidates") == []


def test_facts_round_trip():
    bad = {"price": BadColumn("t.csv", 3, "'x'", "a number", "", 2)}
    times = np.array([1, 5]), np.array([2, 1])
    facts = beam_facts.Facts(9, {"no user": 1}, {"price": Kind.OTHER}, bad, times, 2**63 + 1)
    read = beam_facts.Facts.from_json(facts.to_json())
    assert [part.tolist() for part in read.times] == [[1, 5], [2, 1]]
    assert read.to_json() == facts.to_json()
    assert read.kinds["price"] is Kind.OTHER
    assert read.bad == bad


@pytest.mark.parametrize("test_fraction", [0.0, 0.2])
@pytest.mark.parametrize("spread", [10, 10_000, 10_000_000])
@pytest.mark.parametrize("seed", range(5))
def test_cuts_found_by_spans_are_those_of_all_times(make_spec, spread, test_fraction, seed):
    generator = np.random.default_rng(seed)
    # Bursts of many rows in a second, among times that are far apart.
    times = generator.integers(0, spread, 200)[generator.integers(0, 200, 3000)]
    times[:1000] = times[generator.integers(0, 5, 1000)]
    spec = make_spec(SplitSpec("temporal", float(generator.uniform(0.05, 0.7)), test_fraction))
    blocks = [splits.time_counts(part) for part in np.array_split(times, 7)]
    spans = time_counts.merge(time_counts.to_spans(block) for block in blocks)
    refined = time_counts.merge(time_counts.refine(block, spans, spec.split) for block in blocks)
    assert len(refined[0]) <= len(np.unique(times))
    expected = splits.find_cuts(*splits.time_counts(times), spec.split)
    assert splits.find_cuts(*refined, spec.split) == expected
