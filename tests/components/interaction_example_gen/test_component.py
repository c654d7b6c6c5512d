"""The component: spec, errors, compilation for KFP, and caching in a local run."""

import json

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import data_types, metadata, pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.local import local_dag_runner
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_artifacts

from tfx_retrieval.components.interaction_example_gen.component import (
    InteractionExampleGen,
    input_location,
    single_input,
)
from tfx_retrieval.components.interaction_example_gen.table_spec import SplitSpec, TableSpec
from tfx_retrieval.errors import InputError


def test_outputs_and_properties(make_spec):
    spec = make_spec(SplitSpec(eval_fraction=0.25))
    component = InteractionExampleGen("data", spec, single_input("*.csv"), engine="beam")
    assert set(component.outputs) == {"examples", "candidates"}
    for channel in component.outputs.values():
        assert channel.type_name == standard_artifacts.Examples.TYPE_NAME
    properties = component.spec.exec_properties
    assert properties["input_base"] == "data"
    assert json.loads(properties["input_config"])["splits"][0]["pattern"] == "*.csv"
    assert properties["table_spec"] == spec.to_json()
    assert properties["engine"] == "beam"
    assert component.id == "InteractionExampleGen"


def test_defaults(make_spec):
    properties = InteractionExampleGen("data", make_spec()).spec.exec_properties
    assert json.loads(properties["input_config"])["splits"][0]["pattern"] == "*"
    assert properties["engine"] == "in_process"
    assert properties["range_config"] is None


def test_a_spec_in_any_form_gives_the_same_property(make_spec):
    text = json.dumps(json.loads(make_spec().to_json()), indent=2)
    by_text = InteractionExampleGen("data", text).spec.exec_properties["table_spec"]
    by_object = InteractionExampleGen("data", make_spec()).spec.exec_properties["table_spec"]
    assert by_text == by_object == make_spec().to_json()
    whole_numbers = make_spec(SplitSpec(eval_fraction=0.2, test_fraction=0))
    component = InteractionExampleGen("data", whole_numbers)
    assert component.spec.exec_properties["table_spec"] == make_spec().to_json()


def test_run_time_parameters(make_spec):
    parameters = [
        data_types.RuntimeParameter(name, str, "x") for name in ("base", "spec", "engine")
    ]
    component = InteractionExampleGen(parameters[0], parameters[1], engine=parameters[2])
    properties = component.spec.exec_properties
    assert [properties[key] for key in ("input_base", "table_spec", "engine")] == parameters


def test_what_is_wrong_is_refused(make_spec):
    splits = [example_gen_pb2.Input.Split(name=name, pattern="*") for name in ("a", "b")]
    with pytest.raises(ValueError, match=r"one split with the pattern .* got \['a', 'b'\]"):
        InteractionExampleGen("data", make_spec(), example_gen_pb2.Input(splits=splits))
    with pytest.raises(ValueError, match=r"one of \('in_process', 'beam'\), got 'spark'"):
        InteractionExampleGen("data", make_spec(), engine="spark")
    with pytest.raises(InputError, match="no timestamp column"):
        InteractionExampleGen("data", make_spec("temporal", timestamp=None))
    with pytest.raises(InputError, match="expected JSON"):
        InteractionExampleGen("data", "{")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("gs://bucket/data/*.parquet", ("gs://bucket/data", "*.parquet")),
        ("gs://bucket/data/", ("gs://bucket/data", "*")),
        ("/data/t.csv", ("/data", "t.csv")),
        ("/data/day-{SPAN}/*.csv", ("/data", "day-{SPAN}/*.csv")),
        ("gs://bucket/{YYYY}-{MM}-{DD}/a?.csv", ("gs://bucket", "{YYYY}-{MM}-{DD}/a?.csv")),
    ],
)
def test_location_of_data(data, expected):
    assert input_location(data) == expected


def test_location_of_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert input_location(".") == (str(tmp_path), "*")
    assert input_location("t.csv") == (str(tmp_path), "t.csv")


def test_compiles_for_kfp(make_spec, tmp_path):
    component = InteractionExampleGen(
        "gs://bucket/data",
        make_spec(),
        single_input("day-{SPAN}/*.parquet"),
        range_config_pb2.RangeConfig(rolling_range=range_config_pb2.RollingRange(num_spans=1)),
    )
    config = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image="image", use_pipeline_spec_2_1=True
    )
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        config, str(tmp_path), output_filename="pipeline.json"
    )
    runner.run(pipeline.Pipeline("probe", "gs://bucket/root", components=[component]))
    spec = json.loads((tmp_path / "pipeline.json").read_text())["pipelineSpec"]
    ((_, definition),) = spec["components"].items()
    outputs = definition["outputDefinitions"]["artifacts"]
    assert set(outputs) == {"examples", "candidates"}
    for part in outputs.values():
        assert "title: tfx.Examples" in part["artifactType"]["instanceSchema"]
    ((_, executor),) = spec["deploymentSpec"]["executors"].items()
    # FileBasedExampleGen's driver resolves spans and fingerprints before the cache is asked.
    hook = executor["container"]["lifecycle"]["preCacheCheck"]
    assert "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver" in hook["command"]
    arguments = executor["container"]["args"]
    assert "tfx_retrieval.components.interaction_example_gen.executor.Executor" in arguments
    task = spec["root"]["dag"]["tasks"]["InteractionExampleGen"]
    text = task["inputs"]["parameters"]["table_spec"]["runtimeValue"]["constant"]
    assert TableSpec.from_json(text) == make_spec()


def test_a_second_local_run_reuses_the_examples(make_spec, tmp_path, interactions):
    data = tmp_path / "data"
    data.mkdir()
    interactions.to_csv(data / "t.csv", index=False)
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))

    def run(spec):
        component = InteractionExampleGen(str(data), spec)
        local_dag_runner.LocalDagRunner().run(
            pipeline.Pipeline(
                "probe",
                str(tmp_path / "root"),
                components=[component],
                enable_cache=True,
                metadata_connection_config=connection,
            )
        )

    run(make_spec())
    run(make_spec())
    run(make_spec("temporal"))
    with metadata.Metadata(connection) as handle:
        states = [execution.last_known_state for execution in handle.store.get_executions()]
        examples = handle.store.get_artifacts_by_type("Examples")
    execution = metadata_store_pb2.Execution
    assert states == [execution.COMPLETE, execution.CACHED, execution.COMPLETE]
    assert len(examples) == 4
    spans = [
        a.custom_properties["span"].int_value for a in examples if "span" in a.custom_properties
    ]
    assert spans == [0, 0]
    assert sum("input_fingerprint" in artifact.custom_properties for artifact in examples) == 2
    assert all(artifact.custom_properties["rows_kept"].int_value == 400 for artifact in examples)


def test_wrong_input_reaches_the_caller_of_a_local_run(make_spec, tmp_path):
    (tmp_path / "t.csv").write_text("user,item,time,rating,name\n1,2,soon,4,x\n")
    component = InteractionExampleGen(str(tmp_path), make_spec(), single_input("t.csv"))
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))
    local = pipeline.Pipeline(
        "probe",
        str(tmp_path / "root"),
        components=[component],
        metadata_connection_config=connection,
    )
    with pytest.raises(InputError, match=r"t.csv: column 'time', row 1"):
        local_dag_runner.LocalDagRunner().run(local)
