"""The offline Vertex on TFX's own container entry points; each container imports TensorFlow."""

from __future__ import annotations

import pathlib

import pytest
from tfx.dsl.components.common import importer
from tfx.orchestration import pipeline
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from tfx_retrieval.pipelines.vertex import offline
from tfx_retrieval.pipelines.vertex.compile import compile_pipeline


@pytest.fixture(scope="module")
def compiled(probe_pipeline, tmp_path_factory, image):
    folder = tmp_path_factory.mktemp("compiled")
    return compile_pipeline(probe_pipeline, str(folder / "job.json"), image).path


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return str(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def parameters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rows = "".join(f"u{number % 7},{number},{number / 3}\n" for number in range(60))
    (folder / "rows.csv").write_text(f"user,item,rating\n{rows}", encoding="utf-8")
    return {"data": str(folder), "epochs": 5}


@pytest.fixture(scope="module")
def first_run(compiled, root, parameters):
    return offline.run_offline(compiled, root, parameters)


@pytest.mark.slow
def test_stock_and_custom_components_run_from_the_compiled_file(first_run):
    assert {name: task.state for name, task in first_run.tasks.items()} == {
        "CsvExampleGen": "succeeded",
        "StatisticsGen": "succeeded",
        "SchemaGen": "succeeded",
        "Judge": "succeeded",
        "Reader": "succeeded",
        "Left": "skipped",
    }
    artifacts = first_run.artifacts
    assert artifacts["CsvExampleGen", "examples"].metadata["split_names"] == '["train", "eval"]'
    schema_uri = artifacts["SchemaGen", "schema"].uri
    schema = io_utils.SchemaReader().read(f"{schema_uri}/schema.pbtxt")
    assert {feature.name for feature in schema.feature} == {"user", "item", "rating"}
    # What Judge saw, through its own output artifact, Reader's input and Reader's output.
    reading = artifacts["Reader", "evaluation"].metadata
    assert reading["given"] == {
        "properties": {"epochs": "int 5", "rate": "float 0.5", "note": "str -"},
        "schema": "schema",
        "keras": "1",
    }
    assert reading["blessed"] == 1.0
    assert artifacts["Judge", "verdict"].title == "vertex_probe.Verdict"


@pytest.mark.slow
def test_a_second_run_reuses_every_task(first_run, compiled, root, parameters):
    second = offline.run_offline(compiled, root, parameters)
    assert {name: task.state for name, task in second.tasks.items() if name != "Left"} == {
        "CsvExampleGen": "cached",
        "StatisticsGen": "cached",
        "SchemaGen": "cached",
        "Judge": "cached",
        "Reader": "cached",
    }
    assert second.artifacts == first_run.artifacts


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("vertex_probe.JudgeExecutor", "vertex_probe.AbsentExecutor"),
        ("title: vertex_probe.Verdict", "title: vertex_probe.AbsentType"),
    ],
)
def test_a_class_that_is_not_in_the_image_names_the_task(
    vertex_probe, tmp_path, image, sound, broken
):
    def make():
        schema = importer.Importer(
            source_uri="gs://some-bucket/schema", artifact_type=standard_artifacts.Schema
        )
        judge = vertex_probe.Judge(schema.outputs["result"], 1, 0.5)
        return pipeline.Pipeline("p", "gs://some-bucket/root", components=[schema, judge])

    path = pathlib.Path(compile_pipeline(make, str(tmp_path / "job.json"), image).path)
    path.write_text(path.read_text().replace(sound, broken))
    with pytest.raises(offline.TaskFailedError) as caught:
        offline.run_offline(str(path), str(tmp_path / "root"))
    assert caught.value.task == "Judge"
    assert "task Judge failed: its command ended with code 1" in str(caught.value)
    assert broken.rpartition(".")[2] in str(caught.value)
