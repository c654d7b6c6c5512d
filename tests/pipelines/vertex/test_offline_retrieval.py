"""Online Retail, raw rows to a pushed ScaNN index, on the offline Vertex and LocalDagRunner."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from google.protobuf.json_format import ParseDict
from kfp.pipeline_spec.pipeline_spec_pb2 import ArtifactList, RuntimeArtifact
from tfx.extensions.google_cloud_ai_platform import training_clients
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint_utils
from tfx.types import standard_artifacts
from tfx.utils import name_utils

from tfx_retrieval import config, demo
from tfx_retrieval.components.interaction_example_gen.table_spec import SplitSpec
from tfx_retrieval.pipelines import local, retrieval
from tfx_retrieval.pipelines.retrieval import MODULE_NODES, RESOLVER_ID
from tfx_retrieval.pipelines.vertex import offline
from tfx_retrieval.pipelines.vertex.compile import compile_pipeline
from tfx_retrieval.pipelines.vertex.custom_training import CustomJobExecutor
from tfx_retrieval.pipelines.vertex.parameters import runtime_parameters
from tfx_retrieval.pipelines.vertex.presets import custom_job_spec, training_custom_config

EPOCHS = 3


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with all rows of a sixteenth of the customers, 24,390."""
    folder = tmp_path_factory.mktemp("data")
    table = pq.read_table(demo.DATA)
    table = table.filter(pc.equal(pc.bit_wise_and(table["CustomerID"], 15), 7))
    pq.write_table(table, folder / "rows.parquet")
    return str(folder)


@pytest.fixture(scope="module")
def configs():
    """The demo's configs, with a ScaNN index and fewer epochs."""
    features = config.read_feature_config(demo.FEATURES)
    model = config.read_model_config(demo.MODEL)
    algorithms = model.retrieval.DESCRIPTOR.fields_by_name["algorithm"].enum_type
    model.retrieval.algorithm = algorithms.values_by_name["scann"].number
    model.epochs = EPOCHS
    return features, model


@pytest.fixture(scope="module")
def local_result(data, configs, tmp_path_factory):
    """The same job under LocalDagRunner."""
    folder = tmp_path_factory.mktemp("local")
    return local.run(data, *configs, str(folder), split="temporal", warm_start=True)


@pytest.fixture(scope="module")
def compiled(configs, tmp_path_factory, image):
    """The pipeline with a ScaNN index and a warm start."""
    folder = tmp_path_factory.mktemp("compiled")
    features, model = configs

    def make():
        parameters = runtime_parameters(
            data="gs://some-bucket/data",
            epochs=1,
            batch_size=model.batch_size,
            learning_rate=model.learning_rate,
        )
        return retrieval.create_pipeline(
            "retrieval",
            "gs://some-bucket/root",
            parameters.pop("data"),
            features,
            model,
            split=SplitSpec(method="temporal"),
            serving_model_dir="gs://some-bucket/serving",
            warm_start=True,
            overrides=retrieval.TrainingOverrides(**parameters),
        )

    path = str(folder / "job.json")
    return compile_pipeline(make, path, image).path


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return str(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def run(compiled, root, data):
    def call(path=compiled, epochs=EPOCHS):
        parameters = {"data": data, "epochs": epochs}
        return offline.run_offline(path, root, parameters, cloud_storage=f"{root}/cloud")

    return call


@pytest.fixture(scope="module")
def result(run):
    return run()


def read_json(artifact, name):
    return json.loads(pathlib.Path(artifact.uri, name).read_text())


@pytest.mark.slow
def test_every_task_succeeds_and_a_blessed_index_is_pushed(result, root):
    assert {task.state for task in result.tasks.values()} == {"succeeded"}
    assert len(result.tasks) == 13
    artifacts = result.artifacts
    assert artifacts["RetrievalEvaluator", "blessing"].metadata["blessed"] == 1.0
    # The name by which a resolver finds the model, which TFX writes for Evaluators only.
    model = artifacts["TwoTowerTrainer", "model"]
    assert artifacts["RetrievalEvaluator", "blessing"].metadata["current_model_id"] == model.name
    assert artifacts["ScaNNIndexer", "index"].metadata["algorithm"] == "scann"
    assert artifacts["ScaNNIndexer", "blessing"].metadata["blessed"] == 1.0
    pushed = artifacts["Pusher", "pushed_model"].metadata
    assert pushed["pushed"] == 1.0
    assert pushed["pushed_destination"].startswith(f"{root}/cloud/some-bucket/serving/")
    assert pathlib.Path(pushed["pushed_destination"], "saved_model.pb").is_file()


@pytest.mark.slow
def test_results_equal_those_of_the_local_runner(result, local_result):
    metrics = read_json(result.artifacts["RetrievalEvaluator", "evaluation"], "metrics.json")
    expected = local_result.metrics
    assert metrics["baseline"] == pytest.approx(expected["baseline"])
    # Sums of floats over threads differ in their last digits, and so may the order of near ties.
    assert metrics["eval"] == pytest.approx(expected["eval"], abs=0.003)
    history = read_json(result.artifacts["TwoTowerTrainer", "model_run"], "history.json")
    assert history["loss"] == pytest.approx(expected["history"]["loss"], rel=1e-3)
    index = read_json(result.artifacts["ScaNNIndexer", "evaluation"], "index_evaluation.json")
    assert index["options"] == expected["index"]["options"]
    for key, node in MODULE_NODES.items():
        (module,) = pathlib.Path(result.artifacts[node, key].uri).glob("*.py")
        local_module = local_result.directory / "modules" / module.name
        assert module.read_bytes() == local_module.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "sound", "broken"),
    [
        (
            "RetrievalEvaluator",
            "retrieval_evaluator.executor.Executor",
            "retrieval_evaluator.executor.AbsentExecutor",
        ),
        ("TrainerCodegen", "title: tfx_retrieval.ModuleFile", "title: tfx_retrieval.AbsentFile"),
    ],
    ids=["image without the class", "artifact type that is nowhere"],
)
def test_a_broken_image_or_type_fails_with_the_tasks_name(
    result, run, compiled, tmp_path, task, sound, broken
):
    """Tasks before the broken one are cached from the sound run."""
    path = tmp_path / "broken.json"
    text = pathlib.Path(compiled).read_text()
    assert sound in text
    path.write_text(text.replace(sound, broken))
    with pytest.raises(offline.TaskFailedError) as caught:
        run(str(path))
    assert caught.value.task == task
    assert f"task {task} failed: its command ended with code 1" in str(caught.value)
    assert broken.rpartition(".")[2] in str(caught.value)


