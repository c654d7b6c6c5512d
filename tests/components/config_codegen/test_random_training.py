"""Random configs transform random rows, train one step and serve what they trained."""

import random

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import generated_modules, shop
from support.feature_strategies import feature_configs
from support.model_strategies import model_configs
from support.models import encode_example

from tfx_retrieval.config import check_pair
from tfx_retrieval.config.features import raw_columns
from tfx_retrieval.errors import InputError
from tfx_retrieval.proto.feature_config_pb2 import FeatureType

_WORDS = ("red", "Blue", "grün", "two words", "a|b", "", "7", "x,y")


def _value(column, source):
    """A raw value of a column, or None for a missing one."""
    if source.random() < 0.2 and not {"query_id", "candidate_id"} & set(column.roles):
        return None
    feature = column.feature
    if column.type == FeatureType.numeric:
        return source.uniform(-5, 5)
    if column.type == FeatureType.temporal:
        return source.randrange(-(10**9), 2 * 10**9)
    if column.type == FeatureType.boolean:
        return source.randrange(2)
    if column.type == FeatureType.vector:
        return [source.uniform(-1, 1) for _ in range(feature.vector.dimension)]
    if column.type == FeatureType.history:
        return [str(source.randrange(6)) for _ in range(source.randrange(4))]
    own = feature is None or feature.column == column.name
    if column.type == FeatureType.categorical and own:
        if {"query_id", "candidate_id"} & set(column.roles):
            return str(source.randrange(6))
        is_multi_valued = feature is not None and feature.HasField("values")
        if is_multi_valued and not feature.values.HasField("separator"):
            return [source.choice(_WORDS[:4]) for _ in range(source.randrange(4))]
    return source.choice(_WORDS)


def _kind(column):
    kinds = {FeatureType.numeric: float, FeatureType.vector: float}
    whole = (FeatureType.temporal, FeatureType.boolean)
    return int if column.type in whole else kinds.get(column.type, str)


def _rename_inputs(config):
    """Signatures take columns with plain names only."""
    for side in (config.query, config.candidate):
        for feature in side.features:
            feature.column = feature.column.replace(" ", "_")
    return config


def _train_one_step(config, model, seed, directory):
    check_pair(config, model)
    source = random.Random(seed)
    # A column that only a filter or a title names is not read.
    columns = {
        name: column
        for name, column in raw_columns(config).items()
        if column.feature is not None or {"candidate_id", "label", "weight"} & set(column.roles)
    }
    rows = [{name: _value(column, source) for name, column in columns.items()} for _ in range(24)]
    kinds = {name: _kind(column) for name, column in columns.items()}
    module = generated_modules.trainer(config, model, directory)
    transformed = generated_modules.transform(
        config, generated_modules.schema(kinds), directory / "data", train=rows, eval=rows[:6]
    )
    run = shop.train(module, transformed, directory, train_steps=1)
    offline = {
        name: tf.constant(column)
        for name, column in transformed.columns("eval").items()
        if column.dtype != object
    }
    examples = tf.constant([encode_example(row) for row in rows[:6]])
    for side in ("query", "candidate"):
        served = run.saved.signatures[f"embed_{side}_examples"](examples)["embedding"]
        embed = run.model.embed_queries if side == "query" else run.model.embed_candidates
        np.testing.assert_allclose(served, embed(offline), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_random_configs_train(tmp_path):
    directories = (tmp_path / str(number) for number in range(1000))
    trained = []

    @given(
        feature_configs(odd_names=False, label=True).map(_rename_inputs),
        model_configs(),
        st.integers(0, 100),
    )
    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def train(config, model, seed):
        # Any rate is valid; with a large one every model diverges.
        model.learning_rate = min(model.learning_rate, 1e-3)
        try:
            _train_one_step(config, model, seed, next(directories))
        except InputError:
            return
        trained.append(model)

    train()
    assert len(trained) >= 3
