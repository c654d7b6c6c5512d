"""Configs of other systems."""

import contextlib
import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.config.importers import import_config, import_text
from tfx_retrieval.errors import InputError

SHOP = {
    "name": "shop v1",
    "buyer_model_features": [
        {
            "column": "client",
            "data_type": "text",
            "is_primary_id": True,
            "transforms": {"embedding": {"enabled": True, "embedding_dim": 64}},
        },
        {
            "column": "spend",
            "data_type": "numeric",
            "transforms": {
                "normalize": {"enabled": True, "range": [-1, 1]},
                "bucketize": {"enabled": True, "buckets": 50, "embedding_dim": 16},
            },
        },
        {
            "column": "bought_at",
            "data_type": "temporal",
            "transforms": {
                "normalize": {"enabled": True},
                "cyclical": {"enabled": True, "weekly": True, "daily": True},
            },
        },
        {
            "column": "earlier",
            "data_type": "history",
            "bq_type": "ARRAY<STRING>",
            "transforms": {
                "history": {
                    "enabled": True,
                    "shared_with": "sku",
                    "embedding_dim": 32,
                    "max_length": 50,
                }
            },
        },
    ],
    "product_model_features": [
        {
            "column": "sku",
            "data_type": "text",
            "is_primary_id": True,
            "transforms": {"embedding": {"enabled": True, "embedding_dim": 32}},
        },
        {
            "column": "town",
            "type": "string_embedding",
            "embedding_dim": 8,
            "vocab_settings": {"max_size": 1000, "oov_buckets": 5, "min_frequency": 2},
        },
    ],
    "buyer_model_crosses": [
        {
            "features": [
                {"column": "client", "type": "text"},
                {"column": "spend", "type": "numeric", "crossing_buckets": 10},
            ],
            "hash_bucket_size": 5000,
            "embedding_dim": 16,
        }
    ],
    "product_model_crosses": [],
}


def imported(document, source="x.json"):
    result = import_text(json.dumps(document), source)
    if result.feature_config is not None:
        parse_feature_config(json.dumps(result.feature_config))
    if result.model_config is not None:
        parse_model_config(json.dumps(result.model_config))
    return result


def problems_of(document):
    with pytest.raises(InputError) as caught:
        import_text(document if isinstance(document, str) else json.dumps(document), "x.json")
    return caught.value.problems


def with_feature(**feature):
    """The shop with one more buyer feature."""
    document = copy.deepcopy(SHOP)
    document["buyer_model_features"].append(feature)
    return document


def notes_about(result, path):
    return [note for note in result.notes if note.startswith(f"{path}:")]


def test_buyer_and_product_features():
    result = imported(SHOP)
    assert result.model_config is None
    assert result.feature_config == {
        "version": 1,
        "name": "shop v1",
        "query": {
            "id": "client",
            "features": [
                {"column": "client", "type": "categorical", "vocabulary": {"embedding_dim": 64}},
                {
                    "column": "spend",
                    "type": "numeric",
                    "normalize": {"method": "min_max_symmetric"},
                    "bucketize": {"buckets": 50, "embedding_dim": 16},
                },
                {
                    "column": "bought_at",
                    "type": "temporal",
                    "normalize": {"method": "z_score"},
                    "cyclical": {"cycles": ["day_of_week", "hour_of_day"]},
                },
                {"column": "earlier", "type": "history", "history": {"max_length": 50}},
            ],
            "crosses": [
                {
                    "columns": ["client", "spend"],
                    "hash_buckets": 5000,
                    "embedding_dim": 16,
                    "member_buckets": 10,
                }
            ],
        },
        "candidate": {
            "id": "sku",
            "features": [
                {"column": "sku", "type": "categorical", "vocabulary": {"embedding_dim": 32}},
                {
                    "column": "town",
                    "type": "categorical",
                    "vocabulary": {
                        "embedding_dim": 8,
                        "max_size": 1000,
                        "min_frequency": 2,
                        "oov_buckets": 5,
                    },
                },
            ],
        },
        "interaction": {"timestamp": "bought_at"},
    }
    assert [note.split(":")[0] for note in result.notes] == [
        "$.buyer_model_features[2].transforms.normalize",
        "$.buyer_model_features[3].transforms.history",
        "$",
    ]


