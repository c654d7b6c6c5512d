"""Hypothesis strategies of valid ModelConfigs, and of pairs of configs that go together."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from support.config_examples import ACTIVATIONS
from support.feature_strategies import feature_config_documents, some

from tfx_retrieval.config import parse_feature_config, parse_model_config

_DIMENSION = st.integers(1, 8)
_POSITIVE = st.floats(1e-6, 10)
_SHARE = st.floats(0, 0.9)
_LAYERS = {
    "dense": some(
        {"units": st.integers(1, 16)},
        activation=st.sampled_from(ACTIVATIONS),
        l1=st.floats(0, 0.1),
        l2=st.floats(0, 0.1),
    ),
    "dropout": st.fixed_dictionaries({"rate": _SHARE}),
    "batch_norm": some(momentum=_SHARE, epsilon=_POSITIVE),
    "layer_norm": some(epsilon=_POSITIVE),
    "residual": some(activation=st.sampled_from(ACTIVATIONS)),
    "cross": some(projection_dim=_DIMENSION),
}
_LAYER = st.one_of(*(st.fixed_dictionaries({name: body}) for name, body in _LAYERS.items()))
_OPTIMIZERS = {
    "adagrad": some(initial_accumulator_value=_POSITIVE, epsilon=_POSITIVE),
    "adam": some(beta_1=_SHARE, beta_2=_SHARE, epsilon=_POSITIVE, amsgrad=st.booleans()),
    "sgd": st.one_of(
        st.just({}),
        st.fixed_dictionaries({"momentum": st.floats(0.1, 0.9), "nesterov": st.booleans()}),
    ),
    "rmsprop": some(rho=_SHARE, momentum=_SHARE, epsilon=_POSITIVE, centered=st.booleans()),
    "adamw": some(weight_decay=_POSITIVE, beta_1=_SHARE, beta_2=_SHARE, epsilon=_POSITIVE),
    "ftrl": some(
        learning_rate_power=st.floats(-1, 0),
        initial_accumulator_value=_POSITIVE,
        l1=_POSITIVE,
        l2=_POSITIVE,
    ),
}
_OPTIMIZER = st.one_of(*(st.fixed_dictionaries({name: body}) for name, body in _OPTIMIZERS.items()))
_STEPS = st.integers(1, 100)
_SCHEDULE = st.one_of(
    st.fixed_dictionaries({"warmup_steps": _STEPS}),
    some(
        {
            "exponential": st.fixed_dictionaries(
                {"decay_steps": _STEPS, "decay_rate": st.floats(0.1, 1)}
            )
        },
        warmup_steps=_STEPS,
    ),
    *(
        some({name: some(decay_steps=_STEPS, alpha=_SHARE)}, warmup_steps=_STEPS)
        for name in ("cosine", "linear")
    ),
)
_RETRIEVAL_LOSS = some(
    logq_correction=st.booleans(),
    remove_accidental_hits=st.booleans(),
    l2_normalize=st.booleans(),
    temperature=_POSITIVE,
    hard_negatives=st.integers(1, 3),
    uniform_negatives=st.integers(0, 8),
    cross_batch_negatives=st.integers(0, 8),
    label_smoothing=_SHARE,
)
_SCANN = some(
    leaves=st.integers(5, 10), leaves_to_search=st.integers(1, 5), reorder=st.integers(50, 99)
)
_RETRIEVAL = some(
    {"top_k": st.integers(1, 50)},
    algorithm=st.sampled_from(["auto", "brute_force", "scann"]),
    scann_threshold=st.integers(1, 1000),
    scann=_SCANN,
    min_index_recall=_SHARE,
    max_latency_ms=_POSITIVE,
)
_SEARCH_SPACE = some(
    {"learning_rate": st.just([0.1, 0.01])},
    batch_size=st.just([8, 16]),
    epochs=st.just([1, 2]),
    max_trials=st.integers(1, 3),
)


@st.composite
def model_config_documents(draw, model_type=None):
    """ModelConfig JSON objects, valid by construction and not yet resolved.

    Args:
        draw: Given by hypothesis.
        model_type: "retrieval", "ranking" or "multitask"; None draws it.
    """
    chosen_type = model_type or draw(st.sampled_from(["retrieval", "ranking", "multitask"]))
    width = draw(st.integers(2, 8))
    layers = st.lists(_LAYER, max_size=3)
    towers = {name: {"layers": draw(layers)} for name in ("query_tower", "candidate_tower")}
    document = {
        "name": draw(st.sampled_from(["model", "it's", '"""', "größe {x}"])),
        "model_type": chosen_type,
        "output_embedding_dim": width,
        "batch_size": draw(st.integers(4, 16)),
        **towers,
    }
    if draw(st.booleans()):
        for tower in towers.values():
            tower["layers"].append({"dense": {"units": width, "activation": "linear"}})
        document["output_projection"] = False
    if draw(st.booleans()):
        document |= {"embedding_optimizer": draw(_OPTIMIZER), "embedding_learning_rate": 0.05}
    if chosen_type != "retrieval":
        document["query_bias"] = draw(st.booleans())
        document["ranking_loss"] = {
            "kind": draw(st.sampled_from(["binary_crossentropy", "mse", "huber"])),
            "head": draw(layers),
        }
    optional = some(
        optimizer=_OPTIMIZER,
        learning_rate=_POSITIVE,
        clip_norm=_POSITIVE,
        epochs=st.integers(1, 3),
        early_stopping=some(patience=st.integers(0, 3), min_delta=_SHARE),
        seed=st.integers(0, 2**31 - 1),
        embedding_l2=_SHARE,
        retrieval_loss=_RETRIEVAL_LOSS,
        retrieval_weight=_POSITIVE,
        ranking_weight=_POSITIVE,
        candidate_bias=st.booleans(),
        retrieval=_RETRIEVAL,
        search_space=_SEARCH_SPACE,
        mixed_precision=st.booleans(),
        id_shortcut=st.booleans(),
    )
    rule = {
        "learning_rate_schedule": _SCHEDULE,
        "reduce_on_plateau": some(factor=st.floats(0.1, 0.9), patience=st.integers(0, 3)),
    }
    chosen = draw(st.sampled_from([None, *rule]))
    if chosen:
        document[chosen] = draw(rule[chosen])
    return {**document, **draw(optional)}


