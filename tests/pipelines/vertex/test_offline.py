"""The offline Vertex on containers that are plain Python, so that each rule takes milliseconds."""

from __future__ import annotations

import json
import pathlib

import pytest

from tfx_retrieval.errors import InputError
from tfx_retrieval.pipelines.vertex import offline

MODEL = "tfx.Model"
BLESSING = "tfx.ModelBlessing"


def constant(value):
    return {"runtimeValue": {"constant": value}}


def test_runs_tasks_in_order_and_hands_metadata_on(job_builder, tmp_path):
    job_builder.add_python(
        "Consumer",
        """
        given = executor_input["inputs"]["artifacts"]["model"]["artifacts"][0]
        content = open(os.path.join(given["uri"], "content")).read()
        metadata["copy"] = {"seen": content, "steps": given["metadata"]["steps"],
                            "type": given["type"]["instanceSchema"].split()[1]}
        """,
        inputs={"model": ("Producer", "model", MODEL)},
        outputs={"copy": "tfx.ModelRun"},
    )
    job_builder.add_python(
        "Producer",
        """
        uri = outputs["artifacts"]["model"]["artifacts"][0]["uri"]
        with open(os.path.join(uri, "content"), "w") as file:
            file.write(executor_input["inputs"]["parameterValues"]["word"] + os.getcwd())
        metadata["model"] = {"steps": 3.0}
        """,
        outputs={"model": MODEL},
        parameters={"word": constant("ready")},
    )
    events = []
    result = offline.run_offline(
        job_builder.write(tmp_path / "job.json"), str(tmp_path / "root"), on_task=events.append
    )

    assert list(result.tasks) == ["Producer", "Consumer"]
    copy = result.artifacts["Consumer", "copy"]
    assert copy.metadata["steps"] == 3.0
    assert copy.metadata["type"] == MODEL
    # A container finds nothing of the folder the command was given in.
    assert copy.metadata["seen"].startswith("ready/")
    assert str(pathlib.Path.cwd()) not in copy.metadata["seen"]
    assert copy.uri.startswith(str(tmp_path / "root" / "light" / "run-0001"))
    assert [(event.task, event.state, event.number, event.total) for event in events] == [
        ("Producer", "running", 1, 2),
        ("Producer", "succeeded", 1, 2),
        ("Consumer", "running", 2, 2),
        ("Consumer", "succeeded", 2, 2),
    ]


def test_conditions_skip_a_task_and_those_after_it(job_builder, tmp_path):
    job_builder.add_python(
        "Judge", 'metadata["blessing"] = {"blessed": 1.0}', outputs={"blessing": BLESSING}
    )
    for name, value in (("Taken", "1.0"), ("Left", "0.0")):
        key = "_Judge.blessing"
        text = f"(inputs.artifacts['{key}'].artifacts[0].metadata['blessed'] == {value})"
        job_builder.add_python(
            name,
            "",
            inputs={key: ("Judge", "blessing", BLESSING)},
            outputs={"model": MODEL},
            triggerPolicy={"condition": text},
        )
        job_builder.add_python(f"After{name}", "", inputs={"model": (name, "model", MODEL)})
    result = offline.run_offline(job_builder.write(tmp_path / "job.json"), str(tmp_path / "root"))

    assert {name: task.state for name, task in result.tasks.items()} == {
        "Judge": "succeeded",
        "Taken": "succeeded",
        "AfterTaken": "succeeded",
        "Left": "skipped",
        "AfterLeft": "skipped",
    }


def test_a_condition_that_cannot_be_decided_names_the_task(job_builder, tmp_path):
    job_builder.add_python("Judge", "", outputs={"blessing": BLESSING})
    job_builder.add_python(
        "Guarded",
        "",
        inputs={"b": ("Judge", "blessing", BLESSING)},
        triggerPolicy={
            "condition": "(inputs.artifacts['b'].artifacts[0].metadata['blessed'] == 1.0)"
        },
    )
    with pytest.raises(offline.TaskFailedError, match=r"Guarded failed: .*no property 'blessed'"):
        offline.run_offline(job_builder.write(tmp_path / "job.json"), str(tmp_path / "root"))


