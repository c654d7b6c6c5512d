"""The tuner_fn that is generated for a search space."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules, groups

from tfx_retrieval.components.config_codegen import generate_trainer_module
from tfx_retrieval.config import parse_feature_config, parse_model_config

_DROPOUT = {"layers": [{"dropout": {"rate": 0.25}}]}
_SPACE = {
    **{"learning_rate": [0.5, 1e-9], "epochs": [15, 1], "batch_size": [32, 64]},
    **{"temperature": [1, 0.5], "dropout": [0.1, 0.9], "max_trials": 4},
}


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A trainer that searches every option there is."""
    return groups.group_trainer(
        tmp_path_factory.mktemp("trainer"),
        query_tower=_DROPOUT,
        candidate_tower=_DROPOUT,
        search_space=_SPACE,
        retrieval_loss={"logq_correction": False, "remove_accidental_hits": False},
    )


@pytest.fixture
def fn_args(groups_transformed, tmp_path):
    def make(**changes):
        # As TFX's Tuner passes them.
        unset = {"serving_model_dir": None, "model_run_dir": None}
        return generated_modules.fn_args(groups_transformed, tmp_path, **{**unset, **changes})

    return make


def _source(**options):
    return generate_trainer_module(
        parse_feature_config(json.dumps(groups.FEATURES)), parse_model_config(json.dumps(options))
    )


def test_without_a_search_space_there_is_no_tuner():
    plain = _source()
    searching = _source(search_space={"epochs": [1, 2]})
    for part in ("def tuner_fn(", "SEARCH_SPACE", "class Tuner", "import random"):
        assert part not in plain
        assert part in searching


