"""Losses and schedules of generated trainers against NumPy, on fixed tensors."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules

from tfx_retrieval.config import parse_feature_config

_CONFIG = {
    "query": {"id": "user", "features": [{"column": "user", "type": "categorical"}]},
    "candidate": {"id": "item", "features": [{"column": "item", "type": "categorical"}]},
    "interaction": {"label": "liked", "weight": "worth"},
}
_KINDS = {"user": str, "item": str, "liked": float, "worth": float}
# Counts of the items a to e: 8, 4, 2, 1, 1. Their indices are 0 to 4, and 5 is out of vocabulary.
_ITEMS = "aaaaaaaabbbbccde"
_DIM = 3
_GENERATOR = np.random.default_rng(3)
_QUERIES = _GENERATOR.normal(size=(6, _DIM)).astype(np.float32)
_CANDIDATES = _GENERATOR.normal(size=(6, _DIM)).astype(np.float32)
_TABLE = _GENERATOR.normal(size=(6, _DIM)).astype(np.float32)
# The item a stands in three rows.
_IDS = np.array([0, 1, 0, 2, 4, 0])


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    rows = [
        {"user": f"u{number}", "item": item, "liked": 1.0, "worth": 1.0}
        for number, item in enumerate(_ITEMS)
    ]
    return generated_modules.transform(
        _CONFIG,
        generated_modules.schema(_KINDS),
        tmp_path_factory.mktemp("losses"),
        train=rows,
        eval=rows[:2],
    )


@pytest.fixture
def make(transformed, tmp_path):
    """Makes the model of a ModelConfig; its towers return fixed embeddings."""

    def make_model(features=_CONFIG, **options):
        module = generated_modules.trainer(
            parse_feature_config(json.dumps(features)),
            {"output_embedding_dim": _DIM, "batch_size": 16, **options},
            tmp_path,
        )
        arguments = [transformed.output]
        if options.get("retrieval_loss", {}).get("uniform_negatives"):
            arguments.append({"item": np.array([1, 3], np.int32)})
        model = module.TwoTowerModel(*arguments)
        model.embed_queries = lambda features, training=False: tf.constant(_QUERIES)

        def embed_candidates(features, training=False):
            if "user" in features:
                return tf.constant(_CANDIDATES)
            return tf.gather(_TABLE, features["item"])

        model.embed_candidates = embed_candidates
        return model

    return make_model


def _retrieval_losses(model, training=False, ids=_IDS):
    return model.retrieval_losses(
        tf.constant(_QUERIES),
        tf.constant(_CANDIDATES),
        {"item": tf.constant(ids, tf.int32)},
        training,
    ).numpy()


def _probabilities():
    counts = np.array([8, 4, 2, 1, 1, 0.5])
    return counts / counts.sum()


def _softmax_losses(
    candidates=_CANDIDATES,
    ids=_IDS,
    temperature=1.0,
    shares=None,
    remove_hits=True,
    hard=None,
    smoothing=0.0,
):
    """The loss of each row, by loops. Columns behind the rows' own are further negatives."""
    scores = _QUERIES @ candidates.T / temperature
    if shares is not None:
        scores = scores - np.log(shares)
    losses = []
    for row, row_scores in enumerate(scores):
        others = [
            score
            for column, score in enumerate(row_scores)
            if column != row and ids[column] >= 0 and not (remove_hits and ids[column] == ids[row])
        ]
        if hard is not None:
            others = sorted(others, reverse=True)[:hard]
        logits = np.array([row_scores[row], *others])
        log_shares = logits - np.log(np.exp(logits).sum())
        losses.append(-(1 - smoothing) * log_shares[0] - smoothing * log_shares.mean())
    return losses


_PLAIN = {"logq_correction": False, "remove_accidental_hits": False}


def test_in_batch_softmax(make):
    losses = _retrieval_losses(make(retrieval_loss=_PLAIN))
    np.testing.assert_allclose(losses, _softmax_losses(remove_hits=False), rtol=1e-5)


def test_temperature_divides_the_scores(make):
    losses = _retrieval_losses(make(retrieval_loss={**_PLAIN, "temperature": 0.5}))
    expected = _softmax_losses(remove_hits=False, temperature=0.5)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_accidental_hits_take_no_part(make):
    losses = _retrieval_losses(make(retrieval_loss={"logq_correction": False}))
    np.testing.assert_allclose(losses, _softmax_losses(), rtol=1e-5)
    assert losses[0] < _softmax_losses(remove_hits=False)[0]


def test_probabilities_are_shares_of_the_training_rows(make):
    model = make()
    np.testing.assert_allclose(model.candidate_probabilities, _probabilities(), rtol=1e-6)


