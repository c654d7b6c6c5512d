"""The generated files of the demo run in TFX's own Transform and Trainer, without this package."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from support import generated_modules
from support.example_files import artifact
from support.models import write_examples
from tfx.components.trainer import executor as trainer_executor
from tfx.components.transform import executor as transform_executor
from tfx.dsl.components.base import base_beam_executor, base_executor
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from tfx_retrieval import demo
from tfx_retrieval.components.config_codegen import (
    generate_trainer_module,
    generate_transform_module,
)
from tfx_retrieval.config import read_feature_config, read_model_config

_DEMO = pathlib.Path(demo.__file__).parent
_KINDS = {
    **dict.fromkeys(("CustomerID", "Country", "StockCode", "Description"), str),
    **{"InvoiceDate": int, "UnitPrice": float},
}


def _rows(count):
    return [
        {
            "CustomerID": f"{12_000 + number % 17}",
            "Country": "United Kingdom" if number % 3 else None,
            "StockCode": f"{20_000 + number % 23}A",
            "Description": f"LAMP, {number % 23} LIGHTS" if number % 7 else None,
            "InvoiceDate": 1_290_000_000 + 5_000 * number,
            "UnitPrice": 0.5 * (number % 23) if number % 11 else None,
        }
        for number in range(count)
    ]


def _columns(directory, graph):
    files = sorted(str(path) for path in pathlib.Path(directory).iterdir())
    records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    parsed = tf.io.parse_example(records, tft.TFTransformOutput(graph).transformed_feature_spec())
    # Beam keeps no order of the rows; the times tell them apart.
    order = np.argsort(parsed["InvoiceDate_norm"].numpy(), kind="stable")
    return {name: tensor.numpy()[order] for name, tensor in parsed.items()}


@pytest.mark.slow
def test_demo_modules_run_in_stock_components(tmp_path):
    features = read_feature_config(_DEMO / "features.json")
    model = read_model_config(_DEMO / "model.json")
    model.epochs = 1
    for name, source in (
        ("transform", generate_transform_module(features)),
        ("trainer", generate_trainer_module(features, model)),
    ):
        (tmp_path / f"{name}_code").mkdir()
        (tmp_path / f"{name}_code" / f"{name}_module.py").write_text(source)
    rows = {"train": _rows(300), "eval": _rows(60)}
    examples = write_examples(str(tmp_path / "examples"), rows)
    schema = generated_modules.schema(_KINDS, {"CustomerID": [], "StockCode": []})
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    graph = artifact(standard_artifacts.TransformGraph, tmp_path / "graph")
    transformed = artifact(standard_artifacts.Examples, tmp_path / "transformed")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=["--direct_running_mode=in_memory"],
        tmp_dir=str(tmp_path / "tmp"),
        unique_id="1",
    )
    transform_executor.Executor(context).Do(
        {
            "examples": [examples],
            "schema": [artifact(standard_artifacts.Schema, tmp_path / "schema")],
        },
        {"transform_graph": [graph], "transformed_examples": [transformed]},
        {
            "module_file": str(tmp_path / "transform_code" / "transform_module.py"),
            "custom_config": json_utils.dumps(None),
            "disable_statistics": 1,
            "force_tf_compat_v1": 0,
        },
    )

    # The in-process engine of this package makes the same of these rows.
    generated_modules.transform(features, schema, tmp_path / "ours", **rows)
    beam = _columns(tmp_path / "transformed" / "Split-train", graph.uri)
    columns = _columns(tmp_path / "ours" / "train", str(tmp_path / "ours" / "graph"))
    assert beam.keys() == columns.keys()
    for name, values in columns.items():
        if values.dtype == np.float32:
            np.testing.assert_allclose(beam[name], values, atol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(beam[name], values, err_msg=name)

    transformed.split_names = json.dumps(["train", "eval"])
    trained = artifact(standard_artifacts.Model, tmp_path / "model")
    trainer_executor.GenericExecutor(
        base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="2")
    ).Do(
        {"examples": [transformed], "transform_graph": [graph]},
        {
            "model": [trained],
            "model_run": [artifact(standard_artifacts.ModelRun, tmp_path / "run")],
        },
        {
            "module_file": str(tmp_path / "trainer_code" / "trainer_module.py"),
            "train_args": "{}",
            "eval_args": "{}",
            "custom_config": json_utils.dumps({"batch_size": 64}),
        },
    )
    saved = tf.saved_model.load(str(tmp_path / "model" / "Format-Serving"))
    found = saved.signatures["serving_default"](
        CustomerID=tf.constant(["12001", "new"]),
        Country=tf.constant(["France", ""]),
        InvoiceDate=tf.constant([1_290_000_000, tf.int64.min], tf.int64),
    )
    assert found["ids"].shape == [2, 23]
    assert set(found["ids"][0].numpy()) == {f"{20_000 + n}A".encode() for n in range(23)}
    assert np.isfinite(found["scores"]).all()
