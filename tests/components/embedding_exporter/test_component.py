"""The component: its channels, parameters and how it compiles for Vertex AI."""

import json

import pytest
from tfx.dsl.components.common import importer
from tfx.orchestration import data_types
from tfx.orchestration import pipeline as pipeline_module
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.types import channel_utils, standard_artifacts

import tfx_retrieval
from tfx_retrieval.components.embedding_exporter import component
from tfx_retrieval.errors import InputError

INPUTS = {
    "model": standard_artifacts.Model,
    "examples": standard_artifacts.Examples,
    "candidates": standard_artifacts.Examples,
}
PARAMETERS = {
    "query_id": "user_id",
    "candidate_id": "item_id",
    "run_date": "2024-01-31",
    "model_version": "7",
    "run_id": "run-1",
}


def make(**parameters):
    channels = {name: channel_utils.as_channel([kind()]) for name, kind in INPUTS.items()}
    return component.EmbeddingExporter(**channels, **{**PARAMETERS, **parameters})


def test_the_output_and_the_parameters():
    exporter = make(timestamp="time")

    assert {key: channel.type_name for key, channel in exporter.outputs.items()} == {
        "embeddings": "tfx_retrieval.Embeddings"
    }
    assert exporter.spec.exec_properties == {
        **PARAMETERS,
        "timestamp": "time",
        "bigquery_table": None,
        "bigquery_location": None,
    }


def test_the_artifact_type_is_found_by_its_name():
    package, name = tfx_retrieval.Embeddings.TYPE_NAME.split(".")

    assert package == "tfx_retrieval"
    assert getattr(tfx_retrieval, name) is tfx_retrieval.Embeddings
    assert not tfx_retrieval.Embeddings.PROPERTIES


def test_all_wrong_parameters_are_reported():
    with pytest.raises(InputError) as caught:
        make(run_date="31.1.2024", query_id="", bigquery_table="data.table")

    assert [problem.where for problem in caught.value.problems] == [
        "EmbeddingExporter(run_date=...)",
        "EmbeddingExporter(query_id=...)",
        "EmbeddingExporter(bigquery_table=...)",
    ]


def test_a_schedule_may_leave_date_and_names_to_the_run():
    exporter = make(run_date="today", model_version=None, run_id=None)

    assert exporter.spec.exec_properties["run_date"] == "today"


@pytest.mark.parametrize("date", ["2024-1-31", "20240131", "2023-02-29", ""])
def test_dates_are_calendar_dates(date):
    with pytest.raises(InputError, match="a date YYYY-MM-DD"):
        make(run_date=date)


def test_it_compiles_for_vertex_ai(tmp_path):
    importers = {
        name: importer.Importer(f"gs://bucket/{name}", artifact_type).with_id(name)
        for name, artifact_type in INPUTS.items()
    }
    exporter = component.EmbeddingExporter(
        **{name: node.outputs["result"] for name, node in importers.items()},
        **{**PARAMETERS, "run_date": data_types.RuntimeParameter("run_date", str)},
        bigquery_table="project.data.vectors",
    )
    path = tmp_path / "pipeline.json"
    kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image="image", use_pipeline_spec_2_1=True
        ),
        output_filename=str(path),
    ).run(
        pipeline_module.Pipeline(
            "export-alone", "gs://bucket/root", components=[*importers.values(), exporter]
        )
    )

    spec = json.loads(path.read_text())["pipelineSpec"]
    task = spec["root"]["dag"]["tasks"]["EmbeddingExporter"]
    assert {
        name: value["taskOutputArtifact"]["producerTask"]
        for name, value in task["inputs"]["artifacts"].items()
    } == {name: name for name in INPUTS}
    assert task["inputs"]["parameters"]["run_date"] == {"componentInputParameter": "run_date"}
    outputs = spec["components"]["EmbeddingExporter"]["outputDefinitions"]["artifacts"]
    assert "tfx_retrieval.Embeddings" in outputs["embeddings"]["artifactType"]["instanceSchema"]
