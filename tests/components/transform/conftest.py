"""Runs the executor on hand-made artifacts; both engines' results on the same rows."""

import dataclasses
import logging
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from support import example_files
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from tfx_retrieval import artifacts
from tfx_retrieval.components.config_codegen import packaging
from tfx_retrieval.components.transform import executor

_SCHEMA = """
feature { name: "row" type: INT presence { min_fraction: 1 } shape {} }
feature { name: "name" type: BYTES presence { min_fraction: 1 } shape {} }
feature { name: "kind" type: BYTES }
feature { name: "text" type: BYTES }
feature { name: "tags" type: BYTES }
feature { name: "price" type: FLOAT }
feature { name: "count" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "time" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "vector" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 3 } } }
feature { name: "unused" type: BYTES presence { min_fraction: 1 } shape {} }
"""


@dataclasses.dataclass(frozen=True)
class Run:
    """Outputs of one run of the executor."""

    graph: standard_artifacts.TransformGraph
    all_transformed: list[standard_artifacts.Examples]

    @property
    def transformed(self) -> standard_artifacts.Examples:
        return self.all_transformed[0]

    @property
    def output(self) -> tft.TFTransformOutput:
        return tft.TFTransformOutput(self.graph.uri)

    def rows(self, split: str, examples=None) -> dict[str, list]:
        """Returns the columns of a split as lists, ordered by the column `row` if there is one."""
        uri = (examples or self.transformed).uri
        files = sorted(pathlib.Path(uri, f"Split-{split}").iterdir())
        records = tf.data.TFRecordDataset([str(file) for file in files], "GZIP")
        spec = self.output.transformed_feature_spec()
        serialized = list(records.as_numpy_iterator())
        parsed = tf.io.parse_example(tf.constant(serialized, tf.string, [len(serialized)]), spec)
        columns = {name: _as_list(tensor) for name, tensor in parsed.items()}
        if "row" not in columns:
            return columns
        order = np.argsort(columns["row"])
        return {name: [values[index] for index in order] for name, values in columns.items()}


def _as_list(tensor) -> list:
    if isinstance(tensor, tf.SparseTensor):
        tensor = tf.RaggedTensor.from_sparse(tensor)
    return tensor.to_list() if isinstance(tensor, tf.RaggedTensor) else tensor.numpy().tolist()


class Runner:
    """Runs the executor on hand-made artifacts."""

    def __init__(self, root: pathlib.Path, schema: str, splits: dict[str, list[bytes]]):
        self._root = root
        (root / "schema").mkdir(parents=True)
        (root / "schema" / "schema.pbtxt").write_text(schema)
        self.examples = self.more_examples(splits)

    def more_examples(self, splits: dict[str, list[bytes]]) -> standard_artifacts.Examples:
        """Writes another Examples artifact, as of another span."""
        uri = self._root / f"examples-{len(list(self._root.iterdir()))}"
        return example_files.examples_artifact(uri, splits)

    def run(
        self,
        source: str,
        engine: str = "in_process",
        beam_pipeline_args: tuple[str, ...] = (),
        materialize: bool = True,
        custom_config: dict | None = None,
        more_examples: tuple[standard_artifacts.Examples, ...] = (),
        **exec_properties,
    ) -> Run:
        root = self._root / f"run-{len(list(self._root.iterdir()))}"
        packaging.write_module(str(root / "module"), "generated_transform", source)
        inputs = {
            "examples": [self.examples, *more_examples],
            "schema": [example_files.artifact(standard_artifacts.Schema, self._root / "schema")],
            "module": [example_files.artifact(artifacts.ModuleFile, root / "module")],
        }
        graph = example_files.artifact(standard_artifacts.TransformGraph, root / "graph")
        transformed = [example_files.artifact(standard_artifacts.Examples, root / "transformed")]
        outputs = {"transform_graph": [graph]}
        if materialize:
            outputs["transformed_examples"] = transformed
        context = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=list(beam_pipeline_args), tmp_dir=str(root / "tmp"), unique_id="1"
        )
        properties = {
            "engine": engine,
            "disable_statistics": 1,
            "force_tf_compat_v1": 0,
            "custom_config": json_utils.dumps(custom_config),
            **exec_properties,
        }
        executor.Executor(context).Do(inputs, outputs, properties)
        return Run(graph, outputs.get("transformed_examples", transformed))


@pytest.fixture
def make_runner(tmp_path):
    """Makes a Runner for a schema (text proto) and splits of serialized examples."""

    def make(schema: str, **splits: list[bytes]) -> Runner:
        text_format.Parse(schema, schema_pb2.Schema())
        return Runner(tmp_path / "root", schema, splits)

    return make


@pytest.fixture(scope="session")
def both_engines(tmp_path_factory) -> dict[str, Run]:
    """Results of each engine on the same rows and the module with every analyzer."""
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    source = (pathlib.Path(__file__).parent / "every_analyzer.py").read_text()
    runner = Runner(
        tmp_path_factory.mktemp("engines"),
        _SCHEMA,
        # The other split has names and counts that the analyzers never see.
        {
            "train": example_files.interaction_rows(300, seed=1, names=25),
            "eval": example_files.interaction_rows(60, seed=2, names=60),
        },
    )
    return {engine: runner.run(source, engine) for engine in ("in_process", "beam")}
