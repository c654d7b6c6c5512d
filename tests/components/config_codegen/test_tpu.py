"""What TPUs ask of a generated trainer, without one: XLA compiles a step, for one batch size."""

import json

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules
from support import shop as shop_support
from support.models import encode_example

from tfx_retrieval.config import parse_feature_config
from tfx_retrieval.errors import InputError

_DENSE = {"dense": {"units": 4, "l2": 0.01}}
_DROPOUT = {"dropout": {"rate": 0.1}}
_LAYERS = [_DENSE, {"batch_norm": {}}, {"layer_norm": {}}, {"cross": {}}, _DROPOUT]
_MODEL = {
    "model_type": "multitask",
    "output_embedding_dim": 4,
    "batch_size": 16,
    "query_tower": {"layers": _LAYERS, "id_dropout": 0.1},
    "candidate_tower": {"layers": [_DENSE], "id_dropout": 0.1},
    "query_bias": True,
    "candidate_bias": True,
    "embedding_optimizer": {"adagrad": {}},
    "ranking_loss": {"kind": "binary_crossentropy", "head": [_DENSE]},
    "retrieval_loss": {
        "hard_negatives": 5,
        "uniform_negatives": 4,
        "cross_batch_negatives": 6,
        "label_smoothing": 0.1,
    },
}


def _module(directory, pooling="mean"):
    return generated_modules.trainer(shop_support.features(pooling), _MODEL, directory)


@pytest.mark.slow
def test_xla_compiles_a_step(shop, tmp_path):
    """XLA, which TPUs need too, refuses text, and shapes that depend on values."""
    module = _module(tmp_path, "attention")
    arguments = generated_modules.fn_args(shop, tmp_path)
    data = module.read_data(arguments, shop.output)
    batches = module.input_fn(data.train, data.train_rows, 16, shuffle=True, whole=True)
    model = module.new_model(shop.output, data)
    model.compile(module.optimizer(0.1))
    model.embedding_optimizer = module.embedding_optimizer(0.1)
    step = tf.function(model.train_step, autograph=False, jit_compile=True).get_concrete_function(
        batches.element_spec
    )
    before = [weight.numpy() for weight in model.trainable_variables]
    for batch in batches:
        losses = step(batch)
    assert np.isfinite(losses["loss"])
    assert all(
        np.isfinite(weight).all() and (old != weight.numpy()).any()
        for old, weight in zip(before, model.trainable_variables, strict=True)
        if old.size > 1
    )


_TABLES = {
    "output_embedding_dim": 4,
    "batch_size": 16,
    "epochs": 2,
    "embedding_optimizer": {"adagrad": {}},
    "model_type": "multitask",
    "candidate_bias": True,
    "distribution": {"tpu_embedding": {}},
    "retrieval": {"top_k": 5},
}


def test_a_tpu_needs_a_table_to_spread(tmp_path):
    features = {
        side: {"id": side, "features": [{"column": f"{side}_age", "type": "numeric"}]}
        for side in ("query", "candidate")
    }
    config = parse_feature_config(json.dumps(features))
    with pytest.raises(InputError, match="a table that is read one index a row"):
        generated_modules.trainer(config, {"distribution": {"tpu_embedding": {}}}, tmp_path)


@pytest.mark.slow
def test_tables_of_a_tpu_train_and_serve_without_one(shop, tmp_path):
    module = generated_modules.trainer(shop_support.features(), _TABLES, tmp_path)
    # A list or a history reads the others.
    assert module.TABLE_FEATURES == {
        "query": ["user", "city", "when_bucket", "city_x_age_x_member_cross"],
        "candidate": ["origin", "shelf", "code", "price_bucket"],
    }
    run = shop_support.train(module, shop, tmp_path)
    assert run.history["loss"][-1] < run.history["loss"][0]
    step = tf.function(run.model.train_step, autograph=False, jit_compile=True)
    batch = {name: tf.constant(shop.columns()[name][:16]) for name in module.TRAINING_FEATURES}
    assert np.isfinite(step(batch)["loss"])
    examples = tf.constant([encode_example(row) for row in shop_support.PROBES])
    served = run.saved.signatures["embed_query_examples"](examples)["embedding"]
    assert np.isfinite(served).all()
    arguments = generated_modules.fn_args(shop, tmp_path, base_model=str(tmp_path / "serving"))
    fresh = module.new_model(
        module.training_options(arguments), shop.output, module.read_data(arguments, shop.output)
    )
    module.warm_start(fresh, arguments.base_model, shop.output)
    earlier = {weight.name: weight.numpy() for weight in run.saved.weights}
    for name, weight in module.trained_weights(fresh).items():
        np.testing.assert_array_equal(weight, earlier[name], err_msg=name)


@pytest.mark.slow
def test_what_is_done_on_a_tpu_alone(shop, tmp_path, monkeypatch):
    """Batches stay on the host, and a checkpoint brings the weights back; the cores are a CPU."""
    monkeypatch.setattr(tf.distribute, "TPUStrategy", tf.distribute.MirroredStrategy)
    module = generated_modules.trainer(shop_support.features(), _TABLES, tmp_path)
    cores = tf.distribute.MirroredStrategy(["CPU:0"])
    monkeypatch.setattr(module, "distribution_strategy", lambda: cores)
    model, history = shop_support.fit(module, shop, tmp_path)
    assert len(history["val_loss"]) == 2
    assert history["loss"][-1] < history["loss"][0]
    for weight in module.trained_weights(model).values():
        assert np.isfinite(weight).all()


def test_whole_batches_have_one_shape(tmp_path):
    module = _module(tmp_path)
    columns = {name: tf.range(10) for name in module.TRAINING_FEATURES}
    chunks = tf.data.Dataset.from_tensors(columns)
    whole = module.input_fn(chunks, 10, 4, shuffle=False, whole=True)
    assert len(whole) == len(list(whole)) == 2
    assert {spec.shape[0] for spec in whole.element_spec.values()} == {4}
    rest = module.input_fn(chunks, 10, 4, shuffle=False)
    assert [len(batch[module.CANDIDATE_ID]) for batch in rest] == [4, 4, 2]
    with pytest.raises(ValueError, match="10 rows fill no batch of 16, and TPUs need whole"):
        module.input_fn(chunks, 10, 16, shuffle=False, whole=True)


def test_the_cores_of_a_tpu_share_batches_equally(tmp_path, monkeypatch):
    class EightCores:
        num_replicas_in_sync = 8

    module = _module(tmp_path)
    monkeypatch.setattr(tf.distribute, "TPUStrategy", EightCores)
    options = {"batch_size": 20, "learning_rate": 0.1, "epochs": 1}
    with pytest.raises(ValueError, match="batch_size is 20: make it a multiple of the TPU's 8"):
        module.train_model(None, options, None, EightCores(), None)
