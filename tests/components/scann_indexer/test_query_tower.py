"""The query tower taken out of a model."""

import numpy as np
import pytest
import tensorflow as tf
from support import models

from tfx_retrieval.components.scann_indexer.query_tower import QueryTower
from tfx_retrieval.errors import InputError


def test_inputs_are_the_raw_query_columns(tmp_path):
    path = models.save_tiny_two_tower(
        str(tmp_path),
        {7: [1.0, 2.0]},
        {8: [3.0, 4.0]},
        context_column="price",
        context_vector=[10.0, 100.0],
    )

    tower = QueryTower(tf.saved_model.load(path), path)

    assert {name: spec.dtype for name, spec in tower.inputs.items()} == {
        "user_id": tf.int64,
        "price": tf.float32,
    }
    columns = {"user_id": tf.constant([7, 9], tf.int64), "price": tf.constant([0.5, 1.0])}
    rows = [{"user_id": 7, "price": 0.5}, {"user_id": 9, "price": 1.0}]
    examples = tf.constant([models.encode_example(row) for row in rows])
    expected = [[6, 52], [10, 100]]
    np.testing.assert_array_equal(tower.embed_columns(columns), expected)
    np.testing.assert_array_equal(tower.embed_examples(examples), expected)


def test_a_model_without_query_signatures(tmp_path):
    path = models.save_tiny_two_tower(
        str(tmp_path), {"u": [1.0]}, {"i": [1.0]}, leave_out=["query_embedding"]
    )

    with pytest.raises(
        InputError, match="signature named 'query_embedding', but got the signatures"
    ):
        QueryTower(tf.saved_model.load(path), path)


def test_resources_that_are_no_part_of_the_model(model_path, monkeypatch):
    model = tf.saved_model.load(model_path)
    monkeypatch.setattr(tf.train.TrackableView, "descendants", lambda view: [])

    with pytest.raises(RuntimeError, match="read 2 resources, but only 0 of them"):
        QueryTower(model, model_path)
