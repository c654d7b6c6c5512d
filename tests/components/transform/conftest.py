"""Rows with everything that real columns bring, and both engines' results on them."""

import dataclasses
import logging
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts
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
_TEXTS = ("", "Ünïcode wörds", "two  words", "line\nbreak word", "word", "日本 語", "a b c d e f")


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


def example(**features) -> bytes:
    """Returns a serialized tf.train.Example; None leaves a feature out."""
    result = tf.train.Example()
    for name, value in features.items():
        if value is None:
            continue
        values = value if isinstance(value, list | tuple) else [value]
        feature = result.features.feature[name]
        if isinstance(values[0], float):
            feature.float_list.value.extend(values)
        elif isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(
                value.encode() if isinstance(value, str) else value for value in values
            )
    return result.SerializeToString()


def rows(count: int, seed: int, names: int) -> list[bytes]:
    """Returns examples with missing values, ties, unicode, empty strings and line breaks."""
    random = np.random.default_rng(seed)
    result = []
    for row in range(count):
        name = f"name {min(int(random.exponential(names / 4)), names)}"
        result.append(
            example(
                row=row,
                name=("", "line\nbreak", "ß", "\r")[row % 4] if row % 50 == 7 else name,
                kind=None if random.random() < 0.3 else "abcdef"[random.integers(6)],
                text=None if row % 11 == 3 else _TEXTS[random.integers(len(_TEXTS))],
                tags=[f"tag{tag}" for tag in random.integers(0, 9, random.integers(4))] or None,
                price=None if random.random() < 0.2 else float(np.float32(random.lognormal())),
                count=int(random.integers(-3, 12)),
                time=1_700_000_000 + int(random.integers(0, 10**7)),
                vector=[float(np.float32(value)) for value in random.normal(size=3)],
                unused="x" * 50,
            )
        )
    return result


def write_records(directory: pathlib.Path, records: list[bytes], shards: int = 2) -> None:
    """Writes gzip TFRecords in the layout of ExampleGen."""
    directory.mkdir(parents=True)
    for shard in range(shards):
        path = directory / f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz"
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for record in records[shard::shards]:
                writer.write(record)


def _artifact(artifact_type, uri: pathlib.Path):
    artifact = artifact_type()
    artifact.uri = str(uri)
    return artifact


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
        examples = _artifact(standard_artifacts.Examples, uri)
        examples.split_names = artifact_utils.encode_split_names(list(splits))
        for name, records in splits.items():
            write_records(uri / f"Split-{name}", records)
        return examples

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
            "schema": [_artifact(standard_artifacts.Schema, self._root / "schema")],
            "module": [_artifact(artifacts.ModuleFile, root / "module")],
        }
        graph = _artifact(standard_artifacts.TransformGraph, root / "graph")
        transformed = [_artifact(standard_artifacts.Examples, root / "transformed")]
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
def make_example():
    """Makes a serialized tf.train.Example from keyword arguments."""
    return example


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
        {"train": rows(300, seed=1, names=25), "eval": rows(60, seed=2, names=60)},
    )
    return {engine: runner.run(source, engine) for engine in ("in_process", "beam")}
