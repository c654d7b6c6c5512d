"""Compiling a pipeline of stock and test components."""

from __future__ import annotations

import json
import pathlib
import sys

import pytest

from tfx_retrieval.errors import InputError
from tfx_retrieval.pipelines.vertex.compile import compile_pipeline
from tfx_retrieval.pipelines.vertex.parameters import (
    parse_texts,
    resolve_parameters,
    runtime_parameters,
)
from tfx_retrieval.pipelines.vertex.resources import Resources
from tfx_retrieval.pipelines.vertex.spec import load_job, parse_job

GOLDEN = pathlib.Path(__file__).parent / "golden" / "probe.json"


def compiled(probe_pipeline, tmp_path, image, name="job.json", **options):
    return compile_pipeline(probe_pipeline, str(tmp_path / name), image, **options)


def container(job, task):
    return job.executor_of(task)["container"]


def test_equals_the_golden_file_byte_for_byte(probe_pipeline, tmp_path, image, update_golden):
    result = compiled(probe_pipeline, tmp_path, image)
    text = pathlib.Path(result.path).read_text()
    # The versions of Python and TFX are the environment's, not the compiler's.
    document = json.loads(text)
    document["pipelineSpec"]["sdkVersion"] = "tfx"
    document["labels"] = {}
    if update_golden:
        GOLDEN.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    assert json.loads(GOLDEN.read_text()) == document
    again = compiled(probe_pipeline, tmp_path, image, "folder/again.json")
    assert pathlib.Path(again.path).read_text() == text
    assert load_job(result.path).document == result.job.document


def test_keeps_the_defaults_of_runtime_parameters(probe_pipeline, tmp_path, image):
    job = compiled(probe_pipeline, tmp_path, image).job
    assert job.parameter_definitions == {
        "data": {
            "parameterType": "STRING",
            "defaultValue": "gs://some-bucket/data",
            "isOptional": True,
        },
        "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 2, "isOptional": True},
        "learning_rate": {
            "parameterType": "NUMBER_DOUBLE",
            "defaultValue": 0.5,
            "isOptional": True,
        },
    }


def test_conditions_refer_to_inputs_under_their_own_keys(probe_pipeline, tmp_path, image):
    job = compiled(probe_pipeline, tmp_path, image).job
    assert set(job.tasks["Reader"]["inputs"]["artifacts"]) == {"blessing", "verdict"}
    assert job.tasks["Reader"]["triggerPolicy"]["condition"] == (
        "(inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0)"
    )


def test_sets_keras_images_and_resources(probe_pipeline, tmp_path, image):
    trainer_image = image.replace("0.1.0", "gpu")
    job = compiled(
        probe_pipeline,
        tmp_path,
        {"default": image, "Judge": trainer_image},
        resources={
            "Judge": Resources.from_machine_type("n1-standard-8", "NVIDIA_TESLA_T4", 2),
            # TFX itself would pass over this one.
            "CsvExampleGen": Resources(memory_gb=64),
        },
    ).job
    assert container(job, "Judge")["image"] == trainer_image
    assert container(job, "SchemaGen")["image"] == image
    assert container(job, "Judge")["resources"] == {
        "cpuLimit": 8.0,
        "memoryLimit": 30.0,
        "accelerator": {"type": "NVIDIA_TESLA_T4", "count": "2"},
    }
    assert container(job, "CsvExampleGen")["resources"] == {"memoryLimit": 64.0}
    assert all(
        container(job, task)["env"] == [{"name": "TF_USE_LEGACY_KERAS", "value": "1"}]
        for task in job.tasks
    )


def test_reports_everything_wrong_at_once_and_writes_nothing(probe_pipeline, tmp_path):
    with pytest.raises(InputError) as caught:
        compile_pipeline(
            lambda: probe_pipeline("My_Pipe", str(tmp_path)),
            str(tmp_path / "out" / "job.yaml"),
            {"Judge": "gcr.io/tfx-oss-public/tfx:1.16.0", "Judgement": "no registry"},
            resources={
                "Judg": Resources(cpu=-1),
                "Judge": Resources(accelerator_type="TESLA_T4", accelerator_count=3),
            },
        )
    text = str(caught.value)
    for part in (
        "but got 'My_Pipe'\n  For example 'my-pipe'.",
        "expected a Cloud Storage folder",
        "a file that ends in .json",
        "image of Judge\n  expected an image that has tfx-retrieval installed",
        "image of Judgement\n  expected an image with its registry",
        "image of 'Judgement'",
        "none for CsvExampleGen, Left, Reader, SchemaGen, StatisticsGen",
        "resources of 'Judg'",
        "Did you mean 'Judge'?",
        "resources of Judg: cpu\n  expected a number above 0, but got -1",
        "but got 'TESLA_T4'\n  Did you mean 'NVIDIA_TESLA_T4'?",
        "1, 2, 4, 8 or 16, but got 3 accelerators",
    ):
        assert part in text
    assert not (tmp_path / "out").exists()


def test_an_empty_pipeline(tmp_path, image):
    from tfx.orchestration import pipeline

    with pytest.raises(InputError, match="at least one component, but got no components"):
        compile_pipeline(
            lambda: pipeline.Pipeline("p", "gs://some-bucket/root"),
            str(tmp_path / "job.json"),
            image,
        )


