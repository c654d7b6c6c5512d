"""A small shop: raw rows with gaps, features of every kind, and calls of generated trainers."""

from __future__ import annotations

import copy
import dataclasses
import json
import pathlib
import random
import types
from typing import Any

import tensorflow as tf
from support import generated_modules

from tfx_retrieval.config import parse_feature_config

_FIRST_EAN = 4_006_381_333_000  # Ids that do not fit into 32 bits.
ITEMS = 12
USERS = 9

SHOP = {
    "query": {
        "id": "user",
        "features": [
            {"column": "user", "type": "categorical"},
            {"column": "city", "type": "categorical", "vocabulary": {"name": "place"}},
            {"column": "age", "type": "numeric", "normalize": {"projection_dim": 3}},
            {"column": "member", "type": "boolean"},
            {
                "column": "when",
                "type": "temporal",
                "normalize": {},
                "bucketize": {"buckets": 3},
                "cyclical": {"cycles": ["day_of_week", "week_of_year"]},
            },
            {"column": "taste", "type": "vector", "vector": {"dimension": 3}},
            {"column": "earlier", "type": "history", "history": {"max_length": 4}},
        ],
        "crosses": [{"columns": ["city", "age", "member"], "hash_buckets": 20}],
    },
    "candidate": {
        "id": "ean",
        "features": [
            {"column": "ean", "type": "categorical"},
            {"column": "origin", "type": "categorical", "vocabulary": {"name": "place"}},
            {"column": "shelf", "type": "categorical", "integer_id": {"size": 4}},
            {"column": "code", "type": "categorical", "hash": {"buckets": 7}},
            {"column": "tags", "type": "categorical", "values": {"max_values": 3}},
            {"column": "title", "type": "text"},
            {"column": "price", "type": "numeric", "bucketize": {"buckets": 3}},
            {"column": "look", "type": "vector", "vector": {"dimension": 2, "trainable": True}},
        ],
    },
    "interaction": {"timestamp": "when", "label": "liked", "weight": "worth"},
}
KINDS = {
    **dict.fromkeys(("user", "city", "origin", "code", "tags", "title"), str),
    **dict.fromkeys(("member", "when", "ean", "shelf", "earlier"), int),
    **dict.fromkeys(("age", "taste", "price", "look", "liked", "worth"), float),
}
SHAPES = {
    **{name: [] for name in KINDS},
    **{"taste": [3], "look": [2], "tags": [2], "earlier": [3]},
}


def features(pooling="mean"):
    """The shop's FeatureConfig; the transform does not depend on the history's pooling."""
    document = copy.deepcopy(SHOP)
    document["query"]["features"][-1]["history"]["pooling"] = pooling
    return parse_feature_config(json.dumps(document))


def shop_item(number):
    """Raw candidate columns of an item."""
    return {
        "ean": _FIRST_EAN + number,
        "origin": f"town {number % 3}",
        "shelf": number % 4,
        "code": f"code {number % 5}",
        "tags": [f"tag {number % 2}", f"tag {number % 3}"],
        "title": f"Lamp number {number}",
        "price": 1.5 * number,
        "look": [0.1 * number, -1.0],
    }


def shop_user(number, source):
    """Raw query columns of a user at some time."""
    return {
        "user": f"user {number}",
        "city": f"town {number % 4}",
        "age": 20.0 + number,
        "member": number % 2,
        "when": 1_700_000_000 + 40_000 * source.randrange(100),
        "taste": [0.3 * number, 1.0, -0.5],
        "earlier": [_FIRST_EAN + source.randrange(ITEMS) for _ in range(3)],
    }


def shop_rows(count, seed, users=USERS, items=ITEMS, gaps=True):
    """Raw interactions; low item numbers are frequent, and some columns of some rows are empty."""
    source = random.Random(seed)
    rows = []
    for number in range(count):
        item = min(source.randrange(items), source.randrange(items))
        row = {
            **shop_user(source.randrange(users), source),
            **shop_item(item),
            "liked": float(number % 2),
            "worth": 1.0 + number % 3,
        }
        optional = sorted(row.keys() - {"user", "ean", "liked", "worth"})
        for name in optional if gaps and number % 5 == 0 else ():
            if source.random() < 0.3:
                del row[name]
        rows.append(row)
    return rows


PROBES = [
    {**shop_user(2, random.Random(1)), **shop_item(3)},
    {"user": "user 3", "ean": _FIRST_EAN + 4},
    {},
    {
        **shop_user(700, random.Random(2)),
        **{**shop_item(500), "city": "unseen", "origin": "unseen", "title": "Unseen words"},
        **{"earlier": [_FIRST_EAN + 1, 5, 6, 7, 8, 9], "tags": ["unseen"]},
    },
    {**shop_user(1, random.Random(3)), **shop_item(1), "earlier": [_FIRST_EAN]},
]
"""Raw rows for serving: usual, with ids alone, empty, with unseen values, with a short list."""


@dataclasses.dataclass(frozen=True)
class Trained:
    """What one call of a generated `run_fn` left.

    Attributes:
        module: The generated module.
        model: The Keras model that was exported.
        saved: The SavedModel, loaded.
        directory: Holds `serving` and `run`.
    """

    module: types.ModuleType
    model: Any
    saved: Any
    directory: pathlib.Path

    @property
    def history(self) -> dict[str, list[float]]:
        return json.loads((self.directory / "run" / "history.json").read_text())


def train(module, transformed, directory, **changes):
    """Calls `run_fn` as TFX does and returns what came out."""
    models = []
    save = module.save

    def remember_and_save(model, *arguments):
        models.append(model)
        save(model, *arguments)

    module.save = remember_and_save
    try:
        module.run_fn(generated_modules.fn_args(transformed, directory, **changes))
    finally:
        module.save = save
    saved = tf.saved_model.load(str(directory / "serving"))
    return Trained(module, models[0], saved, directory)


def fit(module, transformed, directory, **changes):
    """Trains as `run_fn` does and exports nothing, which takes longer than training here.

    Returns:
        The model, and its losses and metrics by name.
    """
    arguments = generated_modules.fn_args(transformed, directory, **changes)
    options = module.training_options(arguments)
    data = module.read_data(arguments, transformed.output)
    strategy = module.distribution_strategy()
    return module.train_model(arguments, options, transformed.output, strategy, data)


def transform_shop(directory, rows=None, fixed=None):
    """Transforms rows of the shop; the split `probes` holds PROBES."""
    # A schema of dense columns allows no gaps.
    probes = PROBES if fixed is None else []
    return generated_modules.transform(
        SHOP,
        generated_modules.schema(KINDS, fixed),
        directory,
        train=rows or shop_rows(64, 1),
        eval=shop_rows(16, 2, gaps=fixed is None),
        probes=probes,
    )