def test_correction_lowers_the_scores_of_frequent_candidates(make):
    losses = _retrieval_losses(make(retrieval_loss={"temperature": 0.5}))
    expected = _softmax_losses(shares=_probabilities()[_IDS], temperature=0.5)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_correction_has_the_right_sign(make):
    """Where all scores are equal, the frequent candidate's row has the larger loss."""
    model = make()
    zeros = tf.zeros([2, _DIM])
    items = {"item": tf.constant([0, 4])}
    frequent, rare = model.retrieval_losses(zeros, zeros, items, False).numpy()
    assert frequent == pytest.approx(-math.log((1 / 8) / (1 / 8 + 1)), rel=1e-5)
    assert rare == pytest.approx(-math.log(1 / (1 / 8 + 1)), rel=1e-5)


def test_label_smoothing(make):
    losses = _retrieval_losses(make(retrieval_loss={**_PLAIN, "label_smoothing": 0.3}))
    expected = _softmax_losses(remove_hits=False, smoothing=0.3)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_label_smoothing_spares_what_takes_no_part(make):
    loss = {"logq_correction": False, "label_smoothing": 0.3}
    losses = _retrieval_losses(make(retrieval_loss=loss))
    np.testing.assert_allclose(losses, _softmax_losses(smoothing=0.3), rtol=1e-5)


@pytest.mark.parametrize("hard", [1, 2, 15])
def test_hard_negatives_are_the_highest_scored(make, hard):
    loss = {"logq_correction": False, "hard_negatives": hard, "label_smoothing": 0.1}
    losses = _retrieval_losses(make(retrieval_loss=loss))
    np.testing.assert_allclose(losses, _softmax_losses(hard=hard, smoothing=0.1), rtol=1e-5)


def test_uniform_negatives_come_from_the_catalogue(make):
    model = make(retrieval_loss={"uniform_negatives": 5, "label_smoothing": 0.1})
    tf.random.set_seed(1)
    losses = _retrieval_losses(model)
    # The same seed draws the same places of the catalogue, which holds the items 1 and 3.
    tf.random.set_seed(1)
    drawn = np.array([1, 3])[tf.random.uniform([5], 0, 2, tf.int32)]
    ids = np.concatenate([_IDS, drawn])
    # Expected copies in the batch of 6 and among 5 draws from 2.
    shares = 6 * _probabilities()[ids] + 5 / 2
    candidates = np.concatenate([_CANDIDATES, _TABLE[drawn]])
    expected = _softmax_losses(candidates, ids, shares=shares, smoothing=0.1)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


@pytest.mark.parametrize("remove_hits", [True, False])
def test_cross_batch_negatives_are_those_of_earlier_batches(make, remove_hits):
    loss = {"cross_batch_negatives": 8, "remove_accidental_hits": remove_hits}
    model = make(retrieval_loss=loss)
    shares = _probabilities()
    first = _softmax_losses(shares=shares[_IDS], remove_hits=remove_hits)
    # An evaluation leaves nothing behind; the queue starts empty.
    for training in (False, True):
        losses = _retrieval_losses(model, training)
        np.testing.assert_allclose(losses, first, rtol=1e-5)
    ids = np.concatenate([_IDS, _IDS])
    candidates = np.concatenate([_CANDIDATES, _CANDIDATES])
    second = _softmax_losses(candidates, ids, shares=shares[ids], remove_hits=remove_hits)
    np.testing.assert_allclose(_retrieval_losses(model, training=True), second, rtol=1e-5)
    # Two batches of six and place for eight: the newest come first.
    assert model.queue_ids.numpy().tolist() == [*_IDS, *_IDS[:2]]
    np.testing.assert_array_equal(model.queue[:6], _CANDIDATES)


def test_uniform_and_cross_batch_negatives_together(make):
    """The queue keeps what earlier batches held, not what was drawn beside them."""
    model = make(retrieval_loss={"uniform_negatives": 5, "cross_batch_negatives": 8})
    shares, catalogue = _probabilities(), np.array([1, 3])
    remembered = np.zeros(0, np.int64)
    for _ in range(2):
        tf.random.set_seed(1)
        losses = _retrieval_losses(model, training=True)
        tf.random.set_seed(1)
        drawn = catalogue[tf.random.uniform([5], 0, 2, tf.int32)]
        ids = np.concatenate([_IDS, drawn, remembered])
        candidates = [_CANDIDATES, _TABLE[drawn], _CANDIDATES[: len(remembered)]]
        # Expected copies in the batches seen and among 5 draws from 2.
        expected = (6 + len(remembered)) * shares[ids] + 5 / 2
        losses_by_loops = _softmax_losses(np.concatenate(candidates), ids, shares=expected)
        np.testing.assert_allclose(losses, losses_by_loops, rtol=1e-5)
        remembered = _IDS
    assert model.queue_ids.numpy().tolist() == [*_IDS, *_IDS[:2]]
    np.testing.assert_array_equal(model.queue, np.concatenate([_CANDIDATES, _CANDIDATES[:2]]))