OLDER = [
    (
        {"column": "x", "type": "string_embedding", "embedding_dim": 8},
        {"type": "categorical", "vocabulary": {"embedding_dim": 8}},
    ),
    (
        {"column": "x", "type": "numeric", "transforms": {"bucketize": {"enabled": True}}},
        {"type": "numeric", "bucketize": {"buckets": 100, "embedding_dim": 32}},
    ),
    (
        {
            "column": "x",
            "type": "timestamp",
            "transforms": {"cyclical": {"enabled": True, "annual": True, "quarterly": True}},
        },
        {"type": "temporal", "cyclical": {"cycles": ["day_of_year", "day_of_quarter"]}},
    ),
    (
        {
            "column": "x",
            "data_type": "text",
            "bq_type": "ARRAY<STRING>",
            "transforms": {"embedding": {"enabled": True}},
        },
        {"type": "categorical", "vocabulary": {}, "values": {}},
    ),
    (
        {
            "column": "x",
            "data_type": "numeric",
            "transforms": {"normalize": {"enabled": True, "range": [0, 1]}},
        },
        {"type": "numeric", "normalize": {"method": "min_max"}},
    ),
    (
        {
            "column": "x",
            "data_type": "temporal",
            "transforms": {"cyclical": {"enabled": True, "yearly": True, "monthly": True}},
        },
        {"type": "temporal", "cyclical": {"cycles": ["day_of_year", "day_of_month"]}},
    ),
    (
        {
            "column": "x",
            "data_type": "numeric",
            "transforms": {"embedding": {"enabled": True, "embedding_dim": 4}},
        },
        {"type": "categorical", "vocabulary": {"embedding_dim": 4}},
    ),
]


@pytest.mark.parametrize(("theirs", "ours"), OLDER, ids=str)
def test_other_features(theirs, ours):
    result = imported(with_feature(**theirs))
    assert result.feature_config["query"]["features"][-1] == {"column": "x", **ours}


LEFT_OUT = [
    ({"data_type": "text"}, "", "no transform is enabled"),
    (
        {"data_type": "text", "transforms": {"embedding": {"enabled": False, "embedding_dim": 4}}},
        "",
        "no transform is enabled",
    ),
    (
        {"data_type": "text", "transforms": {"embedding": {}, "normalize": {}}},
        ".transforms.normalize",
        "a text feature has no normalize here",
    ),
    (
        {"data_type": "text", "transforms": {"embedding": {"sharded": 3}}},
        ".transforms.embedding.sharded",
        "no counterpart",
    ),
    (
        {"data_type": "text", "transforms": {"embedding": {}, "target_encoding": {}}},
        ".transforms.target_encoding",
        "no counterpart",
    ),
    (
        {"data_type": "text", "display_name": "X", "transforms": {"embedding": {}}},
        ".display_name",
        "no counterpart",
    ),
    (
        {"data_type": "numeric", "transforms": {"normalize": {"range": [0, 10]}}},
        ".transforms.normalize.range",
        "took min_max",
    ),
    (
        {"data_type": "temporal", "transforms": {"normalize": {}, "cyclical": {"enabled": True}}},
        ".transforms.cyclical",
        "no cycle is switched on",
    ),
    (
        {
            "data_type": "history",
            "transforms": {"history": {"shared_with": "brand", "embedding_dim": 8}},
        },
        ".transforms.history.shared_with",
        "shares the embedding of the candidate id",
    ),
    (
        {"data_type": "history", "transforms": {"history": {"embedding_dim": 8}}},
        ".transforms.history.embedding_dim",
        "has the width of the candidate id's embedding, 32",
    ),
]


@pytest.mark.parametrize(("feature", "path", "text"), LEFT_OUT, ids=str)
def test_what_cannot_be_carried_over_is_noted_by_its_path(feature, path, text):
    result = imported(with_feature(column="x", **feature))
    notes = notes_about(result, f"$.buyer_model_features[4]{path}")
    assert any(text in note for note in notes), result.notes


def test_unknown_key_at_the_top_is_noted():
    assert notes_about(imported({**SHOP, "owner": "me"}), "$.owner")


def test_target_column_becomes_the_label():
    document = {**SHOP, "target_column": "stars"}
    interaction = imported(document).feature_config["interaction"]
    assert interaction == {"timestamp": "bought_at", "label": "stars"}


def test_time_is_asked_for_where_it_is_not_clear():
    second = {"column": "t", "data_type": "temporal", "transforms": {"normalize": {}}}
    result = imported(with_feature(**second))
    assert "interaction" not in result.feature_config
    assert 'for temporal splits and "earlier"' in notes_about(result, "$")[0]


def test_side_without_a_marked_id():
    document = copy.deepcopy(SHOP)
    del document["product_model_features"][0]["is_primary_id"]
    result = imported(document)
    assert result.feature_config["candidate"]["id"] == "sku"
    assert "took the first" in notes_about(result, "$.product_model_features")[0]


