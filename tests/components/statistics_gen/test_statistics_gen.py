"""StatisticsGen: equal to TFX's on the same rows, and TFX's own where more is asked for."""

import json
import logging
import pathlib

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import json_format, text_format
from support import example_files
from support.example_files import example
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import types
from tfx.components.example_validator import executor as validator_executor
from tfx.components.schema_gen import executor as schema_executor
from tfx.components.statistics_gen import component as tfx_component
from tfx.components.statistics_gen import executor as tfx_executor
from tfx.dsl.components.base import base_beam_executor, base_executor
from tfx.types import artifact_utils, standard_artifacts

from tfx_retrieval import errors
from tfx_retrieval.components.statistics_gen import component, executor, reading

_SCHEMA = """
feature { name: "count" type: INT int_domain { is_categorical: true } }
feature { name: "unused" type: BYTES image_domain {} }
feature { name: "kind" type: BYTES }
"""


class _Runner:
    """Runs an executor on one Examples artifact."""

    def __init__(self, root: pathlib.Path, splits: dict[str, list[bytes]]):
        self._root = root
        self.examples = example_files.examples_artifact(root / "examples", splits)
        self.examples.span = 3

    def run(self, executor_class, schema: str = "", beam_pipeline_args=(), **exec_properties):
        directory = self._root / f"run-{len(list(self._root.iterdir()))}"
        inputs = {"examples": [self.examples]}
        if schema:
            text_format.Parse(schema, schema_pb2.Schema())
            (directory / "schema").mkdir(parents=True)
            (directory / "schema" / "schema.pbtxt").write_text(schema)
            inputs["schema"] = [
                example_files.artifact(standard_artifacts.Schema, directory / "schema")
            ]
        statistics = example_files.artifact(
            standard_artifacts.ExampleStatistics, directory / "statistics"
        )
        context = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=list(beam_pipeline_args), tmp_dir=str(directory), unique_id="1"
        )
        executor_class(context).Do(
            inputs, {"statistics": [statistics]}, {"exclude_splits": "[]", **exec_properties}
        )
        return statistics


def _read(statistics, split: str) -> statistics_pb2.DatasetFeatureStatistics:
    path = pathlib.Path(statistics.uri, f"Split-{split}", "FeatureStats.pb")
    result = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
    (dataset,) = result.datasets
    return dataset


def _comparable(dataset) -> dict:
    """Returns statistics as plain values, features by name, numbers rounded."""

    def rounded(value):
        if isinstance(value, dict):
            return {key: rounded(item) for key, item in value.items()}
        if isinstance(value, list):
            return [rounded(item) for item in value]
        return float(f"{value:.9g}") if isinstance(value, float) else value

    content = rounded(json_format.MessageToDict(dataset))
    features = content.pop("features", [])
    return {**content, **{json.dumps(feature["path"]): feature for feature in features}}


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    train = example_files.interaction_rows(300, seed=1, names=40)
    # Values that are no UTF-8, features that only some files have, and none at all.
    train += [example(name=b"\xff\xfe", row=1), example(late=1.5), example()]
    return _Runner(
        tmp_path_factory.mktemp("statistics"),
        {"train": train, "eval": example_files.interaction_rows(60, seed=2, names=60), "none": []},
    )


@pytest.mark.parametrize("schema", ["", _SCHEMA], ids=["no schema", "schema"])
def test_statistics_equal_those_of_tfx(runner, schema):
    actual, expected = (
        runner.run(class_, schema) for class_ in (executor.Executor, tfx_executor.Executor)
    )
    assert actual.get_string_custom_property("engine") == "in_process"
    for split in ("train", "eval", "none"):
        assert _comparable(_read(actual, split)) == _comparable(_read(expected, split))
    assert actual.split_names == expected.split_names
    assert actual.span == expected.span == 3
    for name in ("stats_dashboard_link", "sample_rate_by_split"):
        assert actual.get_custom_property(name) == expected.get_custom_property(name)


def test_counts_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_DECODED_ROWS", 2)
    monkeypatch.setattr(reading, "_MERGED_ROWS", 3)
    rows = [example(name=name) for name in ("b", "a", "b", "c")] + [example(count=2), example()]
    statistics = _Runner(tmp_path, {"train": rows}).run(executor.Executor)
    dataset = _read(statistics, "train")
    features = {feature.path.step[0]: feature for feature in dataset.features}
    assert dataset.num_examples == 6
    name = features["name"].string_stats
    assert (name.unique, name.common_stats.num_missing) == (3, 2)
    assert [(top.value, top.frequency) for top in name.top_values] == [("b", 2), ("c", 1), ("a", 1)]
    assert features["count"].num_stats.mean == 2


