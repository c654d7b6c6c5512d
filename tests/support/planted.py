"""A small table of interactions with tastes planted in it."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUPS = 6
QUERIES = 240
CANDIDATES = 180
ROWS = 9_000


@dataclasses.dataclass(frozen=True)
class PlantedJob:
    """Files of a job on the planted table.

    Attributes:
        data: Parquet table: Buyer ID (`buyer` in the config), town, bought_at, sku, name, price.
        features: FeatureConfig.
        model: ModelConfig.
    """

    data: pathlib.Path
    features: pathlib.Path
    model: pathlib.Path


def group_of(sku: str) -> int:
    """Returns the taste group of a candidate id such as `sku-17`."""
    return int(sku.split("-")[1]) % GROUPS


def write_job(directory: pathlib.Path) -> PlantedJob:
    """Writes a table in which each buyer prefers one group of products, and two configs.

    Args:
        directory: Where the files go.
    """
    random = np.random.default_rng(7)
    buyers = random.integers(0, QUERIES, ROWS)
    liked = random.random(ROWS) < 0.9
    groups = np.where(liked, buyers % GROUPS, random.integers(0, GROUPS, ROWS))
    within = random.zipf(1.3, ROWS) % (CANDIDATES // GROUPS)
    candidates = within * GROUPS + groups
    table = pa.table(
        {
            "Buyer ID": [f"buyer-{b}" for b in buyers],
            "town": [None if b % 10 == 0 else f"town-{b % 7}" for b in buyers],
            "bought_at": pa.array(
                1_600_000_000 + np.sort(random.integers(0, 40_000_000, ROWS)), pa.timestamp("s")
            ),
            "sku": [f"sku-{c}" for c in candidates],
            "name": [f"Thing {c} of group {c % GROUPS}" for c in candidates],
            "price": np.round(1 + candidates * 0.5, 2),
        }
    )
    features = {
        "version": 1,
        "name": "planted",
        "headings": {"buyer": "Buyer ID"},
        "query": {
            "id": "buyer",
            "features": [
                {"column": "buyer", "type": "categorical"},
                {"column": "town", "type": "categorical"},
                {
                    "column": "bought_at",
                    "type": "temporal",
                    "cyclical": {"cycles": ["hour_of_day", "month_of_year"]},
                },
            ],
            "crosses": [{"columns": ["town", "bought_at"], "hash_buckets": 50}],
        },
        "candidate": {
            "id": "sku",
            "title": "name",
            "features": [
                {"column": "sku", "type": "categorical"},
                {"column": "name", "type": "text"},
                {"column": "price", "type": "numeric", "normalize": {"log": True}},
            ],
        },
        "interaction": {"timestamp": "bought_at"},
    }
    model = {
        "version": 1,
        "output_embedding_dim": 16,
        "batch_size": 256,
        "epochs": 4,
        "retrieval": {"top_k": 50},
    }
    job = PlantedJob(directory / "rows.parquet", directory / "f.json", directory / "m.json")
    pq.write_table(table, job.data)
    job.features.write_text(json.dumps(features))
    job.model.write_text(json.dumps(model))
    return job
