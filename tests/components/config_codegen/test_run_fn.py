"""What `run_fn` takes from FnArgs: options, steps, an earlier model, devices."""

import json
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules, shop

from tfx_retrieval.config import parse_feature_config

_CONFIG = {
    "query": {
        "id": "user",
        "features": [
            {"column": "user", "type": "categorical"},
            {"column": "age", "type": "numeric", "normalize": {"projection_dim": 2}},
            {"column": "mood", "type": "categorical", "hash": {"buckets": 5}},
            {
                "column": "earlier",
                "type": "history",
                "history": {"max_length": 3, "pooling": "attention"},
            },
        ],
    },
    "candidate": {
        "id": "item",
        "features": [
            {"column": "item", "type": "categorical"},
            {"column": "title", "type": "text"},
        ],
    },
    "interaction": {"timestamp": "when"},
}
_MODEL = {
    "output_embedding_dim": 4,
    "batch_size": 8,
    "epochs": 1,
    "learning_rate": 0.05,
    "query_tower": {"layers": [{"cross": {}}, {"cross": {}}, {"layer_norm": {}}]},
    "candidate_tower": {"layers": [{"dense": {"units": 3}}, {"batch_norm": {}}]},
    "candidate_bias": True,
    "retrieval_loss": {"cross_batch_negatives": 4},
    "retrieval": {"top_k": 3},
}
_KINDS = {
    **dict.fromkeys(("user", "mood", "item", "title", "earlier"), str),
    **{"age": float, "when": int},
}


def _rows(users, items):
    return [
        {
            **{"user": f"u{number % users}", "age": float(number), "mood": f"m{number % 3}"},
            **{"earlier": [f"i{number % 2}", "i1"], "when": number},
            **{"item": f"i{number % items}", "title": f"word{number % items} lamp"},
        }
        for number in range(32)
    ]


def _transform(directory, users, items):
    rows = _rows(users, items)
    return generated_modules.transform(
        _CONFIG, generated_modules.schema(_KINDS), directory, train=rows, eval=rows[:8]
    )


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    return _transform(tmp_path_factory.mktemp("first"), users=4, items=5)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    features = parse_feature_config(json.dumps(_CONFIG))
    return generated_modules.trainer(features, _MODEL, tmp_path_factory.mktemp("module"))


@pytest.fixture(scope="module")
def first(module, transformed, tmp_path_factory):
    """A model of one epoch."""
    return shop.train(module, transformed, tmp_path_factory.mktemp("run"))


def _weights(module, model):
    return {name: weight.numpy() for name, weight in module.trained_weights(model).items()}


def test_epochs_of_the_config(first):
    assert len(first.history["loss"]) == 1
    assert float(first.model.optimizer.learning_rate) == pytest.approx(0.05)


def test_custom_config_changes_the_options(module):
    arguments = {"custom_config": {"epochs": 3, "batch_size": 16, "other": 1}}
    assert _options(module, **arguments) == {"epochs": 3, "batch_size": 16, "learning_rate": 0.05}


def test_hyperparameters_of_a_tuner_come_last(module):
    tuned = {"values": {"learning_rate": 0.5}}
    custom = {"learning_rate": 0.25, "epochs": 2}
    expected = {"epochs": 2, "batch_size": 8, "learning_rate": 0.5}
    assert _options(module, custom_config=custom, hyperparameters=tuned) == expected


def _options(module, **arguments):
    given = {"custom_config": None, "hyperparameters": None, **arguments}
    return module.training_options(types.SimpleNamespace(**given))


def _extended(tmp_path):
    return _transform(tmp_path / "extended", users=7, items=8)


def _train_without_learning(module, transformed, tmp_path, first):
    """Starts from `first` and takes one step that changes nothing but moving averages."""
    model, _ = shop.fit(
        module,
        transformed,
        tmp_path,
        base_model=str(first.directory / "serving"),
        train_steps=1,
        custom_config={"learning_rate": 1e-30},
    )
    return model


def test_warm_start_keeps_the_rows_of_known_terms(module, transformed, first, tmp_path, capsys):
    extended = _extended(tmp_path)
    second = _train_without_learning(module, extended, tmp_path, first)
    assert "starts fresh" not in capsys.readouterr().out
    assert second.optimizer.iterations.numpy() == 1
    before, after = _weights(module, first.model), _weights(module, second)
    assert before.keys() == after.keys()
    # Its ids would mean something else in another vocabulary.
    assert not any("queue" in name for name in before)
    tables = {
        "user_embedding": "user",
        "item_embedding": "item",
        "title_tokens_embedding": "title_tokens",
        "candidate_bias": "item",
    }
    for name, weight in after.items():
        layer = name.split("/")[-2] if "/" in name else name
        if layer in tables:
            old_terms = transformed.vocabulary(tables[layer])
            terms = extended.vocabulary(tables[layer])
            assert len(terms) > len(old_terms)
            for row, term in enumerate(terms):
                if term in old_terms:
                    expected = before[name][old_terms.index(term)]
                    np.testing.assert_array_equal(weight[row], expected, err_msg=f"{name} {term}")
                elif layer == "candidate_bias":
                    assert weight[row] == pytest.approx(0, abs=1e-20)
                else:
                    assert not (weight[row] == before[name][: len(old_terms)]).all(axis=1).any()
            # The out-of-vocabulary row stands behind the terms.
            np.testing.assert_array_equal(weight[len(terms)], before[name][len(old_terms)])
        elif "moving" not in name:
            np.testing.assert_array_equal(weight, before[name], err_msg=name)


