"""The offline Vertex on TFX's own container entry points; each container imports TensorFlow."""

from __future__ import annotations

import pathlib

import pytest
from tfx.dsl.components.common import importer
from tfx.dsl.experimental.conditionals import conditional
from tfx.orchestration import pipeline
from tfx.types import standard_artifacts

import tfx_retrieval
from tfx_retrieval.components.interaction_example_gen.component import single_input
from tfx_retrieval.components.interaction_example_gen.table_spec import ColumnSpec, TableSpec
from tfx_retrieval.pipelines.vertex import offline
from tfx_retrieval.pipelines.vertex.compile import compile_pipeline
from tfx_retrieval.pipelines.vertex.parameters import runtime_parameters


@pytest.fixture
def pipeline_of(vertex_probe):
    """Makes a pipeline of test components after an imported schema."""

    def make():
        parameters = runtime_parameters(epochs=2, learning_rate=0.5)
        schema = importer.Importer(
            source_uri="gs://some-bucket/schema", artifact_type=standard_artifacts.Schema
        )
        judge = vertex_probe.Judge(
            schema.outputs["result"], parameters["epochs"], parameters["learning_rate"]
        )
        blessed = judge.outputs["blessing"].future()[0].custom_property("blessed")
        made = {"verdict": judge.outputs["verdict"], "blessing": judge.outputs["blessing"]}
        with conditional.Cond(blessed == 1):
            reader = vertex_probe.Reader(**made)
        with conditional.Cond(blessed < 1):
            left = vertex_probe.Reader(**made).with_id("Left")
        return pipeline.Pipeline(
            "probe",
            "gs://some-bucket/root",
            components=[schema, judge, reader, left],
            enable_cache=True,
        )

    return make


@pytest.mark.slow
def test_properties_and_conditions_pass_through_tfx_containers(pipeline_of, tmp_path, image):
    path = compile_pipeline(pipeline_of, str(tmp_path / "job.json"), image).path
    root = str(tmp_path / "root")
    first = offline.run_offline(path, root, {"epochs": 5})
    assert {name: task.state for name, task in first.tasks.items()} == {
        "Importer": "succeeded",
        "Judge": "succeeded",
        "Reader": "succeeded",
        "Left": "skipped",
    }
    # What Judge saw, through its own output artifact, Reader's input and Reader's output.
    reading = first.artifacts["Reader", "evaluation"].metadata
    assert reading["given"] == {
        "properties": {"epochs": "int 5", "rate": "float 0.5", "note": "str -"},
        "schema": "schema",
        "keras": "1",
    }
    assert reading["blessed"] == 1.0
    assert first.artifacts["Judge", "verdict"].title == "vertex_probe.Verdict"

    second = offline.run_offline(path, root, {"epochs": 5})
    assert [second.tasks[name].state for name in ("Judge", "Reader")] == ["cached", "cached"]
    assert second.artifacts == first.artifacts


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("vertex_probe.JudgeExecutor", "vertex_probe.AbsentExecutor"),
        ("title: vertex_probe.Verdict", "title: vertex_probe.AbsentType"),
    ],
)
def test_a_class_that_is_not_in_the_image_names_the_task(
    pipeline_of, tmp_path, image, sound, broken
):
    path = pathlib.Path(compile_pipeline(pipeline_of, str(tmp_path / "job.json"), image).path)
    path.write_text(path.read_text().replace(sound, broken))
    with pytest.raises(offline.TaskFailedError) as caught:
        offline.run_offline(str(path), str(tmp_path / "root"))
    assert caught.value.task == "Judge"
    assert "task Judge failed: its command ended with code 1" in str(caught.value)
    assert broken.rpartition(".")[2] in str(caught.value)


TABLE = TableSpec(
    columns=(ColumnSpec("user", "categorical"), ColumnSpec("item", "categorical")),
    example_columns=("user", "item"),
    query_id="user",
    candidate_id="item",
    candidate_columns=("item",),
)


@pytest.mark.slow
def test_each_run_reads_the_newest_span(tmp_path, image):
    """What a schedule does: the same job again, after another day's folder has come."""

    def make():
        example_gen = tfx_retrieval.InteractionExampleGen(
            input_base="gs://some-bucket",
            input_config=single_input("day-{SPAN}/v{VERSION}/*.csv"),
            table_spec=TABLE,
        )
        return pipeline.Pipeline("spans", "gs://some-bucket/root", components=[example_gen])

    path = compile_pipeline(make, str(tmp_path / "job.json"), image).path
    storage = tmp_path / "cloud"

    def add(folder, rows):
        table = storage / "some-bucket" / folder / "rows.csv"
        table.parent.mkdir(parents=True)
        lines = [f"u{row % 9},i{row % 7}" for row in range(rows)]
        table.write_text("\n".join(["user,item", *lines]))

    def run():
        result = offline.run_offline(
            path, str(tmp_path / "root"), enable_caching=True, cloud_storage=str(storage)
        )
        metadata = result.artifacts["InteractionExampleGen", "examples"].metadata
        state = result.tasks["InteractionExampleGen"].state
        # As TFX's driver names them.
        keys = ("custom:span", "custom:version", "rows_read")
        return state, *(metadata[key] for key in keys)

    add("day-1/v1", 50)
    assert run() == ("succeeded", 1, 1, 50)
    assert run() == ("cached", 1, 1, 50)
    add("day-2/v1", 60)
    add("day-2/v2", 70)
    assert run() == ("succeeded", 2, 2, 70)