def test_id_without_an_embedding_is_no_feature():
    document = copy.deepcopy(SHOP)
    document["buyer_model_crosses"] = []
    document["buyer_model_features"][0]["transforms"] = {}
    query = imported(document).feature_config["query"]
    assert query["id"] == "client"
    assert query["features"][0]["column"] == "spend"


def test_members_of_a_cross_become_features():
    document = copy.deepcopy(SHOP)
    document["buyer_model_features"][1]["transforms"] = {}
    document["product_model_crosses"] = [
        {"features": ["sku", {"column": "made_at", "type": "temporal", "crossing_buckets": 5}]}
    ]
    result = imported(document)
    assert result.feature_config["query"]["features"][1] == {"column": "spend", "type": "numeric"}
    assert result.feature_config["candidate"]["features"][-1]["type"] == "temporal"
    assert "kept" in notes_about(result, "$.buyer_model_features[1]")[0]
    assert "made_at" in notes_about(result, "$.product_model_crosses")[0]


def test_crosses_with_different_buckets():
    document = copy.deepcopy(SHOP)
    members = document["buyer_model_crosses"][0]["features"]
    members.append({"column": "bought_at", "type": "temporal", "crossing_buckets": 24})
    result = imported(document)
    assert result.feature_config["query"]["crosses"][0]["member_buckets"] == 10
    path = "$.buyer_model_crosses[0].features[2].crossing_buckets"
    assert "took 10" in notes_about(result, path)[0]


def test_wrong_values_are_all_reported_with_their_paths():
    document = with_feature(column="x", data_type="txt")
    document["buyer_model_features"].append({"data_type": "text", "transforms": {"embedding": {}}})
    document["buyer_model_features"][0]["transforms"]["embedding"]["embedding_dim"] = "64"
    document["product_model_features"][1]["is_primary_id"] = True
    problems = problems_of(document)
    assert [problem.where for problem in problems] == [
        "x.json: $.buyer_model_features[0].transforms.embedding.embedding_dim",
        "x.json: $.buyer_model_features[4].data_type",
        "x.json: $.buyer_model_features[5].column",
        "x.json: $.product_model_features[1].is_primary_id",
    ]
    assert problems[1].remedy == 'Did you mean "text"?'


def test_values_out_of_our_bounds_are_reported():
    document = copy.deepcopy(SHOP)
    document["buyer_model_features"][0]["transforms"]["embedding"]["embedding_dim"] = 100_000
    (problem,) = problems_of(document)
    assert problem.where == "x.json, as features: $.query.features[0].vocabulary.embedding_dim"


def test_model_defaults():
    model = imported({"retrieval_algorithm": "brute_force"}).model_config
    assert model == {
        "version": 1,
        "name": "model",
        "model_type": "retrieval",
        "query_tower": {"layers": []},
        "candidate_tower": {"layers": []},
        "optimizer": {"adagrad": {}},
        "output_embedding_dim": 32,
        "learning_rate": 0.1,
        "batch_size": 4096,
        "epochs": 10,
        "retrieval_weight": 1.0,
        "ranking_weight": 1.0,
        "ranking_loss": {"kind": "mse", "head": []},
        "retrieval": {
            "algorithm": "brute_force",
            "top_k": 100,
            "scann": {"leaves": 100, "leaves_to_search": 10},
        },
    }


def test_model():
    result = imported(
        {
            "name": "wide",
            "model_type": "multitask",
            "buyer_tower_layers": [
                {
                    "type": "dense",
                    "units": 64,
                    "activation": "ReLU",
                    "l1_reg": None,
                    "l2_reg": 0.01,
                },
                {"type": "dropout", "rate": 0.2},
            ],
            "product_tower_layers": [
                {"type": "batch_norm"},
                {"type": "layer_norm", "epsilon": 0.01},
            ],
            "rating_head_layers": [{"type": "dense", "units": 8, "use_bias": False}],
            "optimizer": "rmsprop",
            "loss_function": "huber",
            "retrieval_algorithm": "scann",
            "scann_num_leaves": 50,
            "scann_leaves_to_search": 5,
            "top_k": 10,
            "ranking_weight": 0.5,
        }
    )
    model = result.model_config
    assert model["query_tower"]["layers"] == [
        {"dense": {"units": 64, "l2": 0.01, "activation": "relu"}},
        {"dropout": {"rate": 0.2}},
    ]
    assert model["candidate_tower"]["layers"] == [
        {"batch_norm": {}},
        {"layer_norm": {"epsilon": 0.01}},
    ]
    assert model["ranking_loss"] == {"kind": "huber", "head": [{"dense": {"units": 8}}]}
    assert model["optimizer"] == {"rmsprop": {}}
    assert model["retrieval"]["scann"] == {"leaves": 50, "leaves_to_search": 5}
    assert model["ranking_weight"] == 0.5
    assert notes_about(result, "$.rating_head_layers[0].use_bias")


