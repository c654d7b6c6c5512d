"""The component's spec, its checks, and a compile for Vertex whose container command is run."""

import argparse
import json

import pytest
from support import models
from tfx.dsl.components.common import importer
from tfx.orchestration import data_types, pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.types import channel_utils, standard_artifacts

from tfx_retrieval.components.retrieval_evaluator import component
from tfx_retrieval.errors import InputError


def channel(artifact_type):
    return channel_utils.as_channel([artifact_type()])


def build(**arguments):
    return component.RetrievalEvaluator(
        **{
            "model": channel(standard_artifacts.Model),
            "examples": channel(standard_artifacts.Examples),
            "query_id": "user_id",
            "candidate_id": "item_id",
            **arguments,
        }
    )


def test_outputs_and_default_properties():
    node = build()
    assert node.outputs["evaluation"].type_name == "ModelEvaluation"
    assert node.outputs["blessing"].type_name == "ModelBlessing"
    assert node.spec.exec_properties == {
        "query_id": "user_id",
        "candidate_id": "item_id",
        "timestamp": None,
        "ks": "[10, 50, 100]",
        "eval_splits": "null",
        "exclude_seen_splits": "null",
        "thresholds": "null",
        "slices": "[]",
        "bootstrap_samples": 500,
        "seed": 42,
        "max_queries": 0,
        "format_version": component.FORMAT_VERSION,
    }
    assert node.spec.inputs.keys() == {"model", "examples"}


def test_lists_become_json_and_text_stays():
    node = build(
        candidates=channel(standard_artifacts.Examples),
        baseline_model=channel(standard_artifacts.Model),
        ks=(5, 20),
        exclude_seen_splits=[],
        slices='["Country"]',
        thresholds=[{"metric": "mrr", "min": 0.1}],
    )
    assert node.spec.inputs.keys() == {"model", "examples", "candidates", "baseline_model"}
    properties = node.spec.exec_properties
    assert properties["ks"] == "[5, 20]"
    assert properties["exclude_seen_splits"] == "[]"
    assert properties["slices"] == '["Country"]'
    assert properties["thresholds"] == '[{"metric": "mrr", "min": 0.1}]'


def test_all_wrong_parameters_are_told_at_once():
    with pytest.raises(InputError) as caught:
        build(query_id="", ks=[0], seed=-1, thresholds=[{"metric": "recal@10", "min": 0}])
    where = [problem.where for problem in caught.value.problems]
    assert where == [
        "RetrievalEvaluator(ks=...)",
        "RetrievalEvaluator(thresholds=...): $[0].metric",
        "RetrievalEvaluator(query_id=...)",
        "RetrievalEvaluator(seed=...)",
    ]


def test_an_input_of_another_type_is_refused():
    with pytest.raises(TypeError, match="model"):
        build(model=channel(standard_artifacts.Examples))


def test_runtime_parameters_are_checked_at_run_time_only():
    node = build(
        query_id=data_types.RuntimeParameter("query_id", str, ""),
        ks=data_types.RuntimeParameter("ks", str, "[7]"),
        thresholds=[{"metric": "recall@7", "min": 0.1}],
        seed=data_types.RuntimeParameter("seed", int, 1),
    )
    assert isinstance(node.spec.exec_properties["ks"], data_types.RuntimeParameter)


@pytest.fixture
def compiled(tmp_path):
    """A pipeline specification for Vertex with the component and its inputs."""
    sources = [
        importer.Importer(source_uri=f"gs://bucket/{name}", artifact_type=kind).with_id(name)
        for name, kind in (
            ("model", standard_artifacts.Model),
            ("examples", standard_artifacts.Examples),
            ("candidates", standard_artifacts.Examples),
        )
    ]
    inputs = {node.id: node.outputs["result"] for node in sources}
    path = tmp_path / "pipeline.json"
    kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image="image", use_pipeline_spec_2_1=True
        ),
        output_dir=str(tmp_path),
        output_filename=path.name,
    ).run(
        pipeline.Pipeline(
            "evaluate",
            "gs://bucket/root",
            components=[*sources, build(**inputs, ks=[1], thresholds=[])],
        )
    )
    return json.loads(path.read_text())["pipelineSpec"]


def test_the_container_command_of_a_compiled_pipeline_blesses_by_managed_name(compiled, tmp_path):
    task = compiled["root"]["dag"]["tasks"]["RetrievalEvaluator"]
    assert task["inputs"]["artifacts"].keys() == {"model", "examples", "candidates"}
    spec = compiled["components"][task["componentRef"]["name"]]
    container = compiled["deploymentSpec"]["executors"][spec["executorLabel"]]["container"]
    arguments = container["args"]
    class_path = arguments[arguments.index("--executor_class_path") + 1]

    rows = [{"user_id": "u", "item_id": item} for item in "ab"]
    model = models.model_artifact(tmp_path / "model", {"u": [1.0]}, {"a": [1.0], "b": [2.0]})
    data = models.write_examples(tmp_path / "data", {"train": rows[:1], "eval": rows[1:]})
    candidates = models.write_examples(tmp_path / "candidates", {"candidates": rows})

    def artifacts(name, kind, uri, metadata=None):
        return {
            "artifacts": [
                {
                    "name": f"projects/1/locations/l/metadataStores/default/artifacts/{name}",
                    "uri": str(uri),
                    "type": {"schemaTitle": f"tfx.{kind}"},
                    "metadata": metadata or {},
                }
            ]
        }

    executor_input = {
        "inputs": {
            "artifacts": {
                "model": artifacts("model", "Model", model.uri),
                "examples": artifacts(
                    "data", "Examples", data.uri, {"split_names": data.split_names}
                ),
                "candidates": artifacts(
                    "candidates",
                    "Examples",
                    candidates.uri,
                    {"split_names": candidates.split_names},
                ),
            },
            "parameterValues": {
                name: value["runtimeValue"]["constant"]
                for name, value in task["inputs"]["parameters"].items()
            },
        },
        "outputs": {
            "artifacts": {
                "evaluation": artifacts("e", "ModelEvaluation", tmp_path / "evaluation"),
                "blessing": artifacts("b", "ModelBlessing", tmp_path / "blessing"),
            },
            "outputFile": str(tmp_path / "task" / "executor_output.json"),
        },
    }
    kubeflow_v2_run_executor._run_executor(
        argparse.Namespace(
            executor_class_path=class_path,
            json_serialized_invocation_args=json.dumps(executor_input),
            json_serialized_inputs_spec_args=json.dumps(spec["inputDefinitions"]),
        ),
        [],
    )
    output = json.loads((tmp_path / "task" / "executor_output.json").read_text())
    (blessing,) = output["artifacts"]["blessing"]["artifacts"]
    assert blessing["metadata"]["blessed"] == 1
    assert blessing["metadata"]["current_model_id"].endswith("/artifacts/model")
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert metrics["eval"]["recall@1"] == 1
