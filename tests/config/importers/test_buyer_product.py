"""Buyer and product features."""

import copy

import pytest
from support.imported_configs import SHOP, imported, notes_about, problems_of


def with_feature(**feature):
    """The shop with one more buyer feature."""
    document = copy.deepcopy(SHOP)
    document["buyer_model_features"].append(feature)
    return document


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
