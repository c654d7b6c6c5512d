"""Checking a compiled pipeline with a sample of its data."""

from __future__ import annotations

import importlib
import json
import pathlib
import shutil

import pytest

from tfx_retrieval.errors import InputError
from tfx_retrieval.pipelines.vertex import check, stand_ins
from tfx_retrieval.pipelines.vertex.check import check_pipeline
from tfx_retrieval.pipelines.vertex.offline_result import TaskFailedError
from tfx_retrieval.pipelines.vertex.spec import PipelineJob

MODEL = "tfx.Model"


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("gs://bucket/data/", "bucket/data/rows.csv"),
        ("gs://bucket/data", "bucket/data/rows.csv"),
        ("gs://bucket/data/all.parquet", "bucket/data/all.parquet"),
        ("gs://bucket/data/*", "bucket/data/rows.csv"),
        ("gs://bucket/*/part-[0-9]?.csv", "bucket/sample/part-0x.csv"),
        ("gs://bucket/day-{SPAN:3}/v{VERSION}/*.csv", "bucket/day-001/v1/sample.csv"),
        ("gs://bucket/{YYYY}-{MM}-{DD}/*", "bucket/2026-01-01/rows.csv"),
    ],
)
def test_a_sample_is_put_where_the_pattern_finds_it(data, place):
    assert check._place(data, "/home/rows.csv") == place


@pytest.mark.parametrize("data", ["gs://some-bucket/data/", "gs://some-bucket/data/rows.csv"])
@pytest.mark.parametrize("keep", [True, False])
def test_a_check_reads_a_sample_in_place_of_the_data(job_builder, tmp_path, data, keep):
    sample = tmp_path / "rows.csv"
    sample.write_text("a,b")
    job_builder.spec["root"]["inputDefinitions"] = {
        "parameters": {"data": {"parameterType": "STRING", "defaultValue": data}}
    }
    job_builder.add_python(
        "Read",
        """
        path = executor_input["inputs"]["parameterValues"]["data"]
        path = path if path.endswith("csv") else path + "/rows.csv"
        metadata["model"] = {"read": open(path).read()}
        """,
        outputs={"model": MODEL},
        parameters={"data": {"componentInputParameter": "data"}},
    )
    events = []
    result = check_pipeline(
        job_builder.write(tmp_path / "job.json"),
        data,
        str(sample),
        root=str(tmp_path / "root") if keep else None,
        on_task=events.append,
    )
    artifact = result.artifacts["Read", "model"]
    assert artifact.metadata == {"read": "a,b"}
    assert pathlib.Path(artifact.uri).exists() is keep
    assert [event.state for event in events] == ["running", "succeeded"]


def test_a_check_needs_a_sample_and_data_on_cloud_storage(tmp_path):
    with pytest.raises(InputError) as caught:
        check_pipeline("job.json", "/data", str(tmp_path / "absent.csv"))
    assert [problem.where for problem in caught.value.problems] == ["data", "sample"]


def test_the_log_of_a_failed_task_is_kept(job_builder, tmp_path):
    sample = tmp_path / "rows.csv"
    sample.write_text("a,b")
    job_builder.add_python("Bad", 'raise RuntimeError("no more memory")')
    with pytest.raises(TaskFailedError, match="task Bad failed") as caught:
        check_pipeline(job_builder.write(tmp_path / "job.json"), None, str(sample))
    log = pathlib.Path(caught.value.log)
    assert "no more memory" in log.read_text()
    shutil.rmtree(next(path for path in log.parents if path.name.startswith("tfx-retrieval-check")))


def tfx_container(path):
    return {"container": {"image": "i", "args": ["--executor_class_path", path, "--x", "{{$}}"]}}


def constants(**values):
    return {name: {"runtimeValue": {"constant": value}} for name, value in values.items()}


def test_cloud_services_have_stand_ins(job_builder):
    job_builder.add(
        "Read",
        tfx_container("tfx_retrieval.components.bigquery_example_gen.executor.Executor"),
        parameters=constants(table_spec="{}", query="SELECT 1"),
    )
    job_builder.add(
        "Export",
        tfx_container("tfx_retrieval.components.embedding_exporter.executor.Executor"),
        parameters=constants(run_date="today", bigquery_table="p.d.t"),
    )
    job_builder.add(
        "Train",
        tfx_container("tfx_retrieval.pipelines.vertex.custom_training.CustomJobExecutor"),
    )
    job_builder.add("Push", tfx_container("tfx.components.pusher.executor.Executor"))
    before = json.dumps(job_builder.document)
    job = PipelineJob("job.json", job_builder.document)
    document, notes = stand_ins.with_stand_ins(job, "/data", "rows.csv")

    assert json.dumps(job_builder.document) == before
    changed = PipelineJob("job.json", document)
    paths = {name: changed.executor_of(name)["container"]["args"][1] for name in changed.tasks}
    assert paths == {
        "Read": "tfx_retrieval.components.interaction_example_gen.executor.Executor",
        "Export": "tfx_retrieval.components.embedding_exporter.executor.Executor",
        "Train": "tfx_retrieval.components.two_tower_trainer.executor.Executor",
        "Push": "tfx.components.pusher.executor.Executor",
    }
    for path in paths.values():
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
    read = changed.tasks["Read"]["inputs"]["parameters"]
    assert read["input_base"] == {"runtimeValue": {"constant": "/data"}}
    assert "rows.csv" in read["input_config"]["runtimeValue"]["constant"]
    assert changed.tasks["Export"]["inputs"]["parameters"] == constants(run_date="today")
    assert [note.split()[0] for note in notes] == ["Read", "Export", "Train"]


def test_beam_runs_on_this_machine(job_builder):
    container = tfx_container("tfx_retrieval.components.transform.executor.Executor")
    plain = list(container["container"]["args"])
    container["container"]["args"] += ["--runner=DataflowRunner", "--project=p", "--no_public_ips"]
    job_builder.add("Transform", container)
    direct = tfx_container("tfx_retrieval.components.transform.executor.Executor")
    direct["container"]["args"] += ["--runner=DirectRunner", "--direct_num_workers=2"]
    job_builder.add("Direct", direct)
    job = PipelineJob("job.json", job_builder.document)
    document, notes = stand_ins.with_stand_ins(job, "/data", "rows.csv")
    changed = PipelineJob("job.json", document)
    assert changed.executor_of("Transform")["container"]["args"] == plain
    assert changed.executor_of("Direct") == direct
    assert notes == ("Transform ran Beam on this machine in place of DataflowRunner",)