def test_parameters_come_from_defaults_the_job_and_the_run(job_builder, tmp_path):
    job_builder.spec["root"]["inputDefinitions"] = {
        "parameters": {
            "data": {"parameterType": "STRING", "defaultValue": "a"},
            "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1},
            "rate": {"parameterType": "NUMBER_DOUBLE"},
        }
    }
    job_builder.document["runtimeConfig"]["parameterValues"] = {"epochs": 2.0}
    job_builder.add_python(
        "Task",
        'metadata["model"] = executor_input["inputs"]["parameterValues"]',
        outputs={"model": MODEL},
        parameters={
            "data": {"componentInputParameter": "data"},
            "epochs": {"componentInputParameter": "epochs"},
            "rate": {"componentInputParameter": "rate"},
            "fixed": constant(5.0),
        },
        types={"epochs": "NUMBER_INTEGER", "rate": "NUMBER_DOUBLE", "fixed": "NUMBER_INTEGER"},
    )
    path = job_builder.write(tmp_path / "job.json")
    result = offline.run_offline(path, str(tmp_path / "root"), {"rate": 0.5})
    assert result.artifacts["Task", "model"].metadata == {
        "data": "a",
        "epochs": 2,
        "rate": 0.5,
        "fixed": 5.0,
    }

    with pytest.raises(InputError) as caught:
        offline.run_offline(path, str(tmp_path / "root"), {"epoch": 3, "epochs": "x"})
    text = str(caught.value)
    assert "'epoch'" in text
    assert "Did you mean 'epochs'?" in text
    assert "a value of type NUMBER_INTEGER, but got 'x'" in text
    assert "parameter 'rate'\n  expected a value; it has no default, but got no value" in text


def test_output_parameters_reach_consumers(job_builder, tmp_path):
    job_builder.add_python("Count", 'parameters["rows"] = 7', outputs={"model": MODEL})
    job_builder.add_python(
        "Use",
        'metadata["model"] = executor_input["inputs"]["parameterValues"]',
        outputs={"model": MODEL},
        parameters={
            "rows": {"taskOutputParameter": {"producerTask": "Count", "outputParameterKey": "rows"}}
        },
        types={"rows": "NUMBER_INTEGER"},
    )
    result = offline.run_offline(job_builder.write(tmp_path / "job.json"), str(tmp_path / "root"))
    assert result.artifacts["Use", "model"].metadata == {"rows": 7}


def cached_chain(builder, word):
    builder.add_python(
        "First",
        'metadata["model"] = {"word": executor_input["inputs"]["parameterValues"]["word"]}',
        outputs={"model": MODEL},
        parameters={"word": constant(word)},
        cachingOptions={"enableCache": True},
    )
    builder.add_python(
        "Second",
        "",
        inputs={"model": ("First", "model", MODEL)},
        outputs={"model": MODEL},
        cachingOptions={"enableCache": True},
    )
    return builder


def states(result):
    return [task.state for task in result.tasks.values()]


def test_caches_by_what_a_task_is_and_gets(job_builder, tmp_path):
    root = str(tmp_path / "root")
    path = cached_chain(job_builder.copy(), "a").write(tmp_path / "a.json")
    other = cached_chain(job_builder.copy(), "b").write(tmp_path / "b.json")

    first = offline.run_offline(path, root)
    second = offline.run_offline(path, root)
    assert states(first) == ["succeeded", "succeeded"]
    assert states(second) == ["cached", "cached"]
    assert second.artifacts == first.artifacts
    assert states(offline.run_offline(path, root, enable_caching=False)) == ["succeeded"] * 2
    # Another parameter, and so another input for the task after it.
    assert states(offline.run_offline(other, root)) == ["succeeded", "succeeded"]

    pathlib.Path(offline.run_offline(path, root).artifacts["First", "model"].uri).rmdir()
    assert states(offline.run_offline(path, root)) == ["succeeded", "succeeded"]


def test_a_failed_task_is_named_with_the_end_of_its_log(job_builder, tmp_path):
    job_builder.add_python("Good", "", outputs={"model": MODEL})
    job_builder.add_python(
        "Bad",
        """
        for number in range(100):
            print("line", number)
        raise RuntimeError("no more memory")
        """,
        inputs={"model": ("Good", "model", MODEL)},
    )
    with pytest.raises(offline.TaskFailedError) as caught:
        offline.run_offline(job_builder.write(tmp_path / "job.json"), str(tmp_path / "root"))
    error = caught.value
    assert error.task == "Bad"
    assert "task Bad failed: its command ended with code 1" in str(error)
    assert "RuntimeError: no more memory" in str(error)
    assert "line 2\n" not in str(error)
    assert "line 2\n" in pathlib.Path(error.log).read_text()


