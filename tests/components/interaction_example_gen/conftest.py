"""Tables of interactions and the specs to read them, for the tests beside this file."""

import glob

import hypothesis
import numpy as np
import pandas as pd
import pytest

from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ColumnSpec,
    SplitSpec,
    TableSpec,
)

# How long an example takes says more about what else the machine does.
hypothesis.settings.register_profile("no_deadline", deadline=None)
hypothesis.settings.load_profile("no_deadline")

_COLUMNS = (
    ColumnSpec("user", "categorical"),
    ColumnSpec("item", "categorical"),
    ColumnSpec("time", "temporal"),
    ColumnSpec("rating", "numeric"),
    ColumnSpec("name", "text"),
)


@pytest.fixture
def make_spec():
    """Returns a function that makes the spec of `interactions` with some fields changed."""

    def make(split="random", **changes):
        fields = {
            "columns": _COLUMNS,
            "example_columns": ("user", "item", "time", "rating"),
            "query_id": "user",
            "candidate_id": "item",
            "candidate_columns": ("item", "name"),
            "title": "name",
            "timestamp": "time",
            "label": "rating",
            "split": SplitSpec(split) if isinstance(split, str) else split,
        }
        return TableSpec(**{**fields, **changes})

    return make


@pytest.fixture
def interactions():
    """400 interactions of 30 users with 25 items, with repeated pairs and equal times."""
    generator = np.random.default_rng(7)
    size = 400
    item = generator.integers(0, 25, size)
    return pd.DataFrame(
        {
            "user": generator.integers(100, 130, size),
            "item": [f"{number:03d}" for number in item],
            "time": 1_600_000_000 + generator.integers(0, 120, size) * 3600,
            "rating": generator.integers(1, 11, size) / 2,
            "name": [f"item {number}" for number in item],
        }
    )


@pytest.fixture
def read_examples():
    """Returns a function that reads the features of each Example of a split."""
    import tensorflow as tf

    def read(directory, split):
        paths = sorted(glob.glob(f"{directory}/Split-{split}/*"))
        rows = []
        for record in tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            rows.append({name: _values(feature) for name, feature in features.items()})
        return rows

    return read


def _values(feature):
    kind = feature.WhichOneof("kind")
    return None if kind is None else list(getattr(feature, kind).value)