def test_warm_start_names_what_does_not_fit(module, transformed, first, tmp_path):
    features = parse_feature_config(json.dumps(_CONFIG))
    layers = {"candidate_tower": {"layers": [{"dense": {"units": 5}}, {"batch_norm": {}}]}}
    other = generated_modules.trainer(features, {**_MODEL, **layers}, tmp_path)
    arguments = generated_modules.fn_args(
        transformed, tmp_path, base_model=str(first.directory / "serving")
    )
    with pytest.raises(
        ValueError, match=r"dense_1/kernel:0 has shape \(32, 5\), but \(32, 3\) in .*/serving"
    ):
        other.run_fn(arguments)


def test_learning_rates_fall_when_the_loss_does_not(transformed, tmp_path):
    """No loss falls by a million, so each epoch after the first cuts both rates in half."""
    features = parse_feature_config(json.dumps(_CONFIG))
    options = {
        "embedding_optimizer": {"adam": {}},
        "embedding_learning_rate": 0.01,
        "reduce_on_plateau": {"patience": 1, "min_delta": 1e6, "min_learning_rate": 0.02},
        "epochs": 4,
    }
    module = generated_modules.trainer(features, {**_MODEL, **options}, tmp_path)
    model, history = shop.fit(module, transformed, tmp_path)
    np.testing.assert_allclose(history["lr"], [0.05, 0.05, 0.025, 0.02], rtol=1e-5)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
    assert float(model.embedding_optimizer.learning_rate) == pytest.approx(0.004)


def test_an_empty_eval_split_is_named(transformed, module, tmp_path):
    features = parse_feature_config(json.dumps(_CONFIG))
    module = generated_modules.trainer(features, {**_MODEL, "early_stopping": {}}, tmp_path)
    arguments = generated_modules.fn_args(transformed, tmp_path, eval_files=[])
    with pytest.raises(ValueError, match="no rows to measure the loss on"):
        module.run_fn(arguments)


_TWO_DEVICES = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from support import generated_modules
source, directory = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
module = generated_modules.load_source(source.read_text(), directory, "two_devices")
strategies = []
def distribution_strategy():
    strategies.append(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    return strategies[0]
module.distribution_strategy = distribution_strategy
transformed = generated_modules.Transformed(pathlib.Path(sys.argv[4]), {})
arguments = generated_modules.fn_args(transformed, directory, train_steps=2)
models = []
save = module.save
module.save = lambda model, *rest: (models.append(model), save(model, *rest))
module.run_fn(arguments)
assert strategies[0].num_replicas_in_sync == 2
table = models[0].query_tower.user_embedding.embeddings
print(json.dumps([value.numpy().tolist() for value in table.values]))
"""


@pytest.mark.slow
def test_two_devices_train_and_save_one_model(tmp_path):
    """Every option whose state or sums could differ between replicas, in one model."""
    config = {**_CONFIG, "interaction": {"timestamp": "when", "label": "stars"}}
    model = {
        **_MODEL,
        "model_type": "multitask",
        "retrieval_loss": {
            "cross_batch_negatives": 4,
            "uniform_negatives": 3,
            "hard_negatives": 2,
        },
        "embedding_optimizer": {"adam": {}},
        "learning_rate_schedule": {"cosine": {}},
        "early_stopping": {},
        "query_bias": True,
    }
    rows = [{**row, "stars": 1.0} for row in _rows(4, 5)]
    transformed = generated_modules.transform(
        config,
        generated_modules.schema({**_KINDS, "stars": float}),
        tmp_path / "data",
        train=rows,
        eval=rows[:8],
    )
    source = tmp_path / "source"
    generated_modules.trainer(parse_feature_config(json.dumps(config)), model, source)
    arguments = [pathlib.Path(__file__).parents[2], source / "trainer.py", tmp_path / "out"]
    found = subprocess.run(
        [sys.executable, "-c", _TWO_DEVICES, *map(str, arguments), str(transformed.directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    replicas = np.array(json.loads(found.stdout.splitlines()[-1]), np.float32)
    np.testing.assert_array_equal(replicas[0], replicas[1])
    saved = tf.saved_model.load(str(tmp_path / "out" / "serving"))
    weights = {weight.name: weight.numpy() for weight in saved.weights}
    np.testing.assert_array_equal(weights["query_tower/user_embedding/embeddings:0"], replicas[0])
    assert (tmp_path / "out" / "run" / "history.json").exists()
