"""The executor on hand-made artifacts: what it writes, which engine runs, what it refuses."""

import json
import logging
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from support.example_files import example
from tfx.components.transform import executor as tfx_executor
from tfx.proto import transform_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from tfx_retrieval import errors
from tfx_retrieval.components.transform import records

_SCHEMA = """
feature { name: "id" type: BYTES presence { min_fraction: 1 } shape {} }
feature { name: "price" type: FLOAT }
"""
_MODULE = """
import tensorflow as tf
import tensorflow_transform as tft


def preprocessing_fn(inputs):
    price = inputs["price"]
    price = tf.SparseTensor(price.indices, price.values, [price.dense_shape[0], 1])
    price = tf.reshape(tf.sparse.to_dense(price, float("nan")), [-1])
    index = tft.compute_and_apply_vocabulary(inputs["id"], num_oov_buckets=1, vocab_filename="id")
    z = tft.scale_to_z_score(price)
    return {
        "id": index,
        "id_raw": inputs["id"],
        "price_norm": tf.where(tf.math.is_nan(z), 0.0, z),
        "price_bucket": tft.bucketize(price, 2),
        "pair": tf.stack([index, index + 1], axis=1),
    }
"""
_WEIGHTED = _MODULE.replace(
    'num_oov_buckets=1, vocab_filename="id"',
    'weights=tf.ones_like(inputs["id"], tf.float32)',
)


def _sample():
    train = [
        example(id=name, price=price)
        for name, price in (("b", 1.0), ("a", 3.0), ("b", 5.0), ("c", 7.0), ("", None))
    ]
    return {"train": train, "eval": [example(id="new", price=4.0)]}


@pytest.fixture
def runner(make_runner):
    return make_runner(_SCHEMA, **_sample())


def test_small_values_by_hand(runner):
    run = runner.run(_MODULE)
    # Most frequent first, then by name, descending; the empty id is in no vocabulary.
    assert run.output.vocabulary_by_name("id") == [b"b", b"c", b"a"]
    train, other = run.rows("train"), run.rows("eval")
    order = sorted(range(5), key=lambda row: train["price_norm"][row])
    # Prices 1, 3, 5, 7 have mean 4 and variance 5; a missing one is ignored.
    deviation = 5**0.5
    np.testing.assert_allclose(
        [train["price_norm"][row] for row in order],
        [-3 / deviation, -1 / deviation, 0, 1 / deviation, 3 / deviation],
        rtol=1e-6,
    )
    assert [train["id"][row] for row in order] == [0, 2, 3, 0, 1]
    assert [train["id_raw"][row] for row in order] == [b"b", b"a", b"", b"b", b"c"]
    assert [train["pair"][row] for row in order] == [[0, 1], [2, 3], [3, 4], [0, 1], [1, 2]]
    assert other == {
        "id": [3],
        "id_raw": [b"new"],
        "price_norm": [0.0],
        "price_bucket": [0],
        "pair": [[3, 4]],
    }


def test_artifacts_have_the_layout_of_tfx(runner):
    run = runner.run(_MODULE)
    graph = pathlib.Path(run.graph.uri)
    assert {path.name for path in graph.iterdir()} == {
        "transform_fn",
        "transformed_metadata",
        "metadata",
    }
    assert artifact_utils.decode_split_names(run.transformed.split_names) == ["train", "eval"]
    files = pathlib.Path(run.transformed.uri, "Split-eval").iterdir()
    assert [file.name for file in files] == ["transformed_examples-00000-of-00001.gz"]
    assert run.graph.get_string_custom_property("engine") == "in_process"
    assert run.output.raw_feature_spec().keys() == {"id", "price"}


def test_module_artifact_stays_as_it_is(runner):
    run = runner.run(_MODULE)
    files = pathlib.Path(run.graph.uri).parent.joinpath("module").iterdir()
    assert sorted(file.suffix for file in files) == [".py", ".whl"]


def test_graph_serves_raw_rows(runner):
    run = runner.run(_MODULE)
    layer = run.output.transform_features_layer()
    price = tf.SparseTensor([[0, 0]], tf.constant([4.0]), [2, 1])
    outputs = layer({"id": tf.constant(["b", "?"]), "price": price})
    assert outputs["id"].numpy().tolist() == [0, 3]
    assert outputs["price_norm"].numpy().tolist() == [0.0, 0.0]