@pytest.mark.parametrize(
    "options",
    [
        {"search_space": {"epochs": [1, 2]}},
        {"search_space": {"learning_rate": [0.001234567 * n for n in range(1, 40)]}},
        {"search_space": {"temperature": [0.1]}, "retrieval_loss": {"uniform_negatives": 9}},
        {
            "search_space": _SPACE,
            "query_tower": _DROPOUT,
            "retrieval_loss": {"uniform_negatives": 9, "temperature": 0.2},
            "learning_rate_schedule": {"cosine": {}},
        },
        {
            "model_type": "ranking",
            "search_space": {"dropout": [0.1]},
            "ranking_loss": {"head": _DROPOUT["layers"]},
        },
    ],
)
def test_generated_code_is_formatted_and_clean(options, tmp_path):
    path = tmp_path / "trainer.py"
    path.write_text(_source(**options))
    for command in (["format", "--diff"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", str(path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def test_combinations_are_drawn_from_the_grid_without_repeating(module):
    space = {"a": [1, 2, 3], "b": [10, 20]}
    tuner = module.Tuner(space, None)
    tuner.max_trials = 5
    drawn = tuner.combinations()
    assert len(drawn) == 5
    assert drawn == tuner.combinations()
    tuner.max_trials = 100
    pairs = [(c["a"], c["b"]) for c in tuner.combinations()]
    assert sorted(pairs) == [(a, b) for a in (1, 2, 3) for b in (10, 20)]
    assert pairs != sorted(pairs)


def test_huge_grids_are_never_laid_out(module):
    tuner = module.Tuner({name: list(range(100)) for name in "abcde"}, None)
    assert len(tuner.combinations()) == _SPACE["max_trials"]


def test_best_trials_come_first_and_failed_ones_never(module, capsys):
    scores = {1: 0.2, 2: math.nan, 3: 0.7, 4: 0.7}
    tuner = module.Tuner({"a": [1, 2, 3, 4]}, lambda values: scores[values["a"]])
    tuner.search_space_summary()
    tuner.search()
    tuner.results_summary()
    ended = tuner.oracle.get_best_trials(tuner.oracle.max_trials)
    assert [trial.score for trial in ended] == [0.7, 0.7, 0.2]
    assert [t.status for t in tuner.trials].count("FAILED") == 1
    (best,) = tuner.get_best_hyperparameters()
    assert best is ended[0].hyperparameters
    config = json.loads(json.dumps(best.get_config()))
    assert config == {"space": [], "values": {"a": best.values["a"]}}
    assert f"best is trial {ended[0].trial_id}" in capsys.readouterr().out


def test_a_search_without_a_finite_loss_says_so(module):
    tuner = module.Tuner({"a": [1, 2]}, lambda values: math.nan)
    tuner.search()
    with pytest.raises(ValueError, match=r"no trial reached a finite loss.*lower learning rates"):
        tuner.get_best_hyperparameters()


def test_options_take_what_the_search_found(module, fn_args):
    defaults = module.training_options(fn_args())
    assert defaults == {
        **{"batch_size": 32, "epochs": 1, "learning_rate": 0.5},
        **{"temperature": 1.0, "dropout": None},
    }
    found = {"dropout": 0.0, "temperature": 0.5, "epochs": 9}
    for form in (found, {"space": [], "values": found}):
        assert module.training_options(fn_args(hyperparameters=form)) == {**defaults, **found}
    given = fn_args(custom_config={"epochs": 3, "machine": "big"}, hyperparameters={"dropout": 0.1})
    assert module.training_options(given) == {**defaults, "epochs": 3, "dropout": 0.1}


def test_unknown_hyperparameters_are_an_error(module, fn_args):
    with pytest.raises(ValueError, match=r"'temperature', 'dropout'\], but not \['units'\]"):
        module.training_options(fn_args(hyperparameters={"values": {"units": 3, "epochs": 1}}))


def test_the_temperature_divides_the_scores(module, groups_transformed):
    draw = np.random.default_rng(0)
    queries, candidates = draw.normal(size=(2, 7, 8)).astype(np.float32)
    for temperature in (1.0, 0.25):
        model = module.TwoTowerModel(groups_transformed.output, temperature, None)
        losses = model.retrieval_losses(
            tf.constant(queries), tf.constant(candidates), {"item": tf.range(7)}, False
        )
        scores = queries @ candidates.T / temperature
        expected = np.log(np.exp(scores).sum(axis=1)) - np.diag(scores)
        np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_the_dropout_rate_is_every_dropout_layers(module, groups_transformed):
    def rates(dropout):
        model = module.TwoTowerModel(groups_transformed.output, 1.0, dropout)
        layers = [x for x in model.submodules if isinstance(x, tf.keras.layers.Dropout)]
        return [layer.rate for layer in layers]

    assert rates(None) == [0.25, 0.25]
    assert rates(0.9) == [0.9, 0.9]
    assert rates(0.0) == [0.0, 0.0]


def _expected_share(model, transformed, top):
    """The share of eval rows whose item is scored higher than all but `top` others, by NumPy."""
    columns = {split: transformed.columns(split) for split in ("train", "eval")}
    ids = np.concatenate([columns["train"]["item_raw"], columns["eval"]["item_raw"]])
    index = np.concatenate([columns["train"]["item"], columns["eval"]["item"]])
    catalogue, first = np.unique(ids, return_index=True)
    candidates = model.embed_candidates({"item": tf.constant(index[first], tf.int32)}).numpy()
    queries = model.embed_queries(
        {
            "user": tf.constant(columns["eval"]["user"], tf.int32),
            "age_norm": tf.constant(columns["eval"]["age_norm"]),
        }
    ).numpy()
    scores = queries @ candidates.T
    own = scores[catalogue[None, :] == columns["eval"]["item_raw"][:, None]]
    return np.mean((scores >= own[:, None]).sum(axis=1) <= top)


def test_the_search_finds_options_that_learn(module, fn_args, groups_transformed, monkeypatch):
    # Larger than a ModelConfig allows, so that training fails.
    monkeypatch.setitem(module.SEARCH_SPACE, "learning_rate", [0.5, 1e-9, 1e30])
    trained = []
    train_model = module.train_model

    def remember(*arguments):
        trained.append(train_model(*arguments))
        return trained[-1]

    monkeypatch.setattr(module, "train_model", remember)
    custom_config = {"epochs": 15, "batch_size": 32, "temperature": 1.0, "dropout": 0.1}
    result = module.tuner_fn(fn_args(custom_config=custom_config))
    assert result.fit_kwargs == {}
    # Options that are given are not searched.
    assert result.tuner.space == {"learning_rate": [0.5, 1e-9, 1e30]}
    result.tuner.search(**result.fit_kwargs)
    scores = {trial.hyperparameters.values["learning_rate"]: trial for trial in result.tuner.trials}
    assert set(scores) == {0.5, 1e-9, 1e30}
    assert scores[1e30].status == "FAILED"
    assert scores[0.5].score > 2 * scores[1e-9].score
    assert result.tuner.get_best_hyperparameters()[0].values == {"learning_rate": 0.5}
    for trial, (model, history) in zip(result.tuner.trials, trained, strict=True):
        assert len(history["loss"]) == 15
        if trial.status == "COMPLETED":
            expected = _expected_share(model, groups_transformed, 10)
            assert trial.score == pytest.approx(expected)


def _score(module, model, transformed, eval_files=None):
    files = types.SimpleNamespace(
        train_files=transformed.files("train"), eval_files=eval_files or transformed.files("eval")
    )
    return module.share_found(model, module.read_data(files, transformed.output))


def test_a_model_that_scores_all_alike_finds_nothing(module, groups_transformed, monkeypatch):
    model = module.TwoTowerModel(groups_transformed.output, 1.0, None)
    assert 0.05 < _score(module, model, groups_transformed) < 0.3
    monkeypatch.setattr(model, "embed_candidates", lambda batch: tf.ones([len(batch["item"]), 8]))
    assert _score(module, model, groups_transformed) == 0.0


def test_an_empty_eval_split_is_an_error(module, groups_transformed, tmp_path):
    files = [str(tmp_path / "*.gz")]
    (tmp_path / "none.gz").write_bytes(b"")
    model = module.TwoTowerModel(groups_transformed.output, 1.0, None)
    with pytest.raises(ValueError, match="the eval split has no rows"):
        _score(module, model, groups_transformed, files)


def test_models_of_a_label_are_scored_by_its_loss(fn_args, tmp_path):
    module = groups.group_trainer(
        tmp_path, model_type="ranking", search_space={"learning_rate": [0.01, 1e-9]}, epochs=20
    )
    result = module.tuner_fn(fn_args())
    result.tuner.search()
    assert result.tuner.get_best_hyperparameters()[0].values == {"learning_rate": 0.01}
    scores = sorted(trial.score for trial in result.tuner.trials)
    # Half of the labels are 1, the others 0: a model that learned nothing errs by about a half.
    assert scores[0] < scores[1] < 0


def test_run_fn_trains_with_what_was_found(module, groups_transformed, tmp_path):
    found = {"space": [], "values": {"epochs": 3, "dropout": 0.5, "temperature": 0.5}}
    module.run_fn(generated_modules.fn_args(groups_transformed, tmp_path, hyperparameters=found))
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert len(history["loss"]) == 3
    assert (tmp_path / "serving" / "saved_model.pb").exists()
