"""Valid, resolved configs for tests: hypothesis strategies and fixed examples.

- `feature_configs()`, `model_configs()`: strategies over every feature kind, transform, layer,
  optimiser and option, valid by construction.
- `full_feature_config()`: one config with every kind, transform and cycle.
- `model_config_variants()`: named ModelConfigs, each with one option that the default has not.

Import as `from support.config_strategies import feature_configs`; `tests/conftest.py` puts `tests/`
on the path.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.proto.feature_config_pb2 import Cyclical, FeatureConfig
from tfx_retrieval.proto.model_config_pb2 import Dense, ModelConfig

QUERY_ID = "user"
CANDIDATE_ID = "item"

PLAIN_COLUMNS = ("age", "city", "price", "amount", "colour", "brand", "seen_at", "bio", "tags")
# Names that break code generators: keywords, quotes, braces, backslashes, other scripts, spaces.
ODD_COLUMNS = (
    "class",
    "two words",
    "it's",
    'say "hi"',
    "{braces}",
    "back\\slash",
    "größe",
    "価格",
    "1st",
    "a.b/c",
    "%s",
    "'''",
    "#hash",
    "n" * 128,
)
CYCLES = [name for name in Cyclical.Cycle.keys() if name != "unspecified"]  # noqa: SIM118
ACTIVATIONS = [name for name in Dense.Activation.keys() if name != "unspecified"]  # noqa: SIM118
TIME_UNITS = ["seconds", "milliseconds", "microseconds", "nanoseconds", "days"]

_DIMENSION = st.integers(1, 8)
_NUMBER = st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: round(number, 3))
_TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=8)


def _some(required=None, **optional):
    """Objects with the required keys and any of the optional ones."""
    return st.fixed_dictionaries(required or {}, optional=optional)


_VOCABULARY = _some(
    embedding_dim=_DIMENSION,
    max_size=st.integers(1, 50),
    min_frequency=st.integers(1, 3),
    oov_buckets=st.integers(1, 3),
)
_INDEXES = {
    "vocabulary": _VOCABULARY,
    "integer_id": _some({"size": st.integers(1, 50)}, embedding_dim=_DIMENSION),
    "hash": _some({"buckets": st.integers(2, 50)}, embedding_dim=_DIMENSION),
}
_METHOD = st.sampled_from(["z_score", "min_max", "min_max_symmetric"])
_NUMERIC_NORMALIZE = _some(
    method=_METHOD,
    log=st.booleans(),
    clip_min=st.floats(-100, -1),
    clip_max=st.floats(0, 100),
    projection_dim=_DIMENSION,
)
_TEMPORAL_NORMALIZE = _some(method=_METHOD, projection_dim=_DIMENSION)
_BUCKETIZE = _some(buckets=st.integers(2, 10), embedding_dim=_DIMENSION)
_CYCLICAL = st.fixed_dictionaries(
    {"cycles": st.lists(st.sampled_from(CYCLES), unique=True, min_size=1)}
)
_TOKENS = _some(
    embedding_dim=_DIMENSION,
    max_size=st.integers(1, 50),
    min_frequency=st.integers(1, 3),
    max_tokens=st.integers(1, 8),
    ngrams=st.integers(1, 3),
    oov_buckets=st.integers(1, 3),
)
_HISTORY = _some(
    max_length=st.integers(1, 10), pooling=st.sampled_from(["mean", "gru", "attention"])
)
_VALUES = _some(
    separator=st.sampled_from(["|", ",", ";;", "\\", "'", ".*"]), max_values=st.integers(1, 5)
)


@st.composite
def _categorical(draw, multiple=None):
    index = draw(st.sampled_from([None, *_INDEXES]))
    feature = {"type": "categorical"}
    if index:
        feature[index] = draw(_INDEXES[index])
    has_values = draw(st.booleans()) if multiple is None else multiple
    if has_values:
        feature["values"] = draw(_VALUES)
    if draw(st.booleans()):
        value = st.integers(0, 9) if index == "integer_id" else _TEXT
        feature["missing_value"] = draw(st.lists(value, max_size=3) if has_values else value)
    return feature


@st.composite
def _numeric(draw):
    transforms = _some(
        {"type": st.just("numeric")},
        normalize=_NUMERIC_NORMALIZE,
        bucketize=_BUCKETIZE,
        missing_value=_NUMBER,
    )
    return draw(transforms)


@st.composite
def _temporal(draw):
    transforms = {
        "normalize": _TEMPORAL_NORMALIZE,
        "bucketize": _BUCKETIZE,
        "cyclical": _CYCLICAL,
    }
    chosen = draw(st.lists(st.sampled_from(sorted(transforms)), unique=True, min_size=1))
    feature = {"type": "temporal", "time_unit": draw(st.sampled_from(TIME_UNITS))}
    feature |= {name: draw(transforms[name]) for name in chosen}
    if draw(st.booleans()):
        feature["missing_value"] = draw(
            st.sampled_from(["2011-12-09", "2011-12-09T12:50:00Z", 0, 1_300_000_000])
        )
    return feature


@st.composite
def _vector(draw):
    dimension = draw(_DIMENSION)
    feature = {
        "type": "vector",
        "vector": {"dimension": dimension, "trainable": draw(st.booleans())},
    }
    if draw(st.booleans()):
        feature["missing_value"] = [draw(_NUMBER)] * dimension
    return feature


_SIMPLE_FEATURES = {
    "categorical": _categorical(),
    "numeric": _numeric(),
    "temporal": _temporal(),
    "text": _some({"type": st.just("text")}, tokens=_TOKENS, missing_value=_TEXT),
    "boolean": _some({"type": st.just("boolean")}, missing_value=st.booleans()),
    "vector": _vector(),
}
_CROSSABLE = ("categorical", "numeric", "temporal", "boolean")


@st.composite
def _side(draw, side_id, columns, with_id_feature):
    """One side; its features have the given columns, besides the id if that is a feature."""
    kinds = [draw(st.sampled_from(sorted(_SIMPLE_FEATURES))) for _ in columns]
    features = [
        {"column": column, **draw(_SIMPLE_FEATURES[kind])}
        for column, kind in zip(columns, kinds, strict=True)
    ]
    if with_id_feature:
        features.insert(0, {"column": side_id, **draw(_categorical(multiple=False))})
    side = {"id": side_id, "features": features}
    crossable = [
        feature["column"]
        for feature in features
        if feature["type"] in _CROSSABLE and "values" not in feature
    ]
    if len(crossable) >= 2 and draw(st.booleans()):
        members = draw(st.lists(st.sampled_from(crossable), unique=True, min_size=2, max_size=3))
        options = _some(
            hash_buckets=st.integers(2, 100),
            member_buckets=st.integers(2, 10),
            embedding_dim=_DIMENSION,
        )
        side["crosses"] = [{"columns": members, **draw(options)}]
    if draw(st.booleans()):
        side["title"] = draw(st.sampled_from(["label on the box", side_id, *columns]))
    return side


@st.composite
def _filters(draw):
    condition = st.one_of(
        st.fixed_dictionaries({"present": st.booleans()}),
        st.fixed_dictionaries({"min": st.floats(-9, 0), "max": st.floats(0, 9)}),
        st.fixed_dictionaries({"one_of": st.lists(_TEXT, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"none_of": st.lists(_TEXT, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not_prefix": st.sampled_from(["C", "'", "\\"])}),
    )
    columns = draw(st.lists(st.sampled_from([QUERY_ID, CANDIDATE_ID, "filtered only"]), max_size=2))
    return [{"column": column, **draw(condition)} for column in columns]


@st.composite
def feature_config_documents(draw, max_features=3, odd_names=True, label=None):
    """FeatureConfig JSON objects, valid by construction and not yet resolved.

    Args:
        draw: Given by hypothesis.
        max_features: Most features of a side besides its id and its history.
        odd_names: Whether some columns get names that are no identifiers.
        label: Whether there is a label column; None draws it.
    """
    names = PLAIN_COLUMNS + (ODD_COLUMNS if odd_names else ())
    columns = draw(
        st.lists(st.sampled_from(names), unique=True, min_size=2, max_size=2 * max_features)
    )
    least = max(1, len(columns) - max_features)
    half = draw(st.integers(least, min(max_features, len(columns) - 1)))
    has_history = draw(st.booleans())
    query = draw(_side(QUERY_ID, columns[:half], draw(st.booleans())))
    candidate = draw(_side(CANDIDATE_ID, columns[half:], has_history or draw(st.booleans())))
    if has_history:
        query["features"].append(
            {"column": "earlier items", "type": "history", "history": draw(_HISTORY)}
        )
    if draw(st.booleans()):
        _share_a_vocabulary(query, candidate, draw(_VOCABULARY))
    interaction = {"filters": draw(_filters())}
    if draw(st.booleans()):
        interaction |= {"timestamp": "happened", "time_unit": draw(st.sampled_from(TIME_UNITS))}
    if draw(st.booleans()):
        interaction["weight"] = "weight"
    if draw(st.booleans()) if label is None else label:
        interaction["label"] = "rating"
    return {
        "name": draw(st.sampled_from(["shop", "it's", '"""', "größe {x}"])),
        "query": query,
        "candidate": candidate,
        "interaction": interaction,
    }