def test_splits_config_chooses_the_splits(runner):
    config = transform_pb2.SplitsConfig(analyze=["eval"], transform=["train"])
    run = runner.run(_MODULE, splits_config=proto_utils.proto_to_json(config))
    assert run.output.vocabulary_by_name("id") == [b"new"]
    assert artifact_utils.decode_split_names(run.transformed.split_names) == ["train"]
    assert run.rows("train")["id"] == [1] * 5
    assert not pathlib.Path(run.transformed.uri, "Split-eval").exists()


def test_without_materialization_only_the_graph_is_written(runner):
    run = runner.run(_MODULE, materialize=False)
    assert run.output.vocabulary_size_by_name("id") == 3
    assert not pathlib.Path(run.transformed.uri).exists()


def test_custom_config_reaches_the_module(runner):
    source = """
def preprocessing_fn(inputs, custom_config):
    return {custom_config["name"]: inputs["id"]}
"""
    run = runner.run(source, custom_config={"name": "renamed"})
    assert run.rows("eval") == {"renamed": [b"new"]}


def test_several_examples_are_analyzed_together_and_written_apart(runner):
    later = runner.more_examples(
        {"train": [example(id="d"), example(id="d"), example(id="d")], "eval": []}
    )
    run = runner.run(_MODULE, more_examples=[later])
    assert run.output.vocabulary_by_name("id") == [b"d", b"b", b"c", b"a"]
    first, second = run.all_transformed
    assert first.uri != second.uri
    assert sorted(run.rows("train", second)["id"]) == [0, 0, 0]
    assert len(run.rows("train", first)["id"]) == 5
    assert run.rows("eval", second)["id"] == []


def test_small_batches_give_the_same(runner, monkeypatch):
    expected = runner.run(_MODULE).rows("train")
    monkeypatch.setattr(records, "_BATCH_ROWS", 2)
    actual = runner.run(_MODULE).rows("train")
    assert sorted(map(str, zip(*actual.values(), strict=True))) == sorted(
        map(str, zip(*expected.values(), strict=True))
    )


def test_auto_falls_back_to_beam_and_says_why(runner, caplog, monkeypatch):
    received = {}
    monkeypatch.setattr(
        tfx_executor.Executor, "Do", lambda self, *arguments: received.update(arguments[2])
    )
    with caplog.at_level(logging.INFO, "tfx_retrieval.transform"):
        run = runner.run(_WEIGHTED, "auto")
    reason = run.graph.get_string_custom_property("engine_reason")
    assert run.graph.get_string_custom_property("engine") == "beam"
    assert "a vocabulary ordered by weights or labels" in reason
    assert f"engine beam: {reason}" in caplog.messages
    assert re.fullmatch(
        r"generated_transform@.*/generated_transform-0\.0\+[0-9a-f]{16}-py3-none-any\.whl",
        received["module_path"],
    )
    assert json.loads(received["splits_config"]) == {
        "analyze": ["train"],
        "transform": ["train", "eval"],
    }


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (_WEIGHTED, "a vocabulary ordered by weights or labels"),
        (
            _MODULE.replace(
                "tft.scale_to_z_score(price)", 'tft.scale_to_z_score_per_key(price, inputs["id"])'
            ),
            "CacheableCombinePerKeyAccumulate",
        ),
        (
            _MODULE.replace('vocab_filename="id"', 'vocab_filename="id", fingerprint_shuffle=True'),
            "shuffled",
        ),
        (
            _MODULE.replace('vocab_filename="id"', 'file_format="tfrecord_gzip"'),
            "not written as text",
        ),
        (
            _MODULE.replace(
                '"pair":',
                '"covariance": tft.covariance('
                'tf.expand_dims(price, 1), tf.float32)[0] * price, "pair":',
            ),
            "CovarianceCombiner",
        ),
        (
            "import tensorflow as tf\n\n\ndef preprocessing_fn(inputs):\n"
            '    return {"one": tf.ones([1])}\n',
            "the module uses no column",
        ),
    ],
)
def test_in_process_refuses_what_it_is_not_proven_for(runner, source, message):
    with pytest.raises(errors.InputError, match=message):
        runner.run(source, "in_process")


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"disable_statistics": 0}, "statistics are asked for"),
        ({"force_tf_compat_v1": 1}, "TensorFlow 1 behaviour is asked for"),
    ],
)
def test_in_process_refuses_options_of_beam(runner, properties, message):
    with pytest.raises(errors.InputError, match=message):
        runner.run(_MODULE, "in_process", **properties)


def test_in_process_refuses_untested_versions(runner, monkeypatch):
    monkeypatch.setattr(tft, "__version__", "1.99.0")
    with pytest.raises(errors.InputError, match=r"1\.99\.0 is installed, .* tested with 1\.16"):
        runner.run(_MODULE, "in_process")