def _batch():
    return {
        "user": tf.constant(_IDS),
        "item": tf.constant(_IDS),
        "liked_label": tf.constant([1.0, 0, 1, 0, 0.5, 0]),
        "worth_weight": tf.constant([1.0, 2, 0, 1, 1, 3]),
    }


_WEIGHTS = np.array([1.0, 2, 0, 1, 1, 3])
_LABELS = np.array([1.0, 0, 1, 0, 0.5, 0])
_DOTS = (_QUERIES * _CANDIDATES).sum(axis=1)


def test_weights_and_l2_penalty(make):
    model = make(retrieval_loss=_PLAIN, embedding_l2=0.1)
    losses = np.array(_softmax_losses(remove_hits=False)) * _WEIGHTS
    penalty = 0.1 * ((_QUERIES**2).sum() + (_CANDIDATES**2).sum())
    assert model.compute_loss(_batch()).numpy() == pytest.approx(losses.sum() + penalty, rel=1e-5)
    assert model.mean_loss.result().numpy() == pytest.approx(losses.mean(), rel=1e-5)


def _huber(error):
    return np.where(np.abs(error) <= 1, error**2 / 2, np.abs(error) - 0.5)


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        ("mse", lambda scores: (scores - _LABELS) ** 2),
        ("huber", lambda scores: _huber(scores - _LABELS)),
        (
            "binary_crossentropy",
            lambda scores: (
                -_LABELS * np.log(1 / (1 + np.exp(-scores)))
                - (1 - _LABELS) * np.log(1 - 1 / (1 + np.exp(-scores)))
            ),
        ),
    ],
)
def test_label_losses(make, kind, loss):
    model = make(model_type="ranking", ranking_loss={"kind": kind})
    model.label_bias.assign(0.25)
    expected = (loss(_DOTS + 0.25) * _WEIGHTS).sum()
    assert model.compute_loss(_batch()).numpy() == pytest.approx(expected, rel=1e-5)


def test_label_metrics(make):
    model = make(model_type="ranking", ranking_loss={"kind": "binary_crossentropy"})
    # AUC counts a label of one half as positive; leave it out of the comparison.
    batch = {**_batch(), "liked_label": tf.constant([1.0, 0, 1, 0, 1, 0])}
    model.compute_loss(batch)
    positive = np.array([True, False, True, False, True, False])
    pairs = [(p, n) for p in _DOTS[positive] for n in _DOTS[~positive]]
    metrics = {metric.name: metric.result().numpy() for metric in model.metrics}
    assert metrics["auc"] == pytest.approx(np.mean([p > n for p, n in pairs]), abs=0.02)
    assert metrics["accuracy"] == pytest.approx(np.mean((_DOTS > 0) == positive))
    assert {"pr_auc", "loss"} <= metrics.keys()
    assert metrics["label_mean"] == pytest.approx(0.5)
    assert metrics["prediction_mean"] == pytest.approx(np.mean(1 / (1 + np.exp(-_DOTS))), rel=1e-5)


@pytest.mark.parametrize("kind", ["mse", "huber", "binary_crossentropy"])
def test_rows_without_a_label_neither_teach_nor_count(make, kind):
    labels = np.array([1.0, np.nan, 1, 0, np.nan, 0], np.float32)
    known = np.isfinite(labels)
    models = [make(model_type="ranking", ranking_loss={"kind": kind}) for _ in range(2)]
    batch = {**_batch(), "worth_weight": tf.ones(6), "liked_label": tf.constant(labels)}
    with tf.GradientTape() as tape:
        loss = models[0].compute_loss(batch)
    gradient = tape.gradient(loss, models[0].label_bias)
    embed = models[1].embed_queries, models[1].embed_candidates
    models[1].embed_queries = lambda *_: embed[0]({})[known]
    models[1].embed_candidates = lambda features, _: embed[1](features)[known]
    with tf.GradientTape() as tape:
        expected = models[1].compute_loss({name: x[known] for name, x in batch.items()})
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, tape.gradient(expected, models[1].label_bias), rtol=1e-5)
    found, wanted = ({m.name: m.result().numpy() for m in model.metrics} for model in models)
    assert found.pop("loss") == pytest.approx(wanted.pop("loss") * known.mean(), rel=1e-5)
    assert found == pytest.approx(wanted, rel=1e-5)