@pytest.mark.slow
def test_a_second_run_starts_from_the_model_that_the_first_blessed(result, run):
    second = run(epochs=1)
    assert (
        second.artifacts[f"{RESOLVER_ID}-model-resolver", "model"]
        == (result.artifacts["TwoTowerTrainer", "model"])
    )
    again = {"TwoTowerTrainer", "RetrievalEvaluator", "ScaNNIndexer", "Pusher"}
    resolvers = {f"{RESOLVER_ID}-model-resolver", f"{RESOLVER_ID}-model-blessing-resolver"}
    assert {name for name, task in second.tasks.items() if task.state == "succeeded"} == (
        again | resolvers
    )
    assert {task.state for name, task in second.tasks.items() if name not in again | resolvers} == {
        "cached"
    }
    metrics = read_json(second.artifacts["RetrievalEvaluator", "evaluation"], "metrics.json")
    assert metrics["baseline_model"]


@pytest.mark.slow
def test_a_custom_jobs_command_trains_on_the_same_artifacts(result, root, image, tmp_path):
    """The command that TFX gives to each machine of a custom job, run on this machine."""
    job = training_custom_config(
        "europe-west4", custom_job_spec("some-project", "europe-west4", image)
    )
    artifacts = {
        "examples": ("Transform", "transformed_examples"),
        "transform_graph": ("Transform", "transform_graph"),
        "module": ("TrainerCodegen", "trainer_module"),
    }
    inputs = {
        key: ArtifactList(
            artifacts=[ParseDict(result.artifacts[place].to_runtime(), RuntimeArtifact())]
        )
        for key, place in artifacts.items()
    }
    model, model_run = standard_artifacts.Model(), standard_artifacts.ModelRun()
    model.uri, model_run.uri = str(tmp_path / "model"), str(tmp_path / "model_run")
    # The client's constructor alone needs credentials; what it makes of the job does not.
    client = object.__new__(training_clients.VertexJobClient)
    arguments = dict(job["ai_platform_training_args"])
    arguments.pop("project")
    made = client.create_training_job(
        entrypoint_utils.parse_raw_artifact_dict(inputs),
        {"model": [model], "model_run": [model_run]},
        {
            "train_args": "{}",
            "eval_args": "{}",
            "epochs": 1,
            "batch_size": 256,
            "custom_config": json.dumps(job),
        },
        name_utils.get_full_name(CustomJobExecutor()._GetExecutorClass()),
        arguments,
        None,
        None,
    )
    command = made["job_spec"]["worker_pool_specs"][0]["container_spec"]["command"]
    assert command[0] == "python"
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "model" / "Format-Serving" / "saved_model.pb").is_file()
