"""The component's specification, checks and compilation for Kubeflow Pipelines."""

import json

import pytest
from tfx import types
from tfx.dsl.components.common import importer
from tfx.orchestration import pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.proto import transform_pb2
from tfx.types import standard_artifacts

from tfx_retrieval import artifacts
from tfx_retrieval.components.transform import component

_EXAMPLES = types.Channel(type=standard_artifacts.Examples)
_SCHEMA = types.Channel(type=standard_artifacts.Schema)
_MODULE = types.Channel(type=artifacts.ModuleFile)


def _transform(**options):
    return component.Transform(examples=_EXAMPLES, schema=_SCHEMA, module=_MODULE, **options)


def test_defaults():
    transform = _transform()
    assert {key: channel.type_name for key, channel in transform.inputs.items()} == {
        "examples": "Examples",
        "schema": "Schema",
        "module": "tfx_retrieval.ModuleFile",
    }
    assert {key: channel.type_name for key, channel in transform.outputs.items()} == {
        "transform_graph": "TransformGraph",
        "transformed_examples": "Examples",
    }
    assert transform.exec_properties == {
        "engine": "auto",
        "force_tf_compat_v1": 0,
        "custom_config": "null",
        "disable_statistics": 1,
        "splits_config": None,
    }


def test_outputs_follow_the_options():
    transform = _transform(
        materialize=False,
        disable_analyzer_cache=False,
        analyzer_cache=types.Channel(type=standard_artifacts.TransformCache),
        disable_statistics=False,
        custom_config={"a": 1},
        splits_config=transform_pb2.SplitsConfig(analyze=["a"], transform=["a", "b"]),
        engine="beam",
    )
    assert {key: channel.type_name for key, channel in transform.outputs.items()} == {
        "transform_graph": "TransformGraph",
        "updated_analyzer_cache": "TransformCache",
        "pre_transform_schema": "Schema",
        "pre_transform_stats": "ExampleStatistics",
        "post_transform_schema": "Schema",
        "post_transform_stats": "ExampleStatistics",
        "post_transform_anomalies": "ExampleAnomalies",
    }
    assert json.loads(transform.exec_properties["custom_config"]) == {"a": 1}
    assert json.loads(transform.exec_properties["splits_config"]) == {
        "analyze": ["a"],
        "transform": ["a", "b"],
    }
    assert transform.exec_properties["disable_statistics"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "spark"}, "engine must be one of auto, in_process, beam, got 'spark'"),
        (
            {"analyzer_cache": types.Channel(type=standard_artifacts.TransformCache)},
            "analyzer_cache is given although disable_analyzer_cache is True",
        ),
        (
            {"engine": "in_process", "disable_statistics": False, "force_tf_compat_v1": True},
            "does not offer disable_statistics=False, force_tf_compat_v1=True",
        ),
        (
            {"engine": "in_process", "disable_analyzer_cache": False},
            "does not offer disable_analyzer_cache=False",
        ),
    ],
)
def test_conflicting_options(options, message):
    with pytest.raises(ValueError, match=message):
        _transform(**options)


def test_input_of_another_type_is_refused():
    with pytest.raises(TypeError, match="ModuleFile"):
        component.Transform(examples=_EXAMPLES, schema=_SCHEMA, module=_SCHEMA)


def test_compiles_for_kubeflow_pipelines(tmp_path):
    def imported(name, artifact_type):
        node = importer.Importer(source_uri=f"gs://bucket/{name}", artifact_type=artifact_type)
        return node.with_id(name)

    examples = imported("examples", standard_artifacts.Examples)
    schema = imported("schema", standard_artifacts.Schema)
    module = imported("module", artifacts.ModuleFile)
    transform = component.Transform(
        examples=examples.outputs["result"],
        schema=schema.outputs["result"],
        module=module.outputs["result"],
        disable_statistics=False,
    )
    kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        config=kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image="image", use_pipeline_spec_2_1=True
        ),
        output_dir=str(tmp_path),
        output_filename="pipeline.json",
    ).run(
        pipeline.Pipeline(
            pipeline_name="transform",
            pipeline_root="gs://bucket/root",
            components=[examples, schema, module, transform],
        )
    )
    specification = json.loads((tmp_path / "pipeline.json").read_text())["pipelineSpec"]
    task = specification["root"]["dag"]["tasks"]["Transform"]
    assert task["inputs"]["artifacts"]["module"]["taskOutputArtifact"] == {
        "producerTask": "module",
        "outputArtifactKey": "result",
    }
    executor = next(
        container
        for container in specification["deploymentSpec"]["executors"].values()
        if "tfx_retrieval.components.transform.executor.Executor" in str(container)
    )
    assert executor["container"]["image"] == "image"
