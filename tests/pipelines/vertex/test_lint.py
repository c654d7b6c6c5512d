"""Each lint rule on a spec that breaks it, and none on a sound one."""

from __future__ import annotations

import json

import pytest

from tfx_retrieval.pipelines.vertex.compile import compile_pipeline
from tfx_retrieval.pipelines.vertex.lint import lint
from tfx_retrieval.pipelines.vertex.spec import parse_job

MODEL = "tfx.Model"


def constant(value):
    return {"runtimeValue": {"constant": value}}


@pytest.fixture
def two_tasks(job_builder):
    """A producer and a consumer of its model."""
    job_builder.add_python("Producer", "", outputs={"model": MODEL})
    job_builder.add_python(
        "Consumer",
        "",
        inputs={"model": ("Producer", "model", MODEL)},
        outputs={"blessing": "tfx.ModelBlessing"},
        parameters={"word": constant("a"), "count": constant(1.0)},
        types={"count": "NUMBER_INTEGER"},
    )
    return job_builder


def found(builder, **options):
    job = parse_job(json.dumps(builder.document), "job.json")
    return [str(problem) for problem in lint(job, check_imports=False, **options)]


def only(problems):
    assert len(problems) == 1, problems
    return problems[0]


def test_finds_nothing_in_what_the_compiler_makes(probe_pipeline, two_tasks, tmp_path, image):
    assert found(two_tasks) == []
    job = compile_pipeline(probe_pipeline, str(tmp_path / "job.json"), image).job
    assert lint(job) == []


def test_a_producer_that_is_no_task(two_tasks):
    source = two_tasks.tasks["Consumer"]["inputs"]["artifacts"]["model"]["taskOutputArtifact"]
    # TFX writes this for a value that a component hands on as a parameter.
    source["producerTask"] = "Producer_task"
    problem = only(found(two_tasks))
    assert "$.pipelineSpec.root.dag.tasks.Consumer.inputs.artifacts.model" in problem
    assert "got 'Producer_task'\n  Did you mean 'Producer'?" in problem


def test_a_dependency_and_a_parameter_of_no_task(two_tasks):
    task = two_tasks.tasks["Consumer"]
    task["dependentTasks"] = ["Gone"]
    task["inputs"]["parameters"]["word"] = {
        "taskOutputParameter": {"producerTask": "Lost", "outputParameterKey": "x"}
    }
    problems = "\n".join(found(two_tasks))
    assert "Consumer.dependentTasks\n  expected the name of a task, but got 'Gone'" in problems
    assert "Consumer.inputs.parameters.word\n  expected the name of a task" in problems


def test_tasks_that_wait_for_each_other(two_tasks):
    two_tasks.tasks["Producer"]["dependentTasks"] = ["Consumer"]
    assert "wait for each other: Consumer, Producer" in only(found(two_tasks))


def test_a_component_and_an_executor_that_are_not_there(two_tasks):
    two_tasks.tasks["Producer"]["componentRef"]["name"] = "Producr"
    two_tasks.spec["components"]["Consumer"]["executorLabel"] = "other"
    problems = "\n".join(found(two_tasks))
    assert "Producer.componentRef\n  expected a component, but got 'Producr'" in problems
    assert "components.Consumer.executorLabel\n  expected the label of an executor" in problems


def test_no_tasks(job_builder):
    assert "expected at least one, but got no tasks" in only(found(job_builder))


def test_an_output_that_the_producer_does_not_have(two_tasks):
    source = two_tasks.tasks["Consumer"]["inputs"]["artifacts"]["model"]["taskOutputArtifact"]
    source["outputArtifactKey"] = "modle"
    assert "expected an output of Producer, but got 'modle'" in only(found(two_tasks))


