"""The component: its channels, parameters and how it compiles for Vertex AI."""

import json

import pytest
from tfx import types
from tfx.dsl.components.common import importer
from tfx.orchestration import data_types
from tfx.orchestration import pipeline as pipeline_module
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.types import channel_utils, standard_artifacts

from tfx_retrieval.components.scann_indexer import component
from tfx_retrieval.errors import InputError

INPUTS = {
    "model": standard_artifacts.Model,
    "candidates": standard_artifacts.Examples,
    "examples": standard_artifacts.Examples,
    "model_blessing": standard_artifacts.ModelBlessing,
}


def channels(*names):
    return {name: channel_utils.as_channel([INPUTS[name]()]) for name in names}


def test_outputs_and_default_parameters():
    indexer = component.ScaNNIndexer(**channels("model", "candidates"), candidate_id="item_id")

    assert {key: channel.type_name for key, channel in indexer.outputs.items()} == {
        "index": "Model",
        "evaluation": "ModelEvaluation",
        "blessing": "ModelBlessing",
    }
    properties = indexer.spec.exec_properties
    retrieval = json.loads(properties.pop("retrieval"))
    assert retrieval["algorithm"] == "auto"
    assert retrieval["top_k"] == 100
    assert properties == {
        "candidate_id": "item_id",
        "title": None,
        "query_split": "eval",
        "num_recall_queries": 1000,
        "seed": 42,
        "format_version": 1,
    }


def test_equal_options_make_equal_cache_keys():
    made = [
        component.ScaNNIndexer(
            **channels("model", "candidates"), candidate_id="item_id", retrieval=text
        ).spec.exec_properties["retrieval"]
        for text in ('{"top_k": 100, "algorithm": "scann"}', '{"algorithm":"scann"}')
    ]

    assert made[0] == made[1]


def test_all_wrong_parameters_are_reported():
    with pytest.raises(InputError) as caught:
        component.ScaNNIndexer(
            **channels("model", "candidates"),
            candidate_id="",
            num_recall_queries=0,
            seed=-1,
            retrieval='{"top_k": -2}',
        )

    assert [problem.where for problem in caught.value.problems] == [
        "ScaNNIndexer(candidate_id=...)",
        "ScaNNIndexer(num_recall_queries=...)",
        "ScaNNIndexer(seed=...)",
        "ScaNNIndexer(retrieval=...): $.retrieval.top_k",
    ]


def test_channels_of_other_types_are_refused():
    with pytest.raises(TypeError, match="candidates"):
        component.ScaNNIndexer(
            model=channels("model")["model"],
            candidates=types.Channel(type=standard_artifacts.Schema),
            candidate_id="item_id",
        )


def test_it_compiles_for_vertex_ai(tmp_path):
    importers = {
        name: importer.Importer(f"gs://bucket/{name}", artifact_type).with_id(name)
        for name, artifact_type in INPUTS.items()
    }
    indexer = component.ScaNNIndexer(
        **{name: node.outputs["result"] for name, node in importers.items()},
        candidate_id="item_id",
        title="name",
        retrieval='{"algorithm": "scann"}',
        seed=data_types.RuntimeParameter("seed", int, 3),
    )
    path = tmp_path / "pipeline.json"
    kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image="image", use_pipeline_spec_2_1=True
        ),
        output_filename=str(path),
    ).run(
        pipeline_module.Pipeline(
            "index-alone", "gs://bucket/root", components=[*importers.values(), indexer]
        )
    )

    spec = json.loads(path.read_text())["pipelineSpec"]
    task = spec["root"]["dag"]["tasks"]["ScaNNIndexer"]
    assert {
        name: value["taskOutputArtifact"]["producerTask"]
        for name, value in task["inputs"]["artifacts"].items()
    } == {name: name for name in INPUTS}
    assert task["inputs"]["parameters"]["seed"] == {"componentInputParameter": "seed"}
    [container] = [
        executor["container"]
        for executor in spec["deploymentSpec"]["executors"].values()
        if "container" in executor
    ]
    arguments = " ".join([*container["command"], *container["args"]])
    assert "tfx_retrieval.components.scann_indexer.executor.Executor" in arguments
