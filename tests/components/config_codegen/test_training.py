"""Generated trainers run: every option trains, saves and serves what was trained."""

import math

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules, shop
from support.models import encode_example

_SMALL = {
    **{"output_embedding_dim": 4, "batch_size": 16, "epochs": 1, "learning_rate": 1e-3},
    "retrieval": {"top_k": 5},
}


def _dense(units, activation="relu", **penalties):
    return {"dense": {"units": units, "activation": activation, **penalties}}


_ACTIVATIONS = ("elu", "selu", "gelu", "swish", "tanh", "sigmoid", "leaky_relu", "linear")
_LAYERS = [
    _dense(5),
    {"dropout": {"rate": 0.1}},
    {"batch_norm": {}},
    {"layer_norm": {}},
    {"residual": {}},
    {"cross": {}},
    {"cross": {"projection_dim": 2}},
]
# Each stands for several options, so that the fewest models are trained. The history's pooling is
# an option of the FeatureConfig that the transform does not depend on.
_VARIANTS = {
    "plain": {},
    "adam": {
        "pooling": "gru",
        "optimizer": {"adam": {"amsgrad": True}},
        "learning_rate_schedule": {
            "exponential": {"decay_steps": 2, "decay_rate": 0.5},
            "warmup_steps": 2,
        },
        "clip_norm": 1.0,
        "query_tower": {"layers": [_dense(3, name) for name in _ACTIVATIONS]},
        "id_shortcut": False,
        "retrieval_loss": {"temperature": 0.5, "uniform_negatives": 4, "label_smoothing": 0.1},
    },
    "sgd": {
        "pooling": "attention",
        "optimizer": {"sgd": {"momentum": 0.5, "nesterov": True}},
        "learning_rate_schedule": {"cosine": {}},
        "candidate_tower": {"layers": _LAYERS},
        "retrieval_loss": {
            "cross_batch_negatives": 8,
            "hard_negatives": 3,
            "label_smoothing": 0.1,
            "uniform_negatives": 2,
        },
        "embedding_l2": 0.01,
        "early_stopping": {"patience": 0},
        "candidate_bias": True,
        "epochs": 2,
    },
    "ranking": {
        "model_type": "ranking",
        "optimizer": {"rmsprop": {"centered": True}},
        "embedding_optimizer": {"adamw": {}},
        "embedding_learning_rate": 0.01,
        "learning_rate_schedule": {"linear": {"decay_steps": 5}},
        "ranking_loss": {
            "kind": "binary_crossentropy",
            "head": [_dense(4, l1=0.1, l2=0.1), {"dropout": {"rate": 0.1}}],
        },
        "query_bias": True,
        "candidate_bias": True,
    },
    "multitask": {
        "model_type": "multitask",
        "optimizer": {"ftrl": {"l1": 0.01, "l2": 0.01}},
        "learning_rate_schedule": {"warmup_steps": 3},
        "ranking_loss": {"kind": "huber"},
        "retrieval_weight": 0.5,
        "retrieval_loss": {
            "l2_normalize": True,
            "logq_correction": False,
            "remove_accidental_hits": False,
            "label_smoothing": 0.2,
        },
        "output_projection": False,
        "query_tower": {"layers": [_dense(4, "linear", l1=0.1)]},
        "candidate_tower": {"layers": [_dense(4, "linear", l2=0.1)]},
        "mixed_precision": True,
    },
}


@pytest.fixture(scope="module")
def trained(request, tmp_path_factory):
    """Trains each variant once."""
    runs = {}

    def get(name):
        if name not in runs:
            options = dict(_VARIANTS[name])
            features = shop.features(options.pop("pooling", "mean"))
            directory = tmp_path_factory.mktemp(name)
            module = generated_modules.trainer(features, {**_SMALL, **options}, directory)
            runs[name] = shop.train(module, request.getfixturevalue("shop"), directory)
        return runs[name]

    return get


def _missing(kind):
    return {str: "", int: int(tf.int64.min), float: math.nan}[kind]


def _columns(rows, names):
    """Rows as one tensor a column, with what stands for a missing value; lists are padded."""
    columns = {}
    for name in names:
        kind = shop.KINDS[name]
        values = [row.get(name, _missing(kind)) for row in rows]
        if name in ("taste", "look", "tags", "earlier"):
            lists = [value if isinstance(value, list) else [] for value in values]
            width = max(map(len, lists))
            values = [value + [_missing(kind)] * (width - len(value)) for value in lists]
        dtype = {str: tf.string, int: tf.int64, float: tf.float32}[kind]
        columns[name] = tf.constant(values, dtype)
    return columns


def _probe_features(transformed):
    return {
        name: tf.constant(column)
        for name, column in transformed.columns("probes").items()
        if column.dtype != object
    }


_EXAMPLES = [encode_example(row) for row in shop.PROBES]
_QUERY = [feature["column"] for feature in shop.SHOP["query"]["features"]]
_CANDIDATE = [feature["column"] for feature in shop.SHOP["candidate"]["features"]]


