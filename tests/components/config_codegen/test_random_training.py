"""Random configs: traced and trained for a step, some of them from raw rows to signatures."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import generated_modules, shop, traced
from support.model_strategies import config_pairs
from support.models import encode_example
from support.random_rows import kinds, random_rows

_SETTINGS = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _train_one_step(config, model, seed, directory):
    """Transforms rows, trains, exports: rows served are embedded as rows transformed."""
    rows = random_rows(config, 24, seed)
    module = generated_modules.trainer(config, model, directory)
    schema = generated_modules.schema(kinds(config))
    transformed = generated_modules.transform(
        config, schema, directory / "data", train=rows, eval=rows[:6]
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
def test_random_configs_train_and_serve(tmp_path):
    directories = (tmp_path / str(number) for number in range(1000))

    @given(config_pairs(), st.integers(0, 100))
    @settings(_SETTINGS, max_examples=5)
    def train(pair, seed):
        config, model = pair
        # Any rate is valid; with a large one every model diverges.
        model.learning_rate = min(model.learning_rate, 1e-3)
        _train_one_step(config, model, seed, next(directories))

    train()


def _trace_and_step(count, tmp_path):
    directories = (tmp_path / str(number) for number in range(10_000))
    done = []

    @given(config_pairs(), st.integers(0, 100))
    @settings(_SETTINGS, max_examples=count)
    def check(pair, seed):
        config, model = pair
        model.learning_rate = min(model.learning_rate, 1e-3)
        directory = next(directories)
        outputs = traced.trace_transform(config, directory)
        made = traced.made_up_features(config, 6, seed)
        for name, values in made.items():
            assert outputs[name].shape.is_compatible_with(values.shape), name
            assert outputs[name].dtype.is_integer == values.dtype.is_integer, name
        traced.trace_and_step(config, model, made, directory)
        tf.keras.backend.clear_session()
        done.append(pair)

    check()
    assert len(done) >= count


def test_random_configs_trace_and_train_one_step(tmp_path):
    _trace_and_step(6, tmp_path)


@pytest.mark.slow
def test_many_random_configs_trace_and_train_one_step(tmp_path):
    _trace_and_step(200, tmp_path)