def test_an_input_of_another_type(two_tasks):
    two_tasks.spec["components"]["Producer"]["outputDefinitions"]["artifacts"]["model"] = {
        "artifactType": {"schemaTitle": "tfx.Examples"}
    }
    assert "expected tfx.Model, but got tfx.Examples from Producer" in only(found(two_tasks))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("word", {"componentInputParameter": "data"}, "expected a parameter of the pipeline"),
        ("count", constant("1"), "expected a value of type NUMBER_INTEGER, but got '1'"),
        (
            "word",
            constant('{"epochs": {"__class__": "RuntimeParameter"}}'),
            "expected a runtime parameter as the whole value",
        ),
        ("word", constant("x" * 120_000), "bytes of parameters"),
    ],
)
def test_wrong_parameters(two_tasks, name, value, expected):
    two_tasks.tasks["Consumer"]["inputs"]["parameters"][name] = value
    assert expected in only(found(two_tasks))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(inputs.artifacts['modl'].artifacts[0].uri == 'x')", "Did you mean 'model'?"),
        ("has(inputs.x)", "expected what TFX's Cond writes"),
    ],
)
def test_wrong_conditions(two_tasks, condition, expected):
    two_tasks.tasks["Consumer"]["triggerPolicy"] = {"condition": condition}
    assert expected in only(found(two_tasks))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("", "an image with its registry"),
        ("tfx-retrieval:latest", "an image with its registry"),
        ("gcr.io/tfx-oss-public/tfx:1.16.0", "an image that has tfx-retrieval installed"),
    ],
)
def test_wrong_images(two_tasks, image, expected):
    two_tasks.executors["Producer_executor"]["container"]["image"] = image
    problem = only(found(two_tasks))
    assert "task Producer: image" in problem
    assert expected in problem


def test_names_and_roots(two_tasks, tmp_path):
    two_tasks.spec["pipelineInfo"]["name"] = "Light_"
    two_tasks.document["runtimeConfig"]["gcsOutputDirectory"] = str(tmp_path)
    problems = "\n".join(found(two_tasks))
    assert "For example 'light'." in problems
    assert "pipeline root\n  expected a Cloud Storage folder" in problems
    assert "For example 'light'." in only(found(two_tasks, allow_local_root=True))


@pytest.mark.parametrize(
    "value",
    [
        "/home/someone/data.csv",
        "file:///data",
        "~/data",
        "C:\\data",
        '{"splits": [{"pattern": "/data/rows/*"}]}',
    ],
)
def test_local_paths(two_tasks, value):
    two_tasks.tasks["Consumer"]["inputs"]["parameters"]["word"] = constant(value)
    assert "expected a path that every container can read" in only(found(two_tasks))
    assert found(two_tasks, allow_local_root=True) == []


@pytest.mark.parametrize(
    "value",
    [
        "gs://b/data",
        "/gcs/b/data",
        "rows/*",
        "/",
        '{"not_prefix": "/C"}',
        "[1, 2]",
        "a / b",
        "{not json /x/y}",
    ],
)
def test_what_is_no_local_path(two_tasks, value):
    two_tasks.tasks["Consumer"]["inputs"]["parameters"]["word"] = constant(value)
    assert found(two_tasks) == []


def test_local_paths_in_arguments_and_defaults(two_tasks):
    container = two_tasks.executors["Producer_executor"]["container"]
    # The last is a file of the image, which is fine.
    container["args"] += ["--temp_location=/tmp/beam", "--x=file:///y", "--setup_file=/app/s.py"]
    two_tasks.spec["root"]["inputDefinitions"] = {
        "parameters": {"data": {"parameterType": "STRING", "defaultValue": "/data/rows"}}
    }
    problems = found(two_tasks)
    assert len(problems) == 3
    assert "argument --temp_location" in problems[0]
    assert "argument --x" in problems[1]
    assert "parameter 'data' of the pipeline" in problems[2]


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("word", "-----BEGIN PRIVATE KEY-----\nMII", "a private key"),
        ("word", '{"private_key": "x"}', "a private key"),
        ("word", "AIza" + "b" * 35, "a Google API key"),
        ("word", "ya29." + "c" * 30, "a Google access token"),
        ("word", "AKIA" + "D" * 16, "an AWS access key"),
        ("word", "ghp_" + "e" * 36, "a GitHub token"),
        ("word", "user=me password=hunter22", "a password or token"),
        ("db_password", "hunter22", "a value under the name 'db_password'"),
        ("word", '{"db": {"api_key": "abc"}}', "a value under the name 'api_key'"),
    ],
)
def test_secrets_are_found_and_not_repeated(two_tasks, name, value, kind):
    two_tasks.tasks["Consumer"]["inputs"]["parameters"][name] = constant(value)
    problem = only(found(two_tasks))
    assert f"task Consumer: parameter '{name}'" in problem
    assert kind in problem
    assert value not in problem
    assert "hunter22" not in problem