@pytest.mark.parametrize("name", _VARIANTS)
def test_trains_and_exports_all_signatures(trained, name):
    run = trained(name)
    assert all(np.isfinite(run.history["loss"]))
    expected = {
        *("serving_default", "recommend_examples", "query_embedding", "embed_query_examples"),
        *("candidate_embedding", "embed_candidate_examples"),
    }
    if _VARIANTS[name].get("model_type"):
        expected |= {"predict_label", "predict_label_examples"}
    assert set(run.saved.signatures) == expected
    inputs = run.saved.signatures["serving_default"].structured_input_signature[1]
    assert sorted(inputs) == sorted(_QUERY)
    assert inputs["user"].shape.as_list() == [None]
    assert inputs["earlier"].shape.as_list() == [None, None]


@pytest.mark.parametrize("name", _VARIANTS)
def test_serving_equals_training(trained, shop_data, name):
    """Raw columns, serialised raw rows and rows transformed offline have the same embeddings."""
    run = trained(name)
    features = _probe_features(shop_data)
    for side, columns, embed in (
        ("query", _QUERY, run.model.embed_queries),
        ("candidate", _CANDIDATE, run.model.embed_candidates),
    ):
        by_columns = run.saved.signatures[f"{side}_embedding"](**_columns(shop.PROBES, columns))
        by_examples = run.saved.signatures[f"embed_{side}_examples"](tf.constant(_EXAMPLES))
        offline = embed(features).numpy()
        assert np.isfinite(offline).all()
        assert len(np.unique(offline.round(6), axis=0)) == len(shop.PROBES)
        np.testing.assert_allclose(by_columns["embedding"], offline, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(by_examples["embedding"], offline, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["ranking", "multitask"])
def test_served_label_equals_the_models(trained, shop_data, name):
    run = trained(name)
    features = _probe_features(shop_data)
    embeddings = run.model.embed_queries(features), run.model.embed_candidates(features)
    expected = run.model.predict_label(*embeddings, features)
    if name == "ranking":
        expected = tf.sigmoid(expected)
    names = dict.fromkeys([*_QUERY, *_CANDIDATE])
    served = run.saved.signatures["predict_label"](**_columns(shop.PROBES, names))
    np.testing.assert_allclose(served["prediction"], expected, rtol=1e-5, atol=1e-5)
    served = run.saved.signatures["predict_label_examples"](tf.constant(_EXAMPLES))
    np.testing.assert_allclose(served["prediction"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["plain", "sgd"])
def test_top_candidates_equal_an_exhaustive_search(trained, shop_data, name):
    run = trained(name)
    rows = [*shop_data.rows["train"], *shop_data.rows["eval"]]
    # The catalogue holds each candidate as its first row in the files describes it.
    catalogue = {row["ean"]: row for row in reversed(rows)}
    examples = tf.constant([encode_example(row) for row in catalogue.values()])
    embedded = run.saved.signatures["embed_candidate_examples"](examples)["embedding"].numpy()
    queries = run.saved.signatures["embed_query_examples"](tf.constant(_EXAMPLES))
    scores = queries["embedding"].numpy() @ embedded.T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    found = run.saved.signatures["recommend_examples"](tf.constant(_EXAMPLES))
    assert found["ids"].dtype == tf.int64
    assert found["ids"].numpy().tolist() == np.array(list(catalogue))[order].tolist()
    np.testing.assert_allclose(
        found["scores"], np.take_along_axis(scores, order, axis=1), rtol=1e-5, atol=1e-5
    )
    by_columns = run.saved.signatures["serving_default"](**_columns(shop.PROBES, _QUERY))
    np.testing.assert_array_equal(by_columns["ids"], found["ids"])


def test_empty_batch_gives_no_rows(trained):
    run = trained("plain")
    columns = {name: tensor[:0] for name, tensor in _columns(shop.PROBES, _QUERY).items()}
    assert run.saved.signatures["serving_default"](**columns)["ids"].shape == [0, 5]


@pytest.fixture(scope="module")
def shop_data(request):
    return request.getfixturevalue("shop")


def test_dense_columns_serve_like_optional_ones(dense_shop, tmp_path):
    """With a schema in which no training row lacks a value, requests still may."""
    module = generated_modules.trainer(shop.features("attention"), _SMALL, tmp_path)
    run = shop.train(module, dense_shop, tmp_path)
    examples = tf.constant(
        [encode_example(row) for row in ({}, *dense_shop.rows["eval"])], tf.string
    )
    for side, names, embed in (
        ("query", _QUERY, run.model.embed_queries),
        ("candidate", _CANDIDATE, run.model.embed_candidates),
    ):
        by_examples = run.saved.signatures[f"embed_{side}_examples"](examples)["embedding"]
        assert np.isfinite(by_examples).all()
        features = dense_shop.columns("eval")
        offline = embed({k: tf.constant(v) for k, v in features.items() if v.dtype != object})
        np.testing.assert_allclose(by_examples[1:], offline, rtol=1e-5, atol=1e-5)
        columns = _columns(dense_shop.rows["eval"], names)
        by_columns = run.saved.signatures[f"{side}_embedding"](**columns)["embedding"]
        np.testing.assert_allclose(by_columns, offline, rtol=1e-5, atol=1e-5)
