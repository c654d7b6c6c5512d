"""User and item embedding layers."""

import copy

from support.imported_configs import (
    LAYERS,
    imported,
    notes_about,
    problems_of,
)


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