def test_an_importer_reuses_its_artifact_until_told_to_import_again(job_builder, tmp_path):
    importer = {
        "artifactUri": {"constant": "gs://b/schema"},
        "typeSchema": {"instanceSchema": "title: tfx.Schema\ntype: object\n"},
        "metadata": {"version": 2.0},
    }
    job_builder.add(
        "Import",
        {"importer": importer},
        outputs={"result": "tfx.Schema"},
        parameters={"artifact_uri": constant("gs://b/schema")},
    )
    root = str(tmp_path / "root")
    path = job_builder.write(tmp_path / "job.json")
    first = offline.run_offline(path, root).artifacts["Import", "result"]
    assert (first.uri, first.title, first.metadata) == (
        "gs://b/schema",
        "tfx.Schema",
        {"version": 2.0},
    )
    assert offline.run_offline(path, root).artifacts["Import", "result"] == first
    importer["reimport"] = True
    path = job_builder.write(tmp_path / "job.json")
    assert offline.run_offline(path, root).artifacts["Import", "result"].name != first.name


def test_resolvers_find_the_latest_blessed_model_of_earlier_runs(job_builder, tmp_path):
    def resolver(key, text):
        return {"resolver": {"outputArtifactQueries": {key: {"filter": text}}}}

    job_builder.add(
        "best-model-blessing-resolver",
        resolver(
            "model_blessing",
            'schema_title="tfx.ModelBlessing" AND state=LIVE AND metadata.blessed.number_value=1',
        ),
        outputs={"model_blessing": BLESSING},
    )
    job_builder.add(
        "best-model-resolver",
        resolver(
            "model",
            'schema_title="tfx.Model" AND state=LIVE AND '
            "name=\"{{$.inputs.artifacts['input'].metadata['current_model_id']}}\"",
        ),
        inputs={"input": ("best-model-blessing-resolver", "model_blessing", BLESSING)},
        outputs={"model": MODEL},
    )
    job_builder.add("latest", resolver("m", 'schema_title="tfx.Model"'), outputs={"m": MODEL})
    # The model is made after the search, as in a pipeline that trains on.
    job_builder.add_python(
        "Trainer",
        """
        base = executor_input["inputs"]["artifacts"]["base"].get("artifacts", [])
        metadata["model"] = {"base": [item["name"] for item in base],
                             "run": executor_input["inputs"]["parameterValues"]["run"]}
        """,
        inputs={"base": ("best-model-resolver", "model", MODEL)},
        outputs={"model": MODEL},
        parameters={"run": constant("1")},
        dependentTasks=["latest"],
    )
    job_builder.add_python(
        "Judge",
        """
        model = executor_input["inputs"]["artifacts"]["model"]["artifacts"][0]
        metadata["blessing"] = {"current_model_id": model["name"],
                                "blessed": float(model["metadata"]["run"] != "2")}
        """,
        inputs={"model": ("Trainer", "model", MODEL)},
        outputs={"blessing": BLESSING},
    )
    root = str(tmp_path / "root")
    results = []
    for number in ("1", "2", "3"):
        job_builder.tasks["Trainer"]["inputs"]["parameters"]["run"] = constant(number)
        results.append(offline.run_offline(job_builder.write(tmp_path / "job.json"), root))
    trained = [result.artifacts["Trainer", "model"] for result in results]
    assert trained[0].metadata["base"] == []
    assert trained[1].metadata["base"] == [trained[0].name]
    # The second was not blessed, so the third goes on from the first, though "latest" is newer.
    assert trained[2].metadata["base"] == [trained[0].name]
    assert results[2].artifacts["latest", "m"].name == trained[1].name
    assert ("latest", "m") not in results[0].artifacts


def test_a_resolver_filter_that_is_not_understood_names_the_task(job_builder, tmp_path):
    query = {"filter": 'uri="x"'}
    job_builder.add(
        "latest", {"resolver": {"outputArtifactQueries": {"m": query}}}, outputs={"m": MODEL}
    )
    with pytest.raises(offline.TaskFailedError, match="task latest failed: 'uri=\"x\"'"):
        offline.run_offline(job_builder.write(tmp_path / "job.json"), str(tmp_path / "root"))


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"command": ["java", "-jar"]}, "'java' of another image"),
        ({"args": ["{{$.inputs.artifacts['none'].uri}}"]}, "refers to nothing: .*'none'"),
        ({"args": ["{{$}}", "x" * 200_000]}, "could not be started: Argument list too long"),
    ],
)
def test_a_container_that_cannot_start_names_the_task(job_builder, tmp_path, container, message):
    job_builder.add_python("Task", "", outputs={"model": MODEL})
    job_builder.executors["Task_executor"]["container"].update(container)
    with pytest.raises(offline.TaskFailedError, match=f"task Task failed: .*{message}"):
        offline.run_offline(job_builder.write(tmp_path / "job.json"), str(tmp_path / "root"))