def test_wrong_model():
    problems = problems_of(
        {
            "buyer_tower_layers": [{"type": "dense"}, {"type": "conv"}, 3],
            "optimizer": "adamm",
            "epochs": "ten",
        }
    )
    assert [problem.where for problem in problems] == [
        "x.json: $.buyer_tower_layers[0].units",
        "x.json: $.buyer_tower_layers[1].type",
        "x.json: $.buyer_tower_layers[1].units",
        "x.json: $.buyer_tower_layers[2]",
        "x.json: $.buyer_tower_layers[2].units",
        "x.json: $.optimizer",
        "x.json: $.epochs",
    ]


LAYERS = {
    "user_embedding_layers": {
        "user_id": {"type": "string", "embedding_size": 64},
        "remaining_credit": {"type": "int", "embedding_size": 1},
        "seen_at": {"type": "timestamp", "embedding_size": 16},
        "previous_item_id": {"type": "sequence", "embedding_size": 32},
    },
    "item_embedding_layers": {
        "item_id": {"type": "string", "embedding_size": 64},
        "category": {"type": "string", "embedding_size": 2},
        "title": {"type": "text", "embedding_size": 4},
        "picture_vector": {"type": "pretrained", "embedding_size": 16},
    },
}


def test_embedding_layers():
    result = imported(LAYERS)
    assert result.feature_config["query"] == {
        "id": "user_id",
        "features": [
            {"column": "user_id", "type": "categorical", "vocabulary": {"embedding_dim": 64}},
            {"column": "remaining_credit", "type": "numeric", "normalize": {"projection_dim": 1}},
            {"column": "seen_at", "type": "temporal", "normalize": {"projection_dim": 16}},
            {"column": "previous_item_id", "type": "history"},
        ],
    }
    assert result.feature_config["interaction"] == {"timestamp": "seen_at"}
    assert result.feature_config["candidate"]["features"][2:] == [
        {"column": "title", "type": "text", "tokens": {"embedding_dim": 4}},
        {"column": "picture_vector", "type": "vector", "vector": {"dimension": 16}},
    ]
    assert result.model_config["output_embedding_dim"] == 64
    assert result.model_config["retrieval_loss"] == {"l2_normalize": True}
    assert result.model_config["query_tower"] == {
        "layers": [{"dense": {"units": 128, "activation": "relu"}}]
    }
    assert notes_about(result, "$.user_embedding_layers.previous_item_id.embedding_size")


def test_embedding_layers_variants():
    document = copy.deepcopy(LAYERS)
    document["user_embedding_layers"]["user_id"]["type"] = "int"
    document["item_embedding_layers"]["category"]["trainable"] = True
    result = imported(document)
    assert result.feature_config["query"]["features"][0]["type"] == "categorical"
    assert notes_about(result, "$.user_embedding_layers.user_id.type")
    assert notes_about(result, "$.item_embedding_layers.category.trainable")


def test_wrong_embedding_layers():
    problems = problems_of(
        {
            "user_embedding_layers": {"u": {"type": "sting"}},
            "item_embedding_layers": {"i": 3, "v": {"type": "pretrained"}},
        }
    )
    assert [problem.where for problem in problems] == [
        "x.json: $.user_embedding_layers.u.type",
        "x.json: $.item_embedding_layers.i",
        "x.json: $.item_embedding_layers.v.embedding_size",
    ]
    assert problems[0].remedy == 'Did you mean "string"?'


TRAINING = """\
epochs: 2
global_batch_size: 8192
compression: "GZIP"
train_path: "data/train/part*"
validate_path: "data/validate/part*"
train_rows: 65536
trainval_rows: 8192
eval_rows: 65536
shuffle_buffer: 10
cycle_length: 8
save_model_path: "models/one"
label: label
dataset_features: {userId: {type: string}, movieId: {type: string}, label: {type: int},
  timestamp: {type: int}}
model:
  learning_rate: 0.01
  features:
    userId: {hash: true, vocab_size: 250000, embedding_dim: 16, belongs_to: user}
    movieId: {hash: true, vocab_size: 50000, embedding_dim: 16, belongs_to: movie}
"""