def model_configs(model_type=None):
    """Resolved ModelConfigs; see `model_config_documents` for the argument."""
    documents = model_config_documents(model_type=model_type)
    return documents.map(lambda document: parse_model_config(json.dumps(document)))


def config_pairs():
    """Resolved pairs of what `config_pair_documents` draws."""
    return config_pair_documents().map(
        lambda pair: (
            parse_feature_config(json.dumps(pair[0])),
            parse_model_config(json.dumps(pair[1])),
        )
    )


@st.composite
def config_pair_documents(draw):
    """A FeatureConfig and a ModelConfig that go together, as JSON objects.

    There is a label, and all columns have names that inputs of signatures can have.
    """
    features = draw(feature_config_documents(odd_names=False, label=True))
    model = draw(model_config_documents())
    for side_name in ("query", "candidate"):
        side = features[side_name]
        ids = [feature for feature in side["features"] if feature["column"] == side["id"]]
        if not ids:
            model.pop(f"{side_name}_bias", None)
        if model.get("id_shortcut", True):
            _drop_width(features, ids)
    return features, model


def _drop_width(document, ids):
    """Leaves the width of ids to the model, and that of what shares their vocabulary."""
    for feature in ids:
        name = feature.get("vocabulary", {}).get("name", feature["column"])
        for other in (*document["query"]["features"], *document["candidate"]["features"]):
            vocabulary = other.get("vocabulary", {})
            if other is feature or vocabulary.get("name") == name:
                for index in ("vocabulary", "integer_id", "hash"):
                    other.get(index, {}).pop("embedding_dim", None)