def test_plain_containers_get_placeholders_and_owe_no_output_file(job_builder, tmp_path):
    job_builder.add_python("Task", "", outputs={"model": MODEL}, parameters={"p": constant("v")})
    container = job_builder.executors["Task_executor"]["container"]
    container["command"] = ["python", "-c"]
    container["args"] = [
        "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.mkdir(parents=True, exist_ok=True); "
        "(p / 'x').write_text(sys.argv[2])",
        "{{$.outputs.artifacts['model'].uri}}",
        "value {{$.inputs.parameters['p']}}",
    ]
    result = offline.run_offline(job_builder.write(tmp_path / "job.json"), str(tmp_path / "root"))
    uri = pathlib.Path(result.artifacts["Task", "model"].uri)
    assert (uri / "x").read_text() == "value v"


def test_a_driver_runs_before_the_cache_is_asked(job_builder, tmp_path):
    source = tmp_path / "rows"
    source.write_text("a")
    job_builder.add_python(
        "Gen",
        'metadata["model"] = {"rows": executor_input["inputs"]["parameterValues"]["found"]}',
        outputs={"model": MODEL},
        cachingOptions={"enableCache": True},
    )
    container = job_builder.executors["Gen_executor"]["container"]
    container["env"] = [{"name": "SOURCE", "value": str(source)}]
    container["lifecycle"] = {
        "preCacheCheck": {
            "command": ["python", "-c"],
            "args": [
                "import json, os, sys\n"
                "outputs = json.loads(sys.argv[1])['outputs']\n"
                "os.makedirs(os.path.dirname(outputs['outputFile']), exist_ok=True)\n"
                "found = open(os.environ['SOURCE']).read()\n"
                "model = {'metadata': {'span': 0.0}}\n"
                "result = {'parameterValues': {'found': found},\n"
                "          'artifacts': {'model': {'artifacts': [model]}}}\n"
                "json.dump(result, open(outputs['outputFile'], 'w'))\n",
                "{{$}}",
            ],
        }
    }
    path, root = job_builder.write(tmp_path / "job.json"), str(tmp_path / "root")
    first = offline.run_offline(path, root)
    assert first.artifacts["Gen", "model"].metadata == {"span": 0.0, "rows": "a"}
    assert states(offline.run_offline(path, root)) == ["cached"]
    source.write_text("b")
    again = offline.run_offline(path, root)
    assert states(again) == ["succeeded"]
    assert again.artifacts["Gen", "model"].metadata["rows"] == "b"


def test_a_file_that_is_no_job_is_refused(tmp_path):
    path = tmp_path / "job.json"
    for text, message in (
        ("{", "line 1"),
        ("{}", r"\$.pipelineSpec"),
        (json.dumps({"pipelineSpec": {"schemaVersion": "2.0.0"}}), "expected 2.1.0"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            offline.run_offline(str(path), str(tmp_path / "root"))
    with pytest.raises(InputError, match="no readable file"):
        offline.run_offline(str(tmp_path / "absent.json"), str(tmp_path / "root"))


def test_a_folder_stands_for_cloud_storage(job_builder, tmp_path):
    job_builder.add_python(
        "Push",
        """
        values = executor_input["inputs"]["parameterValues"]
        destination = json.loads(values["destination"])["base"]
        metadata["model"] = {"read": open(values["data"] + "/rows").read()}
        os.makedirs(destination)
        """,
        outputs={"model": MODEL},
        parameters={
            "data": constant("gs://some-bucket/data"),
            "destination": constant('{"base": "gs://some-bucket/serving"}'),
        },
    )
    folder = tmp_path / "cloud"
    (folder / "some-bucket" / "data").mkdir(parents=True)
    (folder / "some-bucket" / "data" / "rows").write_text("a,b")
    result = offline.run_offline(
        job_builder.write(tmp_path / "job.json"),
        str(tmp_path / "root"),
        cloud_storage=str(folder),
    )
    assert result.artifacts["Push", "model"].metadata == {"read": "a,b"}
    assert (folder / "some-bucket" / "serving").is_dir()
