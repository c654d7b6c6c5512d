"""Fixed, resolved configs for tests: one with everything, and one for each option.

- `full_feature_config()`: one FeatureConfig with every kind, transform and cycle.
- `model_config_variants()`: named ModelConfigs, each with one option that the default has not.
"""

from __future__ import annotations

import json
from typing import Any

from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.proto.feature_config_pb2 import Cyclical, FeatureConfig
from tfx_retrieval.proto.model_config_pb2 import Dense, ModelConfig, Optimizer

QUERY_ID = "user"
CANDIDATE_ID = "item"

CYCLES = [name for name in Cyclical.Cycle.keys() if name != "unspecified"]  # noqa: SIM118
ACTIVATIONS = [name for name in Dense.Activation.keys() if name != "unspecified"]  # noqa: SIM118
OPTIMIZERS = [field.name for field in Optimizer.DESCRIPTOR.fields]


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


def forty_features() -> dict[str, Any]:
    """A FeatureConfig of 40 features of every kind and two crosses, as a JSON object."""
    kinds: list[dict[str, Any]] = [
        {"type": "categorical"},
        {"type": "categorical", "hash": {"buckets": 100}},
        {"type": "categorical", "values": {"separator": "|"}},
        {"type": "numeric", "normalize": {"log": True}, "bucketize": {}},
        {"type": "temporal", "normalize": {}, "cyclical": {"cycles": CYCLES}},
        {"type": "text", "tokens": {"ngrams": 2}},
        {"type": "boolean"},
        {"type": "vector", "vector": {"dimension": 8, "trainable": True}},
    ]
    columns = [{"column": f"column_{n}", **kinds[n % len(kinds)]} for n in range(37)]
    return {
        "query": {
            "id": QUERY_ID,
            "features": [
                {"column": QUERY_ID, "type": "categorical"},
                {"column": "earlier", "type": "history", "history": {"pooling": "attention"}},
                *columns[:18],
            ],
            "crosses": [{"columns": ["column_0", "column_3", "column_4"]}],
        },
        "candidate": {
            "id": CANDIDATE_ID,
            "features": [{"column": CANDIDATE_ID, "type": "categorical"}, *columns[18:]],
            "crosses": [{"columns": ["column_24", "column_19"]}],
        },
        "interaction": {"timestamp": "when"},
    }


def model_config_variants() -> dict[str, ModelConfig]:
    """Named ModelConfigs: the default and, one by one, every option it does not use."""
    small = {"output_embedding_dim": 4, "batch_size": 8, "epochs": 1}
    dense = {"dense": {"units": 8}}
    options = {
        "default": {},
        **{
            f"optimizer {name}": {"optimizer": {name: {}}}
            for name in OPTIMIZERS
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
        "plateau": {"reduce_on_plateau": {"factor": 0.1, "min_learning_rate": 0.001}},
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
        "TPU embedding": {"distribution": {"tpu_embedding": {"pipelined": True}}},
        "parameter server": {"distribution": {"parameter_server": {"min_shard_bytes": 1024}}},
    }
    return {
        name: parse_model_config(json.dumps({**small, **document}), name)
        for name, document in options.items()
    }
