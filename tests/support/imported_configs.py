"""Configs of other systems, and what importing them gives."""

from __future__ import annotations

import json

import pytest

from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.config.importers import import_text
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


def imported_yaml(text):
    result = import_text(text, "x.yaml")
    parse_feature_config(json.dumps(result.feature_config))
    parse_model_config(json.dumps(result.model_config))
    return result


def notes_about(result, path):
    return [note for note in result.notes if note.startswith(f"{path}:")]