def test_what_is_no_secret(two_tasks):
    words = {
        "word": "password_reset_count",
        "columns": '["secretary", "token_count", "password"]',
        "tokens": '{"max_tokens": "12", "tokens": {}}',
    }
    for name, value in words.items():
        two_tasks.tasks["Consumer"]["inputs"]["parameters"][name] = constant(value)
    assert found(two_tasks) == []


def test_a_resolver_of_a_custom_type(two_tasks):
    query = {"filter": 'schema_title="tfx.Artifact" AND state=LIVE'}
    two_tasks.add(
        "latest",
        {"resolver": {"outputArtifactQueries": {"module": query}}},
        outputs={"module": "tfx_retrieval.ModuleFile"},
    )
    assert "task latest: output 'module'" in only(found(two_tasks))


# The rules below import classes.


def with_executor(builder, path, title=MODEL):
    builder.add(
        "Task",
        {
            "container": {
                "image": "europe-docker.pkg.dev/some-project/r/i:1",
                "command": ["python"],
                "args": ["--executor_class_path", path],
            }
        },
        outputs={"out": title},
    )
    job = parse_job(json.dumps(builder.document), "job.json")
    return [str(problem) for problem in lint(job)]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("__main__.Executor", "a class of a script or notebook"),
        ("no_such_package.Executor", "No module named 'no_such_package'"),
        ("tfx.components.schema_gen.executor.Execute", "has no Execute"),
        ("json.JSONDecoder", "expected a TFX executor"),
        ("json.loads", "is no class"),
    ],
)
def test_executors_that_no_container_can_run(job_builder, path, message):
    problem = only(with_executor(job_builder, path))
    assert f"task Task: executor {path}" in problem
    assert message in problem


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("no_such_package.Thing", "No module named 'no_such_package'"),
        ("vertex_probe.Nothing", "has no Nothing"),
        ("vertex_probe.Judge", "expected a TFX artifact class"),
        ("tfx_retrieval.artifacts.ModuleFile", "TYPE_NAME 'tfx_retrieval.ModuleFile'"),
        ("", "a standard type or PACKAGE.Class"),
    ],
)
def test_artifact_types_that_no_container_can_make(vertex_probe, job_builder, title, message):
    problem = only(with_executor(job_builder, "vertex_probe.JudgeExecutor", title))
    assert f"task Task: 'out' of type {title!r}" in problem
    assert message in problem


def test_artifact_types_of_this_package_and_of_tfx(job_builder):
    path = "tfx.components.schema_gen.executor.Executor"
    assert with_executor(job_builder, path, "tfx_retrieval.ModuleFile") == []
    assert with_executor(job_builder, path, "tfx.TransformGraph") == []


def test_blessings_that_a_resolver_would_never_find(vertex_probe, job_builder):
    query = {"filter": "name=\"{{$.inputs.artifacts['input'].metadata['current_model_id']}}\""}
    job_builder.add(
        "best", {"resolver": {"outputArtifactQueries": {"model": query}}}, outputs={"model": MODEL}
    )
    container = {
        "image": "europe-docker.pkg.dev/some-project/r/i:1",
        "args": ["--executor_class_path", "vertex_probe.JudgeExecutor"],
    }
    job_builder.add("Judge", {"container": container}, outputs={"blessing": "tfx.ModelBlessing"})
    job = parse_job(json.dumps(job_builder.document), "job.json")
    assert "task best\n" in str(only(lint(job)))
    container["args"][1] = "tfx.components.evaluator.executor.Executor"
    job = parse_job(json.dumps(job_builder.document), "job.json")
    assert lint(job) == []
