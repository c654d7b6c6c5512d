"""Runs generated modules on hand-made rows: transforms in process, trainers as TFX calls them."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import os
import pathlib
import sys
import types
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from support.example_files import write_records
from support.models import Row, encode_example
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_retrieval.components.config_codegen import (
    generate_trainer_module,
    generate_transform_module,
)
from tfx_retrieval.components.transform import in_process
from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
from tfx_retrieval.proto.model_config_pb2 import ModelConfig

_TYPES = {str: schema_pb2.BYTES, int: schema_pb2.INT, float: schema_pb2.FLOAT}


def load_source(source: str, directory: pathlib.Path, name: str) -> types.ModuleType:
    """Writes `source` to `<name>.py` and imports that file under a name of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.py"
    path.write_text(source)
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"{name}_{digest}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def schema(
    kinds: Mapping[str, type], fixed: Mapping[str, Sequence[int]] | None = None
) -> schema_pb2.Schema:
    """Returns a Schema of columns of str, int or float.

    Args:
        kinds: Type of each column.
        fixed: Shape of each column that no row lacks; the others are sparse.
    """
    result = schema_pb2.Schema()
    for name, kind in kinds.items():
        feature = result.feature.add(name=name, type=_TYPES[kind])
        if fixed is not None and name in fixed:
            feature.presence.min_fraction = 1
            feature.shape.SetInParent()
            for size in fixed[name]:
                feature.shape.dim.add(size=size)
    return result


@dataclasses.dataclass(frozen=True)
class Transformed:
    """A transform graph and the rows it made.

    Attributes:
        directory: Holds `graph` and a folder of transformed examples for each split.
        rows: The raw rows of each split.
    """

    directory: pathlib.Path
    rows: Mapping[str, Sequence[Row]]

    @property
    def output(self) -> tft.TFTransformOutput:
        return tft.TFTransformOutput(str(self.directory / "graph"))

    def files(self, split: str) -> list[str]:
        """Returns the transformed files of a split."""
        return sorted(str(path) for path in (self.directory / split).iterdir())

    def columns(self, split: str = "train") -> dict[str, np.ndarray]:
        """Returns the transformed features of a split, in the order of its rows."""
        records = list(tf.data.TFRecordDataset(self.files(split), "GZIP").as_numpy_iterator())
        parsed = tf.io.parse_example(records, self.output.transformed_feature_spec())
        return {name: tensor.numpy() for name, tensor in parsed.items()}

    def vocabulary(self, name: str) -> list[str]:
        """Returns the terms of a vocabulary in order."""
        return [term.decode() for term in self.output.vocabulary_by_name(name)]


def transform(
    config: FeatureConfig | Mapping[str, Any],
    raw_schema: schema_pb2.Schema,
    directory: pathlib.Path,
    **splits: Sequence[Row],
) -> Transformed:
    """Generates the transform of `config`, analyzes the split `train` and transforms all."""
    if not isinstance(config, FeatureConfig):
        config = parse_feature_config(json.dumps(config))
    module = load_source(generate_transform_module(config), directory / "module", "transform")
    (directory / "work").mkdir()
    engine = in_process.InProcessTransform(
        module.preprocessing_fn, raw_schema, str(directory / "work")
    )
    sources = []
    for name, rows in splits.items():
        write_records(directory / "raw" / name, [encode_example(row) for row in rows], shards=1)
        files = tuple(sorted(str(path) for path in (directory / "raw" / name).iterdir()))
        sources.append(in_process.Split(name, files, name == "train", str(directory / name)))
    engine.run(sources, str(directory / "graph"))
    return Transformed(directory, splits)


def trainer(
    features: FeatureConfig, model: ModelConfig | Mapping[str, Any], directory: pathlib.Path
) -> types.ModuleType:
    """Generates and imports the trainer of two configs."""
    if not isinstance(model, ModelConfig):
        model = parse_model_config(json.dumps(model))
    return load_source(generate_trainer_module(features, model), directory, "trainer")


def fn_args(
    transformed: Transformed, directory: pathlib.Path, **changes: Any
) -> types.SimpleNamespace:
    """Returns what TFX passes to `run_fn`, as far as generated modules read it."""
    arguments: dict[str, Any] = {
        "train_files": transformed.files("train"),
        "eval_files": transformed.files("eval"),
        "transform_graph_path": str(transformed.directory / "graph"),
        "serving_model_dir": str(directory / "serving"),
        "model_run_dir": str(directory / "run"),
        "train_steps": None,
        "eval_steps": None,
        "base_model": None,
        "hyperparameters": None,
        "custom_config": None,
    }
    return types.SimpleNamespace(**{**arguments, **changes})
