"""What TPUs ask of a generated trainer, without one: XLA compiles a step, for one batch size."""

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules
from support import shop as shop_support

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
@pytest.mark.parametrize("pooling", ["attention", "gru"])
def test_xla_compiles_a_step(shop, tmp_path, pooling):
    """XLA, which TPUs need too, refuses text, and shapes that depend on values."""
    module = _module(tmp_path, pooling)
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
