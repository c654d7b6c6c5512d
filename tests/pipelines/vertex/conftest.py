"""A pipeline job written by hand, whose containers are plain Python and start in no time."""

from __future__ import annotations

import copy
import importlib
import json
import pathlib
import textwrap

import pytest

# Before any test module imports TensorFlow: it chooses Keras 2.
import tfx_retrieval  # noqa: F401

IMAGE = "europe-west4-docker.pkg.dev/some-project/images/tfx-retrieval:0.1.0"


def artifact(title):
    return {"artifactType": {"instanceSchema": f"title: {title}\ntype: object\n"}}


def from_task(task, key):
    return {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": key}}


class JobBuilder:
    """Adds tasks to a pipeline job document."""

    def __init__(self):
        self.document = {
            "displayName": "light",
            "runtimeConfig": {"gcsOutputDirectory": "gs://some-bucket/root"},
            "pipelineSpec": {
                "pipelineInfo": {"name": "light"},
                "schemaVersion": "2.1.0",
                "sdkVersion": "tfx-1.16.0",
                "components": {},
                "deploymentSpec": {"executors": {}},
                "root": {"dag": {"tasks": {}}},
            },
        }

    @property
    def spec(self):
        return self.document["pipelineSpec"]

    @property
    def tasks(self):
        return self.spec["root"]["dag"]["tasks"]

    @property
    def executors(self):
        return self.spec["deploymentSpec"]["executors"]

    def add(
        self, name, executor, inputs=None, outputs=None, parameters=None, types=None, **task_fields
    ):
        """Adds a task.

        `inputs`: (producer, key, type title) by key; `outputs`: type title by key; `parameters`:
        input parameter specs by name; `types`: their types, STRING if not given.
        """
        self.spec["components"][name] = {
            "executorLabel": f"{name}_executor",
            "inputDefinitions": {
                "artifacts": {key: artifact(value[2]) for key, value in (inputs or {}).items()},
                "parameters": {
                    key: {"parameterType": (types or {}).get(key, "STRING")}
                    for key in parameters or {}
                },
            },
            "outputDefinitions": {
                "artifacts": {key: artifact(title) for key, title in (outputs or {}).items()}
            },
        }
        self.executors[f"{name}_executor"] = executor
        self.tasks[name] = {
            "taskInfo": {"name": name},
            "componentRef": {"name": name},
            "inputs": {
                "artifacts": {key: from_task(*value[:2]) for key, value in (inputs or {}).items()},
                "parameters": parameters or {},
            },
            **task_fields,
        }
        return self

    def add_python(self, name, code, **fields):
        """Adds a task that runs `code` with `executor_input` at hand.

        The code may set entries of `metadata[output key]` and `parameters`.
        """
        program = textwrap.dedent(
            """
            import json, os, sys
            executor_input = json.loads(sys.argv[1])
            outputs = executor_input["outputs"]
            metadata, parameters = {}, {}
            os.makedirs(os.path.dirname(outputs["outputFile"]), exist_ok=True)
            for key in outputs["artifacts"]:
                os.makedirs(outputs["artifacts"][key]["artifacts"][0]["uri"], exist_ok=True)
                metadata[key] = {}
            """
        )
        program += textwrap.dedent(code)
        program += textwrap.dedent(
            """
            result = {"artifacts": {}, "parameterValues": parameters}
            for key, value in metadata.items():
                item = outputs["artifacts"][key]["artifacts"][0]
                result["artifacts"][key] = {"artifacts": [
                    {"name": item["name"], "uri": item["uri"], "metadata": value}]}
            with open(outputs["outputFile"], "w") as file:
                json.dump(result, file)
            """
        )
        container = {
            "image": IMAGE,
            "command": ["python", "-c", program],
            "args": ["{{$}}"],
        }
        return self.add(name, {"container": container}, **fields)

    def write(self, path):
        path = pathlib.Path(path)
        path.write_text(json.dumps(self.document), encoding="utf-8")
        return str(path)

    def copy(self):
        return copy.deepcopy(self)


@pytest.fixture
def job_builder():
    return JobBuilder()


@pytest.fixture(scope="session")
def image():
    return IMAGE


_IMPORTABLE = str(pathlib.Path(__file__).parent / "importable")


@pytest.fixture(scope="session")
def vertex_probe():
    """The package of test components, importable here and in subprocesses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(_IMPORTABLE)
        patch.setenv("PYTHONPATH", _IMPORTABLE)
        yield importlib.import_module("vertex_probe")


@pytest.fixture(scope="session")
def probe_pipeline(vertex_probe):
    """Makes a pipeline of stock components, test components and conditions."""
    from tfx.components import CsvExampleGen, SchemaGen, StatisticsGen
    from tfx.dsl.experimental.conditionals import conditional
    from tfx.orchestration import pipeline

    from tfx_retrieval.pipelines.vertex.parameters import runtime_parameters

    def make(name="probe", root="gs://some-bucket/root", **options):
        parameters = runtime_parameters(data="gs://some-bucket/data", epochs=2, learning_rate=0.5)
        examples = CsvExampleGen(input_base=parameters["data"])
        statistics = StatisticsGen(examples=examples.outputs["examples"])
        schema = SchemaGen(statistics=statistics.outputs["statistics"])
        judge = vertex_probe.Judge(
            schema.outputs["schema"], parameters["epochs"], parameters["learning_rate"]
        )
        blessed = judge.outputs["blessing"].future()[0].custom_property("blessed")
        with conditional.Cond(blessed == 1):
            reader = vertex_probe.Reader(judge.outputs["verdict"], judge.outputs["blessing"])
        with conditional.Cond(blessed < 1):
            left = vertex_probe.Reader(judge.outputs["verdict"], judge.outputs["blessing"]).with_id(
                "Left"
            )
        return pipeline.Pipeline(
            pipeline_name=name,
            pipeline_root=root,
            components=[examples, statistics, schema, judge, reader, left],
            enable_cache=True,
            **options,
        )

    return make
