"""Mixed precision: bfloat16 in the towers' layers, float32 in what is learned and served."""

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules, shop
from support.models import encode_example

_DENSE = {"dense": {"units": 4}}
_LAYERS = [_DENSE, {"batch_norm": {}}, {"layer_norm": {}}, {"residual": {}}, {"cross": {}}]
_MODEL = {
    "mixed_precision": True,
    "model_type": "multitask",
    "output_embedding_dim": 4,
    "batch_size": 16,
    "epochs": 1,
    "learning_rate": 1e-3,
    "query_tower": {"layers": [*_LAYERS, {"dropout": {"rate": 0.1}}]},
    "candidate_tower": {"layers": _LAYERS},
    "query_bias": True,
    "candidate_bias": True,
    "retrieval_loss": {"uniform_negatives": 3, "cross_batch_negatives": 4},
    "retrieval": {"top_k": 5},
}


@pytest.mark.parametrize(
    ("pooling", "ranking_loss"),
    [("attention", {"kind": "binary_crossentropy", "head": [_DENSE]}), ("gru", {})],
)
def test_trains_in_bfloat16_and_serves_float32(
    request, tmp_path, monkeypatch, pooling, ranking_loss
):
    shop_data = request.getfixturevalue("shop")
    options = {**_MODEL, "ranking_loss": ranking_loss}
    module = generated_modules.trainer(shop.features(pooling), options, tmp_path)
    devices = tf.config.list_physical_devices
    # The arithmetic of a GPU, on the CPU.
    monkeypatch.setattr(
        tf.config,
        "list_physical_devices",
        lambda kind=None: devices("CPU")[:1] if kind == "GPU" else devices(kind),
    )
    run = shop.train(module, shop_data, tmp_path)
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    assert run.model.query_tower.dense_1.compute_dtype == "bfloat16"
    weights = module.trained_weights(run.model).values()
    assert {weight.dtype for weight in weights} == {tf.float32}
    assert all(np.isfinite(run.history["loss"]))
    examples = tf.constant([encode_example(row) for row in shop.PROBES])
    found = run.saved.signatures["recommend_examples"](examples)
    assert found["scores"].dtype == tf.float32
    labels = run.saved.signatures["predict_label_examples"](examples)
    assert labels["prediction"].dtype == tf.float32
    offline = {
        name: tf.constant(column)
        for name, column in shop_data.columns("probes").items()
        if column.dtype != object
    }
    served = run.saved.signatures["embed_query_examples"](examples)["embedding"]
    # Three significant digits are what bfloat16 has.
    expected = run.model.embed_queries(offline)
    np.testing.assert_allclose(served, expected, rtol=2e-2, atol=2e-2)
