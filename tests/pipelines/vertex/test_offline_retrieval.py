"""The whole retrieval pipeline through the offline Vertex, beside the same under LocalDagRunner."""

from __future__ import annotations

import json
import pathlib
import shutil

import pytest

from tfx_retrieval import config
from tfx_retrieval.pipelines import retrieval
from tfx_retrieval.pipelines.vertex import offline
from tfx_retrieval.pipelines.vertex.compile import compile_pipeline
from tfx_retrieval.pipelines.vertex.parameters import runtime_parameters


@pytest.fixture(scope="module")
def compiled(finished_run, tmp_path_factory, image):
    """The pipeline with a ScaNN index."""
    folder = tmp_path_factory.mktemp("compiled")
    features = config.read_feature_config(finished_run.job.features)
    model = config.read_model_config(finished_run.job.model)
    model.retrieval.algorithm = (
        model.retrieval.DESCRIPTOR.fields_by_name["algorithm"]
        .enum_type.values_by_name["scann"]
        .number
    )
    parameters = runtime_parameters(
        data="gs://some-bucket/data",
        epochs=1,
        batch_size=model.batch_size,
        learning_rate=model.learning_rate,
    )

    def make():
        data = parameters.pop("data")
        return retrieval.create_pipeline(
            "retrieval",
            "gs://some-bucket/root",
            data,
            features,
            model,
            serving_model_dir="gs://some-bucket/serving",
            overrides=retrieval.TrainingOverrides(**parameters),
        )

    path = str(folder / "job.json")
    return compile_pipeline(make, path, image).path


@pytest.fixture(scope="module")
def parameters(finished_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    shutil.copy(finished_run.job.data, folder)
    epochs = json.loads(finished_run.job.model.read_text())["epochs"]
    return {"data": str(folder), "epochs": epochs}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return str(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def run(compiled, root, parameters):
    def call():
        return offline.run_offline(compiled, root, parameters, cloud_storage=f"{root}/cloud")

    return call


@pytest.fixture(scope="module")
def result(run):
    return run()


def read_json(artifact, name):
    return json.loads(pathlib.Path(artifact.uri, name).read_text())


@pytest.mark.slow
def test_every_task_succeeds_and_a_blessed_index_is_pushed(result, root):
    assert {task.state for task in result.tasks.values()} == {"succeeded"}
    assert len(result.tasks) == 10
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
def test_results_equal_those_of_the_local_runner(result, finished_run):
    metrics = read_json(result.artifacts["RetrievalEvaluator", "evaluation"], "metrics.json")
    local = finished_run.result.metrics
    assert metrics["baseline"] == pytest.approx(local["baseline"])
    assert metrics["eval"] == pytest.approx(local["eval"], abs=0.02)
    written = pathlib.Path(result.artifacts["ConfigCodegen", "transform_module"].uri)
    (module,) = written.glob("*.py")
    assert (
        module.read_bytes()
        == (finished_run.result.directory / "modules" / module.name).read_bytes()
    )


@pytest.mark.slow
def test_a_second_run_only_looks_for_new_files(result, run):
    second = run()
    assert {task.state for task in second.tasks.values()} == {"cached"}
    assert second.artifacts == result.artifacts