def imported_yaml(text):
    result = import_text(text, "x.yaml")
    parse_feature_config(json.dumps(result.feature_config))
    parse_model_config(json.dumps(result.model_config))
    return result


def test_training_file():
    result = imported_yaml(TRAINING)
    assert result.feature_config["query"] == {
        "id": "userId",
        "features": [
            {
                "column": "userId",
                "type": "categorical",
                "hash": {"buckets": 250000, "embedding_dim": 16},
            }
        ],
    }
    assert result.feature_config["candidate"]["id"] == "movieId"
    assert result.feature_config["interaction"] == {"label": "label", "timestamp": "timestamp"}
    assert result.model_config == {
        "version": 1,
        "model_type": "ranking",
        "learning_rate": 0.01,
        "batch_size": 8192,
        "epochs": 2,
        "output_embedding_dim": 15,
        "ranking_loss": {"kind": "binary_crossentropy"},
        "query_bias": True,
        "candidate_bias": True,
    }
    for key in (
        "train_path",
        "validate_path",
        "save_model_path",
        "train_rows",
        "trainval_rows",
        "eval_rows",
        "shuffle_buffer",
        "cycle_length",
        "compression",
    ):
        assert notes_about(result, f"$.{key}"), key
    header = notes_about(result, "$.dataset_features")[0]
    assert "userId,movieId,label,timestamp" in header


PLAIN = [
    ("string", "{hash: false, embedding_dim: 4}", {"vocabulary": {"embedding_dim": 4}}),
    (
        "string",
        "{vocab_size: 9, embedding_dim: 4}",
        {"vocabulary": {"embedding_dim": 4, "max_size": 9}},
    ),
    ("int", "{vocab_size: 9, embedding_dim: 4}", {"integer_id": {"size": 9, "embedding_dim": 4}}),
    ("float", "{embedding_dim: 4}", {"normalize": {"projection_dim": 4}}),
]


@pytest.mark.parametrize(("kind", "options", "transform"), PLAIN)
def test_training_file_features(kind, options, transform):
    text = TRAINING.replace("label: {type: int},", f"label: {{type: int}}, x: {{type: {kind}}},")
    text += f"    x: {options}\n"
    feature = imported_yaml(text).feature_config["query"]["features"][1]
    assert {key: feature[key] for key in transform} == transform


def test_unused_column_is_noted():
    text = TRAINING.replace("label: {type: int},", "label: {type: int}, x: {type: int},")
    assert "no feature uses" in notes_about(imported_yaml(text), "$.dataset_features.x")[0]


def test_wrong_training_file():
    text = TRAINING.replace("label: label", "label: lable")
    text = text.replace("    movieId", "    moveId").replace("vocab_size: 250000, ", "")
    with pytest.raises(InputError) as caught:
        import_text(text, "x.yaml")
    assert [problem.where for problem in caught.value.problems] == [
        "x.yaml: $.model.features.userId.vocab_size",
        "x.yaml: $.model.features.moveId",
        "x.yaml: $.label",
    ]


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("a: [1, 2", "expected ',' or ']'"),
        ("a: &x [1]\nb: *x", "an alias, *x"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("[" * 5000, "nested too deep"),
        ("just text", 'the text "just text"'),
        ("a: 2011-99-99", ""),
        ("query: {}\ncandidate: {}", 'an object with "query", "candidate"'),
    ],
)
def test_wrong_yaml(text, received):
    with pytest.raises(InputError) as caught:
        import_text(text, "x.yaml")
    assert received in str(caught.value)


def test_keys_that_stand_twice():
    text = TRAINING + "epochs: 3\n"
    with pytest.raises(InputError) as caught:
        import_text(text, "x.yaml")
    assert caught.value.problems[0].received == "the key more than once"


def test_file(tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps(SHOP), encoding="utf-8")
    assert import_config(path).feature_config["name"] == "shop v1"
    with pytest.raises(InputError):
        import_config(tmp_path / "other.json")


def _keys(value, path=()):
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from _keys(child, (*path, key))


@pytest.mark.parametrize("document", [SHOP, LAYERS], ids=["shop", "layers"])
def test_spoilt_documents(document):
    paths = list(_keys(document))
    scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5)
    values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(), scalars)

    @settings(max_examples=80, deadline=None)
    @given(st.sampled_from(paths), values)
    def check(path, value):
        spoilt = copy.deepcopy(document)
        place = spoilt
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
        with contextlib.suppress(InputError):
            imported(spoilt)

    check()
