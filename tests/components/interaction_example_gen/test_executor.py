"""The executor with artifacts, and stock components that read what it writes."""

import json
import logging

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.statistics_gen import executor as statistics_executor
from tfx.components.util import tfxio_utils
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils
from tfx_bsl.tfxio import dataset_options

from tfx_retrieval.components.interaction_example_gen.executor import Executor
from tfx_retrieval.components.interaction_example_gen.table_spec import HistorySpec, SplitSpec
from tfx_retrieval.errors import InputError

SCHEMA = "".join(
    f"feature {{ name: '{name}' type: {kind} "
    "presence { min_fraction: 1 } shape { dim { size: 1 } } }"
    for name, kind in (("user", "INT"), ("item", "BYTES"), ("time", "INT"), ("rating", "FLOAT"))
)


@pytest.fixture
def run(tmp_path, interactions, make_spec):
    """Returns a function that runs the executor and returns its two artifacts."""
    (tmp_path / "data").mkdir()
    interactions.to_csv(tmp_path / "data" / "day-3.csv", index=False)

    def run(pattern="day-3.csv", spec=None, **changes):
        artifacts = {}
        for key in ("examples", "candidates"):
            artifact = standard_artifacts.Examples()
            artifact.uri = str(tmp_path / key)
            artifacts[key] = [artifact]
        split = example_gen_pb2.Input.Split(name="single_split", pattern=pattern)
        properties = {
            "input_base": str(tmp_path / "data"),
            "input_config": proto_utils.proto_to_json(example_gen_pb2.Input(splits=[split])),
            "table_spec": (spec or make_spec()).to_json(),
            "engine": "in_process",
            "span": 3,
            "version": None,
            "input_fingerprint": "split:single_split,num_files:1",
            **changes,
        }
        Executor(Executor.Context(tmp_dir=str(tmp_path))).Do({}, artifacts, properties)
        return artifacts["examples"][0], artifacts["candidates"][0]

    return run


def test_artifacts_say_what_they_hold(run, make_spec):
    examples, candidates = run(spec=make_spec(SplitSpec("temporal", test_fraction=0.1)))
    assert json.loads(examples.split_names) == ["train", "eval", "test"]
    assert json.loads(candidates.split_names) == ["candidates"]
    for artifact in (examples, candidates):
        assert artifact.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
        assert artifact.get_string_custom_property("file_format") == "tfrecords_gzip"
        assert artifact.get_int_custom_property("rows_read") == 400
        assert artifact.get_int_custom_property("rows_kept") == 400
        report = json.loads(artifact.get_string_custom_property("report"))
        with tf.io.gfile.GFile(f"{artifact.uri}/report.json") as file:
            assert json.load(file) == report
    assert report["splits"]["eval"]["rows"] == pytest.approx(80, abs=8)
    assert report["cuts"]["test_time"] > report["cuts"]["eval_time"]


def test_stock_statistics_gen_reads_the_examples(run, make_spec, tmp_path, interactions):
    examples, _ = run(spec=make_spec(histories=(HistorySpec("seen", 5),)))
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(tmp_path / "statistics")
    context = statistics_executor.Executor.Context(
        tmp_dir=str(tmp_path), beam_pipeline_args=["--runner=DirectRunner"]
    )
    statistics_executor.Executor(context).Do(
        {"examples": [examples]}, {"statistics": [statistics]}, {}
    )
    total = 0
    ratings = 0.0
    for split in ("train", "eval"):
        path = f"{statistics.uri}/Split-{split}/FeatureStats.pb"
        (dataset,) = tfdv.load_stats_binary(path).datasets
        features = {feature.path.step[0]: feature for feature in dataset.features}
        assert sorted(features) == ["item", "rating", "seen", "time", "user"]
        types = {name: feature.type for name, feature in features.items()}
        assert types == {"item": 2, "rating": 1, "seen": 2, "time": 0, "user": 0}
        assert features["user"].num_stats.common_stats.num_missing == 0
        total += dataset.num_examples
        ratings += features["rating"].num_stats.mean * dataset.num_examples
    assert total == 400
    assert ratings / 400 == pytest.approx(interactions["rating"].mean(), rel=1e-5)


def test_tfxio_reads_the_examples(run, interactions):
    examples, _ = run()
    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    options = dataset_options.TensorFlowDatasetOptions(1000, shuffle=False, num_epochs=1)
    make_dataset = tfxio_utils.get_tf_dataset_factory_from_artifact([examples], ["test"])
    users = []
    for split in ("train", "eval"):
        paths = [f"{examples.uri}/Split-{split}/*"]
        for batch in make_dataset(paths, options, schema):
            assert set(batch) == {"item", "rating", "time", "user"}
            users += batch["user"].numpy().ravel().tolist()
    assert sorted(users) == sorted(interactions["user"])


def test_the_pattern_that_the_driver_resolved_is_read(run, tmp_path):
    (tmp_path / "data" / "day-4.csv").write_text("not,this\n1,2\n")
    run(pattern="day-3.csv")
    with pytest.raises(InputError, match="is its first line the header"):
        run(pattern="day-*.csv")
    with pytest.raises(InputError, match=r"day-5.csv\n  expected a file"):
        run(pattern="day-5.csv")


def test_properties_in_the_forms_of_other_runners(run, make_spec):
    examples, _ = run(table_spec=json.loads(make_spec().to_json()))
    assert examples.get_int_custom_property("rows_read") == 400


def test_progress_is_logged_for_people(run, caplog):
    caplog.set_level(logging.INFO, "tfx_retrieval.interaction_example_gen")
    run()
    assert [text.split(":")[0] for text in caplog.messages[:3]] == [
        "read 400 rows",
        "train",
        "eval",
    ]


def test_the_beam_engine(run, read_examples):
    examples, candidates = run(engine="beam")
    rows = [row for split in ("train", "eval") for row in read_examples(examples.uri, split)]
    assert len(rows) == 400
    assert len(read_examples(candidates.uri, "candidates")) == 25
    assert json.loads(examples.get_string_custom_property("report"))["engine"] == "beam"


def test_an_unknown_engine_is_refused(run):
    with pytest.raises(InputError, match=r"expected one of in_process, beam, but got 'spark'"):
        run(engine="spark")