def test_a_local_root_must_be_allowed(probe_pipeline, tmp_path, image):
    def local():
        return probe_pipeline(root=str(tmp_path / "root"))

    with pytest.raises(InputError, match="gs://BUCKET/FOLDER"):
        compile_pipeline(local, str(tmp_path / "job.json"), image)
    job = compile_pipeline(local, str(tmp_path / "job.json"), image, allow_local_root=True).job
    assert job.root == str(tmp_path / "root")


def test_resources_need_a_container(tmp_path, image):
    from tfx.components import SchemaGen
    from tfx.dsl.components.common import importer
    from tfx.orchestration import pipeline
    from tfx.types import standard_artifacts

    def make():
        statistics = importer.Importer(
            source_uri="gs://b/x", artifact_type=standard_artifacts.ExampleStatistics
        ).with_id("Statistics")
        return pipeline.Pipeline(
            "p",
            "gs://some-bucket/root",
            components=[statistics, SchemaGen(statistics.outputs["result"])],
        )

    with pytest.raises(InputError, match="a component that runs no container"):
        compile_pipeline(
            make, str(tmp_path / "job.json"), image, resources={"Statistics": Resources(cpu=1)}
        )


def test_defaults_of_one_parameter_must_agree(vertex_probe, tmp_path, image):
    from tfx.dsl.components.common import importer
    from tfx.orchestration import pipeline
    from tfx.types import standard_artifacts

    def make():
        schema = importer.Importer(source_uri="gs://b/x", artifact_type=standard_artifacts.Schema)
        judges = [
            vertex_probe.Judge(
                schema.outputs["result"], runtime_parameters(epochs=epochs)["epochs"], 0.1
            ).with_id(f"Judge{epochs}")
            for epochs in (1, 2)
        ]
        return pipeline.Pipeline("p", "gs://some-bucket/root", components=[schema, *judges])

    with pytest.raises(InputError, match=r"'epochs' in Judge2\.epochs"):
        compile_pipeline(make, str(tmp_path / "job.json"), image)


def test_says_how_to_get_kfp(probe_pipeline, tmp_path, image, monkeypatch):
    # None in sys.modules makes an import fail as if the package were not installed.
    for name in list(sys.modules):
        if name.split(".")[0] == "kfp" or name.startswith("tfx.orchestration.kubeflow"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kfp", None)
    with pytest.raises(InputError, match=r"pip install 'tfx-retrieval\[kfp\]'"):
        compiled(probe_pipeline, tmp_path, image)


def test_the_google_client_loads_it_without_a_cloud(probe_pipeline, tmp_path, image):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    path = compiled(probe_pipeline, tmp_path, image).path
    job = aiplatform.PipelineJob(
        display_name="probe",
        template_path=path,
        parameter_values={"epochs": 7},
        project="some-project",
        location="europe-west4",
        credentials=AnonymousCredentials(),
    )
    assert job.runtime_config.gcs_output_directory == "gs://some-bucket/root"
    assert dict(job.runtime_config.parameter_values) == {"epochs": 7.0}


@pytest.mark.parametrize(
    ("machine", "cpu", "memory"),
    [("n1-standard-8", 8, 30.0), ("e2-highmem-2", 2, 16.0), ("n1-highcpu-16", 16, 14.4)],
)
def test_machine_types(machine, cpu, memory):
    resources = Resources.from_machine_type(machine)
    assert resources.cpu == cpu
    assert resources.memory_gb == pytest.approx(memory)


def test_unknown_machine_types_get_a_suggestion():
    with pytest.raises(InputError, match="Did you mean 'n1-standard'"):
        Resources.from_machine_type("n1-standart-8")


def test_runtime_parameters_are_checked():
    made = runtime_parameters(learning_rate=1, epochs=None)
    assert made["learning_rate"].default == 1.0
    assert made["epochs"].default is None
    with pytest.raises(InputError) as caught:
        runtime_parameters(epoch=3, epochs=2.5, batch_size=True)
    assert "Did you mean 'epochs'?" in str(caught.value)
    assert "expected a value of type int, but got 2.5" in str(caught.value)
    assert "expected a value of type int, but got True" in str(caught.value)


def test_parameters_of_a_command_line_take_the_declared_types(probe_pipeline, tmp_path, image):
    job = compiled(probe_pipeline, tmp_path, image).job
    assert parse_texts(job, {"epochs": "3", "learning_rate": "1e-3", "data": "7"}) == {
        "epochs": 3,
        "learning_rate": 0.001,
        "data": "7",
    }
    wrong = {"epoch": "3", "epochs": "three", "learning_rate": "-inf", "batch_size": "-2"}
    with pytest.raises(InputError) as caught:
        resolve_parameters(job, parse_texts(job, wrong))
    assert {problem.where: problem.received for problem in caught.value.problems} == {
        "parameter 'epoch'": "none of that name",
        "parameter 'epochs'": "'three'",
        "parameter 'learning_rate'": "-inf",
        "parameter 'batch_size'": "none of that name",
    }
    assert parse_job(json.dumps(job.document), "again").tasks == job.tasks