def test_many_distinct_values_are_counted_exactly(tmp_path):
    """TFDV's in-memory path estimates beyond 16,384 values and 1,024 counters."""
    rows = [example(name=f"n{row % 20_000}") for row in range(20_001)]
    statistics = _Runner(tmp_path, {"train": rows}).run(executor.Executor)
    name = _read(statistics, "train").features[0].string_stats
    assert name.unique == 20_000
    assert (name.top_values[0].value, name.top_values[0].frequency) == ("n0", 2)


def test_schema_gen_and_example_validator_read_it(runner, tmp_path):
    statistics = runner.run(executor.Executor, exclude_splits='["none"]')
    schema = example_files.artifact(standard_artifacts.Schema, tmp_path / "schema")
    context = base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path), unique_id="1")
    schema_executor.Executor(context).Do(
        {"statistics": [statistics]},
        {"schema": [schema]},
        {"infer_feature_shape": 1, "exclude_splits": "[]"},
    )
    inferred = tfdv.load_schema_text(str(tmp_path / "schema" / "schema.pbtxt"))
    kinds = {feature.name: feature.type for feature in inferred.feature}
    assert kinds["name"] == schema_pb2.BYTES
    assert kinds["time"] == schema_pb2.INT
    anomalies = example_files.artifact(standard_artifacts.ExampleAnomalies, tmp_path / "anomalies")
    validator_executor.Executor(context).Do(
        {"statistics": [statistics], "schema": [schema]},
        {"anomalies": [anomalies]},
        {"exclude_splits": "[]"},
    )
    assert (tmp_path / "anomalies" / "Split-eval" / "SchemaDiff.pb").exists()


def test_excluded_splits_are_left_out(runner):
    statistics = runner.run(executor.Executor, exclude_splits='["train", "none"]')
    assert artifact_utils.decode_split_names(statistics.split_names) == ["eval"]
    assert [path.name for path in pathlib.Path(statistics.uri).iterdir()] == ["Split-eval"]


def test_no_split_left(runner):
    with pytest.raises(errors.InputError, match="all of them in exclude_splits"):
        runner.run(executor.Executor, exclude_splits='["train", "eval", "none"]')


def test_split_without_files_is_named(tmp_path):
    runner = _Runner(tmp_path, {"train": [example(a=1)]})
    for file in (tmp_path / "examples" / "Split-train").iterdir():
        file.unlink()
    with pytest.raises(errors.InputError, match=r"(?s)Split-train.*no files"):
        runner.run(executor.Executor)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"stats_options_json": tfdv.StatsOptions(num_top_values=3).to_json()},
            "stats_options are given",
        ),
        ({"sample_rate_by_split": '{"train": 0.5}'}, "sampling is asked for"),
        ({"sharded_stats_output": True}, "sharded output is asked for"),
        ({"beam_pipeline_args": ["--runner=DataflowRunner"]}, "the runner DataflowRunner"),
        ({"schema": 'sparse_feature { name: "s" }'}, "more than default statistics"),
        (
            {"schema": 'feature { name: "t" type: BYTES natural_language_domain {} }'},
            "more than default statistics",
        ),
    ],
)
def test_what_needs_tfx_runs_its_executor(tmp_path, options, reason, caplog, monkeypatch):
    received = []
    monkeypatch.setattr(
        tfx_executor.Executor, "Do", lambda self, *arguments: received.append(arguments[2])
    )
    runner = _Runner(tmp_path, {"train": [example(a=1)]})
    with caplog.at_level(logging.INFO, "tfx_retrieval.statistics_gen"):
        statistics = runner.run(executor.Executor, **options)
    assert statistics.get_string_custom_property("engine") == "beam"
    assert reason in statistics.get_string_custom_property("engine_reason")
    assert any(
        message.startswith("engine beam: ") and reason in message for message in caplog.messages
    )
    properties = {
        key: options[key] for key in options if key.endswith(("_json", "_split", "_output"))
    }
    assert received == [{"exclude_splits": "[]", **properties}]


def test_other_payloads_run_the_executor_of_tfx(tmp_path, monkeypatch):
    monkeypatch.setattr(tfx_executor.Executor, "Do", lambda self, *arguments: None)
    runner = _Runner(tmp_path, {"train": [example(a=1)]})
    runner.examples.set_string_custom_property("payload_format", "FORMAT_PROTO")
    statistics = runner.run(executor.Executor)
    assert "not tf.train.Examples" in statistics.get_string_custom_property("engine_reason")


def test_component_is_the_one_of_tfx_but_for_the_executor():
    examples = types.Channel(type=standard_artifacts.Examples)
    ours = component.StatisticsGen(examples=examples, exclude_splits=["eval"])
    theirs = tfx_component.StatisticsGen(examples=examples, exclude_splits=["eval"])
    assert ours.SPEC_CLASS is theirs.SPEC_CLASS
    assert ours.exec_properties == theirs.exec_properties
    assert ours.outputs["statistics"].type_name == "ExampleStatistics"
    assert ours.executor_spec.class_path == (
        "tfx_retrieval.components.statistics_gen.executor.Executor"
    )