def _share_a_vocabulary(query, candidate, vocabulary):
    """Gives the first vocabulary feature of each side one vocabulary."""
    for side in (query, candidate):
        for feature in side["features"]:
            if feature["type"] == "categorical" and not {"hash", "integer_id"} & feature.keys():
                feature["vocabulary"] = {**vocabulary, "name": "shared words"}
                break


def feature_configs(max_features=3, odd_names=True, label=None):
    """Resolved FeatureConfigs; see `feature_config_documents` for the arguments."""
    documents = feature_config_documents(
        max_features=max_features, odd_names=odd_names, label=label
    )
    return documents.map(lambda document: parse_feature_config(json.dumps(document)))


_POSITIVE = st.floats(1e-6, 10)
_SHARE = st.floats(0, 0.9)
_LAYERS = {
    "dense": _some(
        {"units": st.integers(1, 16)},
        activation=st.sampled_from(ACTIVATIONS),
        l1=st.floats(0, 0.1),
        l2=st.floats(0, 0.1),
    ),
    "dropout": st.fixed_dictionaries({"rate": _SHARE}),
    "batch_norm": _some(momentum=_SHARE, epsilon=_POSITIVE),
    "layer_norm": _some(epsilon=_POSITIVE),
    "residual": _some(activation=st.sampled_from(ACTIVATIONS)),
    "cross": _some(projection_dim=_DIMENSION),
}
_LAYER = st.one_of(*(st.fixed_dictionaries({name: body}) for name, body in _LAYERS.items()))
_OPTIMIZERS = {
    "adagrad": _some(initial_accumulator_value=_POSITIVE, epsilon=_POSITIVE),
    "adam": _some(beta_1=_SHARE, beta_2=_SHARE, epsilon=_POSITIVE, amsgrad=st.booleans()),
    "sgd": st.one_of(
        st.just({}),
        st.fixed_dictionaries({"momentum": st.floats(0.1, 0.9), "nesterov": st.booleans()}),
    ),
    "rmsprop": _some(rho=_SHARE, momentum=_SHARE, epsilon=_POSITIVE, centered=st.booleans()),
    "adamw": _some(weight_decay=_POSITIVE, beta_1=_SHARE, beta_2=_SHARE, epsilon=_POSITIVE),
    "ftrl": _some(
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
    _some(
        {
            "exponential": st.fixed_dictionaries(
                {"decay_steps": _STEPS, "decay_rate": st.floats(0.1, 1)}
            )
        },
        warmup_steps=_STEPS,
    ),
    _some({"cosine": _some({"decay_steps": _STEPS}, alpha=_SHARE)}, warmup_steps=_STEPS),
)
_RETRIEVAL_LOSS = _some(
    logq_correction=st.booleans(),
    remove_accidental_hits=st.booleans(),
    l2_normalize=st.booleans(),
    temperature=_POSITIVE,
    hard_negatives=st.integers(1, 3),
    uniform_negatives=st.integers(0, 8),
    cross_batch_negatives=st.integers(0, 8),
    label_smoothing=_SHARE,
)
_SCANN = _some(
    leaves=st.integers(5, 10), leaves_to_search=st.integers(1, 5), reorder=st.integers(50, 99)
)
_RETRIEVAL = _some(
    {"top_k": st.integers(1, 50)},
    algorithm=st.sampled_from(["auto", "brute_force", "scann"]),
    scann_threshold=st.integers(1, 1000),
    scann=_SCANN,
    min_index_recall=_SHARE,
    max_latency_ms=_POSITIVE,
)
_SEARCH_SPACE = _some(
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
    optional = _some(
        optimizer=_OPTIMIZER,
        learning_rate=_POSITIVE,
        learning_rate_schedule=_SCHEDULE,
        clip_norm=_POSITIVE,
        epochs=st.integers(1, 3),
        early_stopping=_some(patience=st.integers(0, 3), min_delta=_SHARE),
        seed=st.integers(0, 2**31 - 1),
        embedding_l2=_SHARE,
        retrieval_loss=_RETRIEVAL_LOSS,
        retrieval_weight=_POSITIVE,
        ranking_weight=_POSITIVE,
        candidate_bias=st.booleans(),
        retrieval=_RETRIEVAL,
        search_space=_SEARCH_SPACE,
        mixed_precision=st.booleans(),
    )
    return {**document, **draw(optional)}


def model_configs(model_type=None):
    """Resolved ModelConfigs; see `model_config_documents` for the argument."""
    documents = model_config_documents(model_type=model_type)
    return documents.map(lambda document: parse_model_config(json.dumps(document)))


def full_feature_config() -> FeatureConfig:
    """One FeatureConfig with every kind, transform, cycle and a cross on each side."""
    return parse_feature_config(
        json.dumps(
            {
                "name": "full",
                "query": {
                    "id": QUERY_ID,
                    "features": [
                        {"column": QUERY_ID, "type": "categorical"},
                        {
                            "column": "city",
                            "type": "categorical",
                            "vocabulary": {"max_size": 20, "oov_buckets": 2, "name": "places"},
                            "missing_value": "nowhere",
                        },
                        {
                            "column": "age",
                            "type": "numeric",
                            "normalize": {"clip_min": 0, "clip_max": 100, "log": True},
                            "bucketize": {"buckets": 5, "embedding_dim": 4},
                        },
                        {
                            "column": "happened",
                            "type": "temporal",
                            "normalize": {"method": "min_max_symmetric", "projection_dim": 3},
                            "bucketize": {"buckets": 4},
                            "cyclical": {"cycles": CYCLES},
                        },
                        {"column": "member", "type": "boolean"},
                        {"column": "earlier", "type": "history", "history": {"max_length": 5}},
                    ],
                    "crosses": [{"columns": ["city", "age"], "hash_buckets": 50}],
                },
                "candidate": {
                    "id": CANDIDATE_ID,
                    "title": "title",
                    "features": [
                        {"column": CANDIDATE_ID, "type": "categorical"},
                        {
                            "column": "made in",
                            "type": "categorical",
                            "vocabulary": {"max_size": 20, "oov_buckets": 2, "name": "places"},
                        },
                        {"column": "shelf", "type": "categorical", "integer_id": {"size": 10}},
                        {"column": "code", "type": "categorical", "hash": {"buckets": 16}},
                        {
                            "column": "tags",
                            "type": "categorical",
                            "values": {"separator": "|", "max_values": 3},
                        },
                        {"column": "price", "type": "numeric", "missing_value": 1.5},
                        {"column": "title", "type": "text", "tokens": {"ngrams": 2}},
                        {
                            "column": "picture",
                            "type": "vector",
                            "vector": {"dimension": 4, "trainable": True},
                        },
                    ],
                    "crosses": [{"columns": ["made in", "shelf", "price"], "member_buckets": 3}],
                },
                "interaction": {
                    "timestamp": "happened",
                    "weight": "amount",
                    "label": "rating",
                    "filters": [
                        {"column": "amount", "min": 0},
                        {"column": "city", "present": True},
                    ],
                },
            }
        )
    )


def model_config_variants() -> dict[str, ModelConfig]:
    """Named ModelConfigs: the default and, one by one, every option it does not use."""
    small = {"output_embedding_dim": 4, "batch_size": 8, "epochs": 1}
    dense = {"dense": {"units": 8}}
    options = {
        "default": {},
        **{
            f"optimizer {name}": {"optimizer": {name: {}}}
            for name in _OPTIMIZERS
            if name != "adagrad"
        },
        **{
            f"activation {name}": {
                "query_tower": {"layers": [{"dense": {"units": 4, "activation": name}}]}
            }
            for name in ACTIVATIONS
        },
        "nesterov": {"optimizer": {"sgd": {"momentum": 0.9, "nesterov": True}}},
        "embedding optimizer": {
            "embedding_optimizer": {"adam": {}},
            "embedding_learning_rate": 0.01,
        },
        "dropout": {"query_tower": {"layers": [dense, {"dropout": {"rate": 0.2}}]}},
        "batch norm": {"candidate_tower": {"layers": [dense, {"batch_norm": {}}]}},
        "layer norm": {"candidate_tower": {"layers": [dense, {"layer_norm": {}}]}},
        "residual": {"query_tower": {"layers": [dense, {"residual": {}}]}},
        "cross": {"query_tower": {"layers": [{"cross": {"projection_dim": 2}}, {"cross": {}}]}},
        "penalties": {
            "query_tower": {"layers": [{"dense": {"units": 4, "l1": 0.01, "l2": 0.01}}]},
            "embedding_l2": 0.001,
        },
        "no projection": {
            "output_projection": False,
            "query_tower": {"layers": [dense, {"dense": {"units": 4}}]},
            "candidate_tower": {"layers": [{"dense": {"units": 4}}]},
        },
        "exponential": {
            "learning_rate_schedule": {"exponential": {"decay_steps": 10, "decay_rate": 0.9}}
        },
        "cosine with warm-up": {
            "learning_rate_schedule": {"cosine": {"decay_steps": 10}, "warmup_steps": 3}
        },
        "warm-up": {"learning_rate_schedule": {"warmup_steps": 3}},
        "clip norm": {"clip_norm": 1.0},
        "early stopping": {"early_stopping": {}},
        "no correction": {
            "retrieval_loss": {"logq_correction": False, "remove_accidental_hits": False}
        },
        "cosine scores": {"retrieval_loss": {"l2_normalize": True, "temperature": 0.1}},
        "hard negatives": {"retrieval_loss": {"hard_negatives": 3}},
        "uniform negatives": {"retrieval_loss": {"uniform_negatives": 4}},
        "cross-batch negatives": {"retrieval_loss": {"cross_batch_negatives": 6}},
        "all negatives": {
            "retrieval_loss": {
                "hard_negatives": 5,
                "uniform_negatives": 4,
                "cross_batch_negatives": 6,
                "label_smoothing": 0.1,
            }
        },
        "label smoothing": {"retrieval_loss": {"label_smoothing": 0.1}},
        "candidate bias": {"candidate_bias": True},
        "ranking": {"model_type": "ranking"},
        "ranking with head": {
            "model_type": "ranking",
            "ranking_loss": {"kind": "binary_crossentropy", "head": [dense]},
            "query_bias": True,
            "candidate_bias": True,
        },
        "huber": {"model_type": "ranking", "ranking_loss": {"kind": "huber"}},
        "multitask": {"model_type": "multitask", "retrieval_weight": 0.5, "ranking_weight": 2},
        "multitask with head": {
            "model_type": "multitask",
            "ranking_loss": {"head": [dense, {"dropout": {"rate": 0.1}}]},
        },
        "brute force": {"retrieval": {"algorithm": "brute_force", "top_k": 5}},
        "scann": {"retrieval": {"algorithm": "scann", "scann": {"leaves": 4, "reorder": 100}}},
        "search space": {
            "query_tower": {"layers": [{"dropout": {"rate": 0.2}}]},
            "search_space": {
                "learning_rate": [0.1, 0.01],
                "batch_size": [8, 16],
                "epochs": [1, 2],
                "temperature": [1, 0.5],
                "dropout": [0.1, 0.3],
                "max_trials": 2,
            },
        },
        "mixed precision": {"mixed_precision": True},
    }
    return {
        name: parse_model_config(json.dumps({**small, **document}), name)
        for name, document in options.items()
    }
