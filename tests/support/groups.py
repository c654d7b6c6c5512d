"""Users who each take the items of one group, for tests in which a model must learn something."""

from __future__ import annotations

import json
import pathlib
import random

from support import generated_modules

from tfx_retrieval.config import parse_feature_config

GROUPS = 6
MEMBERS = 10

FEATURES = {
    "query": {
        "id": "user",
        "features": [
            {"column": "user", "type": "categorical"},
            {"column": "age", "type": "numeric"},
        ],
    },
    "candidate": {"id": "item", "features": [{"column": "item", "type": "categorical"}]},
    "interaction": {"label": "liked"},
}
MODEL = {
    **{"output_embedding_dim": 8, "batch_size": 32, "epochs": 1, "learning_rate": 0.5},
    "retrieval": {"top_k": 5},
}


def transform_groups(directory: pathlib.Path) -> generated_modules.Transformed:
    """Transforms every pair of a user and an item of one group: 480 to train, 120 to evaluate."""
    rows = [
        {
            "user": f"user {user}",
            "age": float(user),
            "item": f"item {user % GROUPS + GROUPS * member}",
            "liked": float(user % 2),
        }
        for user in range(GROUPS * MEMBERS)
        for member in range(MEMBERS)
    ]
    random.Random(5).shuffle(rows)
    schema = generated_modules.schema({"user": str, "age": float, "item": str, "liked": float})
    return generated_modules.transform(
        FEATURES, schema, directory, train=rows[:480], eval=rows[480:]
    )


def group_trainer(directory: pathlib.Path, **options):
    """Generates and imports a trainer of small models, but for `options`."""
    features = parse_feature_config(json.dumps(FEATURES))
    return generated_modules.trainer(features, {**MODEL, **options}, directory)
