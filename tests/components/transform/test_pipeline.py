"""The components under LocalDagRunner, metadata included."""

import pathlib

from ml_metadata.metadata_store import metadata_store
from support import example_files
from support.example_files import example
from tfx.components.schema_gen import component as schema_gen
from tfx.dsl.components.common import importer
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.types import standard_artifacts

from tfx_retrieval import artifacts
from tfx_retrieval.components.config_codegen import packaging
from tfx_retrieval.components.statistics_gen import component as statistics_gen
from tfx_retrieval.components.transform import component as transform

_MODULE = """
import tensorflow_transform as tft


def preprocessing_fn(inputs):
    return {"id": tft.compute_and_apply_vocabulary(inputs["id"], vocab_filename="id")}
"""


def test_runs_and_keeps_the_engine_in_the_metadata(tmp_path):
    rows = [example(id=name) for name in "abb"]
    source = example_files.examples_artifact(tmp_path / "examples", {"train": rows, "eval": rows})
    packaging.write_module(str(tmp_path / "module"), "generated_transform", _MODULE)
    examples = importer.Importer(
        source_uri=source.uri,
        artifact_type=standard_artifacts.Examples,
        properties={"split_names": source.split_names},
    ).with_id("examples")
    module = importer.Importer(
        source_uri=str(tmp_path / "module"), artifact_type=artifacts.ModuleFile
    ).with_id("module")
    statistics = statistics_gen.StatisticsGen(examples=examples.outputs["result"])
    schema = schema_gen.SchemaGen(statistics=statistics.outputs["statistics"])
    component = transform.Transform(
        examples=examples.outputs["result"],
        schema=schema.outputs["schema"],
        module=module.outputs["result"],
    )
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))
    local_dag_runner.LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="transform",
            pipeline_root=str(tmp_path / "root"),
            components=[examples, module, statistics, schema, component],
            metadata_connection_config=connection,
        )
    )
    store = metadata_store.MetadataStore(connection)
    for name in ("TransformGraph", "ExampleStatistics"):
        (artifact,) = store.get_artifacts_by_type(name)
        assert artifact.custom_properties["engine"].string_value == "in_process"
    (graph,) = store.get_artifacts_by_type("TransformGraph")
    vocabulary = pathlib.Path(graph.uri, "transform_fn", "assets", "id")
    assert vocabulary.read_text() == "b\na\n"