def test_multitask_adds_both_losses(make):
    model = make(
        model_type="multitask",
        retrieval_weight=0.5,
        ranking_weight=2,
        retrieval_loss=_PLAIN,
    )
    retrieval = np.array(_softmax_losses(remove_hits=False))
    ranking = (_DOTS - _LABELS) ** 2
    expected = ((0.5 * retrieval + 2 * ranking) * _WEIGHTS).sum()
    assert model.compute_loss(_batch()).numpy() == pytest.approx(expected, rel=1e-5)


def test_normalised_towers_end_in_vectors_of_length_one(transformed, tmp_path):
    module = generated_modules.trainer(
        parse_feature_config(json.dumps(_CONFIG)),
        {"output_embedding_dim": _DIM, "retrieval_loss": {"l2_normalize": True}},
        tmp_path,
    )
    model = module.TwoTowerModel(transformed.output)
    vectors = model.embed_queries({"user": tf.constant([0, 1, 2])})
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_candidate_bias_is_added_to_scores(transformed, tmp_path):
    module = generated_modules.trainer(
        parse_feature_config(json.dumps(_CONFIG)),
        {"output_embedding_dim": _DIM, "candidate_bias": True},
        tmp_path,
    )
    model = module.TwoTowerModel(transformed.output)
    items = {"item": tf.constant([0, 4])}
    before = model.embed_candidates(items).numpy()
    model.candidate_bias.embeddings.assign([[0.5], [0], [0], [0], [-2], [0]])
    queries = model.embed_queries({"user": tf.constant([1])}).numpy()
    scores = queries @ model.embed_candidates(items).numpy().T
    np.testing.assert_allclose(scores, queries @ before.T + [[0.5, -2]], rtol=1e-5)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ({"warmup_steps": 4}, lambda step: min(1, (step + 1) / 4)),
        (
            {"exponential": {"decay_steps": 5, "decay_rate": 0.5}, "warmup_steps": 2},
            lambda step: 0.5 ** (step / 5) * min(1, (step + 1) / 2),
        ),
        (
            {"cosine": {"decay_steps": 10, "alpha": 0.1}},
            lambda step: 0.1 + 0.9 * (1 + math.cos(math.pi * min(step, 10) / 10)) / 2,
        ),
        ({"cosine": {}}, lambda step: (1 + math.cos(math.pi * min(step, 20) / 20)) / 2),
        ({"linear": {"alpha": 0.2}}, lambda step: 1 - 0.8 * min(step, 20) / 20),
        ({"linear": {"decay_steps": 5}}, lambda step: 1 - min(step, 5) / 5),
    ],
)
def test_learning_rate_schedules(tmp_path, schedule, rates):
    module = generated_modules.trainer(
        parse_feature_config(json.dumps(_CONFIG)), {"learning_rate_schedule": schedule}, tmp_path
    )
    ends_with_training = set(schedule) & {"cosine", "linear"} and not any(
        "decay_steps" in options for options in schedule.values() if isinstance(options, dict)
    )
    optimizer = module.optimizer(0.3, *([20] if ends_with_training else []))
    # `learning_rate` itself holds the rate of the step that the optimiser is at.
    schedule = optimizer._learning_rate
    found = [float(schedule(step)) for step in (0, 1, 3, 7, 15, 30)]
    expected = [0.3 * rates(step) for step in (0, 1, 3, 7, 15, 30)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_optimizers_get_their_parameters(tmp_path):
    wanted = {
        "adagrad": {"initial_accumulator_value": 0.25, "epsilon": 1e-5},
        "adam": {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-5, "amsgrad": True},
        "sgd": {"momentum": 0.5, "nesterov": True},
        "rmsprop": {"rho": 0.5, "momentum": 0.25, "epsilon": 1e-5, "centered": True},
        "adamw": {"weight_decay": 0.5, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-5},
        "ftrl": {"learning_rate_power": -0.25, "initial_accumulator_value": 0.5},
    }
    for name, parameters in wanted.items():
        module = generated_modules.trainer(
            parse_feature_config(json.dumps(_CONFIG)),
            {
                "optimizer": {name: parameters},
                "embedding_optimizer": {"ftrl": {"l1": 0.5, "l2": 0.25}},
                "clip_norm": 2,
            },
            tmp_path / name,
        )
        config = module.optimizer(0.5).get_config()
        assert config["name"].lower() == name
        assert {key: config[key] for key in parameters} == parameters
        assert config["learning_rate"] == pytest.approx(0.5)
        assert config["clipnorm"] == 2
    config = module.embedding_optimizer(0.5).get_config()
    assert config["l1_regularization_strength"] == 0.5
    assert config["l2_regularization_strength"] == 0.25
