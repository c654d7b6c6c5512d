"""The component: its channels, parameters and how it compiles for Vertex AI."""

from __future__ import annotations

import json

import pytest
from tfx import types
from tfx.dsl.components.common import importer
from tfx.orchestration import data_types, pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.proto import trainer_pb2
from tfx.types import channel_utils, standard_artifacts

import tfx_retrieval
from tfx_retrieval.artifacts import ModuleFile
from tfx_retrieval.components.two_tower_trainer.component import TwoTowerTrainer

INPUTS = {
    "examples": standard_artifacts.Examples,
    "transform_graph": standard_artifacts.TransformGraph,
    "module": ModuleFile,
}


def make(**parameters):
    channels = {name: channel_utils.as_channel([kind()]) for name, kind in INPUTS.items()}
    return tfx_retrieval.TwoTowerTuner(**{**channels, **parameters})


def test_outputs_and_default_parameters():
    tuner = make()
    assert {key: channel.type_name for key, channel in tuner.outputs.items()} == {
        "best_hyperparameters": "HyperParameters",
        "tuner_results": "TunerResults",
    }
    assert tuner.spec.inputs["module"].type_name == "tfx_retrieval.ModuleFile"
    properties = tuner.spec.exec_properties
    assert {name: value for name, value in properties.items() if value is not None} == {
        "train_args": "{}",
        "eval_args": "{}",
        "custom_config": "{}",
    }


def test_parameters_are_passed_on():
    properties = make(
        epochs=3,
        batch_size=64,
        learning_rate=0.5,
        train_args=trainer_pb2.TrainArgs(num_steps=7),
        eval_args=trainer_pb2.EvalArgs(splits=["test"]),
        custom_config={"a": [1]},
    ).spec.exec_properties
    assert (properties["epochs"], properties["batch_size"]) == (3, 64)
    assert properties["learning_rate"] == 0.5
    assert json.loads(properties["train_args"]) == {"num_steps": 7}
    assert json.loads(properties["eval_args"]) == {"splits": ["test"]}
    assert json.loads(properties["custom_config"]) == {"a": [1]}


@pytest.mark.parametrize("name", ["epochs", "batch_size", "learning_rate"])
def test_negative_overrides_are_refused(name):
    with pytest.raises(ValueError, match=rf"{name} must be positive, or 0 to leave it.*-1"):
        make(**{name: -1})


def test_channels_of_other_types_are_refused():
    with pytest.raises(TypeError, match="module"):
        make(module=types.Channel(type=standard_artifacts.Schema))


def test_it_compiles_for_vertex_ai(tmp_path):
    kinds = {**INPUTS, "base_model": standard_artifacts.Model}
    sources = {
        name: importer.Importer(f"gs://bucket/{name}", kind).with_id(name)
        for name, kind in kinds.items()
    }
    channels = {name: node.outputs["result"] for name, node in sources.items()}
    epochs = data_types.RuntimeParameter("epochs", int, 0)
    tuner = tfx_retrieval.TwoTowerTuner(**channels, epochs=epochs)
    trainer = TwoTowerTrainer(
        **channels, epochs=epochs, hyperparameters=tuner.outputs["best_hyperparameters"]
    )
    path = tmp_path / "pipeline.json"
    kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image="image", use_pipeline_spec_2_1=True
        ),
        output_filename=str(path),
    ).run(
        pipeline.Pipeline(
            "tuning", "gs://bucket/root", components=[*sources.values(), tuner, trainer]
        )
    )

    spec = json.loads(path.read_text())["pipelineSpec"]
    tasks = spec["root"]["dag"]["tasks"]
    task = tasks["TwoTowerTuner"]
    assert {
        name: value["taskOutputArtifact"]["producerTask"]
        for name, value in task["inputs"]["artifacts"].items()
    } == {name: name for name in kinds}
    assert task["inputs"]["parameters"]["epochs"] == {"componentInputParameter": "epochs"}
    assert tasks["TwoTowerTrainer"]["inputs"]["artifacts"]["hyperparameters"] == {
        "taskOutputArtifact": {
            "producerTask": "TwoTowerTuner",
            "outputArtifactKey": "best_hyperparameters",
        }
    }
    outputs = spec["components"]["TwoTowerTuner"]["outputDefinitions"]["artifacts"]
    titles = {
        name: value["artifactType"]["instanceSchema"].split("\n")[0]
        for name, value in outputs.items()
    }
    assert titles == {
        "best_hyperparameters": "title: tfx.HyperParameters",
        "tuner_results": "title: tfx.TunerResults",
    }
    container = spec["deploymentSpec"]["executors"]["TwoTowerTuner_executor"]["container"]
    assert "tfx_retrieval.components.two_tower_tuner.executor.Executor" in container["args"]