def test_in_process_refuses_tensors_that_a_schema_describes_itself(make_runner):
    schema = (
        _SCHEMA
        + """
    tensor_representation_group { key: "" value { tensor_representation {
        key: "renamed" value { dense_tensor { column_name: "id" shape {} } } } } }
    """
    )
    runner = make_runner(schema, **_sample())
    with pytest.raises(errors.InputError, match="the schema describes tensors of its own"):
        runner.run(_MODULE, "in_process")


def test_in_process_refuses_other_payloads(runner):
    runner.examples.set_string_custom_property("payload_format", "FORMAT_TF_SEQUENCE_EXAMPLE")
    with pytest.raises(errors.InputError, match=r"not tf\.train\.Examples"):
        runner.run(_MODULE, "in_process")


@pytest.mark.parametrize("engine", ["in_process", "beam"])
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n", "generated_transform.*AttributeError.*preprocessing_fn"),
        ("def preprocessing_fn(inputs):\n", "generated_transform.*IndentationError"),
        ("raise KeyError('at import')\n", "generated_transform.*KeyError: 'at import'"),
    ],
)
def test_module_that_cannot_be_loaded_is_named(runner, source, message, engine):
    with pytest.raises(errors.InputError, match=f"(?s){message}"):
        runner.run(source, engine)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('return inputs["absent"]', r"KeyError: 'absent'.*columns id, price"),
        ("return {}", "expected a dict with at least one tensor"),
        ("return inputs['id']", "expected a dict with at least one tensor"),
        ("raise RuntimeError('broken')", "RuntimeError: broken"),
    ],
)
def test_preprocessing_fn_that_fails_is_named(runner, body, message):
    with pytest.raises(errors.InputError, match=f"(?s)of generated_transform .*{message}"):
        runner.run(f"def preprocessing_fn(inputs):\n    {body}\n")


def test_preprocessing_fn_that_fails_under_beam_is_named(runner):
    source = "def preprocessing_fn(inputs):\n    raise RuntimeError('broken')\n"
    with pytest.raises(RuntimeError, match=r"module generated_transform .*broken"):
        runner.run(source, "beam")


def test_two_vocabularies_of_one_file_are_refused(runner):
    source = _MODULE.replace(
        "    z = ", '    tft.vocabulary(inputs["id"], top_k=1, vocab_filename="id")\n    z = '
    )
    with pytest.raises(errors.InputError, match="two vocabularies are written to the file 'id'"):
        runner.run(source, "auto")


def test_rows_that_fail_name_the_module_and_the_data(make_runner):
    runner = make_runner(_SCHEMA, train=[example(price=1.0)])
    with pytest.raises(RuntimeError, match=r"(?s)generated_transform .*root/examples.*id"):
        runner.run(_MODULE)


def test_split_without_files_is_named(runner):
    for file in pathlib.Path(runner.examples.uri, "Split-eval").iterdir():
        file.unlink()
    with pytest.raises(errors.InputError, match=r"(?s)Split-eval.*gzip TFRecord files.*no files"):
        runner.run(_MODULE)


def test_unknown_split_is_named(runner):
    config = transform_pb2.SplitsConfig(analyze=["train", "first"], transform=["second"])
    with pytest.raises(errors.InputError, match=r"(?s)'first'.*'second'"):
        runner.run(_MODULE, splits_config=proto_utils.proto_to_json(config))


def test_empty_split_gives_one_empty_file(make_runner):
    runner = make_runner(_SCHEMA, train=_sample()["train"], eval=[])
    run = runner.run(_MODULE)
    assert run.rows("eval")["id"] == []


def test_train_split_is_needed_by_default(make_runner):
    runner = make_runner(_SCHEMA, other=[example(id="a")])
    with pytest.raises(errors.InputError, match=r"(?s)'train'.*'other'"):
        runner.run(_MODULE)


@pytest.mark.slow
def test_wheel_travels_to_other_processes(runner):
    """The module is in no path of the workers: only the wheel can bring it."""
    run = runner.run(
        _MODULE,
        "auto",
        beam_pipeline_args=("--direct_running_mode=multi_processing", "--direct_num_workers=2"),
    )
    assert run.graph.get_string_custom_property("engine") == "beam"
    assert "multi_processing" in run.graph.get_string_custom_property("engine_reason")
    assert run.output.vocabulary_by_name("id") == [b"b", b"c", b"a"]
    assert sorted(run.rows("train")["id"]) == [0, 0, 1, 2, 3]
