"""Functions of generated towers against NumPy: encoders of histories, and hidden ids."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules

from tfx_retrieval.config import parse_feature_config

_LENGTH, _DIM = 5, 8
_CONFIG = {
    "query": {
        "id": "user",
        "features": [
            {"column": "user", "type": "categorical", "vocabulary": {"oov_buckets": 3}},
            {
                "column": "earlier",
                "type": "history",
                "history": {"max_length": _LENGTH, "pooling": "attention"},
            },
        ],
    },
    "candidate": {"id": "item", "features": [{"column": "item", "type": "categorical"}]},
    "interaction": {"timestamp": "when"},
}


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    return generated_modules.trainer(
        parse_feature_config(json.dumps(_CONFIG)),
        {
            "output_embedding_dim": _DIM,
            "query_tower": {"id_dropout": 0.25},
            "candidate_tower": {"id_dropout": 0.25},
        },
        tmp_path_factory.mktemp("trainer"),
    )


def _normalized(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-3)


def _dense(x, layer):
    return x @ layer.kernel.numpy() + layer.bias.numpy()


def _softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def _gelu(x):
    return np.array([v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])


def test_attention_reads_each_history_at_its_newest_entry(module):
    tf.keras.utils.set_random_seed(4)
    encoder = module.AttentionEncoder(_LENGTH, _DIM, "encoder")
    vectors = tf.random.normal([3, _LENGTH, _DIM])
    lengths = [5, 2, 0]
    mask = tf.sequence_mask(lengths, _LENGTH)
    encoder(vectors, mask)
    for weight in encoder.weights:
        if "norm" not in weight.name:
            weight.assign(tf.random.normal(weight.shape, stddev=0.5))
    found = encoder(vectors, mask).numpy()
    assert (found[2] == 0).all()
    positions = encoder.positions.embeddings.numpy()
    for row, length in enumerate(lengths[:2]):
        # Positions are counted from the newest entry.
        x = vectors[row, :length].numpy() + positions[:length][::-1]
        newest = _normalized(x[-1])
        shares = _softmax(x @ _dense(newest, encoder.query) / np.sqrt(_DIM))
        y = _normalized(newest + _dense(shares @ x, encoder.value))
        y += _dense(_gelu(_dense(y, encoder.hidden)), encoder.output_layer)
        np.testing.assert_allclose(found[row], _normalized(y), rtol=1e-4, atol=1e-5)


def test_attention_is_blind_to_padding(module):
    tf.keras.utils.set_random_seed(4)
    encoder = module.AttentionEncoder(_LENGTH, _DIM, "encoder")
    vectors = tf.random.normal([1, _LENGTH, _DIM])
    mask = tf.sequence_mask([3], _LENGTH)
    other = tf.where(mask[:, :, None], vectors, 7.0)
    np.testing.assert_allclose(encoder(vectors, mask), encoder(other, mask), atol=1e-6)
    assert np.abs(encoder(vectors, mask) - encoder(vectors, mask, training=True)).max() > 0.01


def test_the_most_frequent_candidate_is_no_padding(tmp_path):
    """Its index is 0; what pads a history is -1, which no embedding is looked up for."""
    config = json.loads(json.dumps(_CONFIG))
    config["query"]["features"][1]["history"]["pooling"] = "mean"
    module = generated_modules.trainer(parse_feature_config(json.dumps(config)), {}, tmp_path)
    embedding = tf.keras.layers.Embedding(3, 2)
    rows = tf.constant([[0, -1], [0, 2], [-1, -1], [2, 2]])
    found = module.mean_embedding(embedding, rows).numpy()
    table = embedding.embeddings.numpy()
    expected = [table[0], (table[0] + table[2]) / 2, [0, 0], table[2]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_share_of_ids_becomes_unknown_in_training_only(module):
    embedding = tf.keras.layers.Embedding(10, 2)
    ids = tf.constant(np.tile(np.arange(10), 2000), tf.int32)
    assert (module.hide_ids(ids, embedding, 0.25, 3, training=False) == ids).numpy().all()
    hidden = module.hide_ids(ids, embedding, 0.25, 3, training=True).numpy()
    known = ids.numpy() < 7
    changed = hidden != ids.numpy()
    assert changed[known].mean() == pytest.approx(0.25, abs=0.02)
    shares = np.bincount(hidden[known & changed], minlength=10) / (known & changed).sum()
    np.testing.assert_allclose(shares, [0] * 7 + [1 / 3] * 3, atol=0.03)


def test_candidates_are_hidden_about_equally_often(module, monkeypatch):
    counts = np.array([400.0, 100, 50, 40, 10])
    shares = counts / counts.sum()
    monkeypatch.setattr(module, "candidate_probabilities", lambda output: shares)
    hidden = module.hidden_shares(None, 0.1)
    np.testing.assert_allclose(hidden * counts, [12, 12, 12, 12, 5])


def test_tower_hides_its_id_by_the_rate_of_the_config(module):
    class Vocabularies:
        def vocabulary_size_by_name(self, name):
            return 7

    item_embedding = tf.keras.layers.Embedding(8, _DIM)
    tower = module.QueryTower(Vocabularies(), item_embedding)
    ids = tf.zeros([4000], tf.int32)
    features = {"user": ids, "earlier": tf.fill([4000, _LENGTH], -1)}
    plain, trained = tower(features).numpy(), tower(features, training=True).numpy()
    assert np.abs(plain - plain[0]).max() < 1e-6
    hidden = np.abs(trained - plain).max(axis=1) > 1e-6
    assert hidden.mean() == pytest.approx(0.25, abs=0.03)
