"""Features of the MovieLens table without TensorFlow, for the scripts that use no pipeline."""

import math

import numpy as np
import pyarrow.csv

QUERY_DIMS = {"user_id": 32, "gender": 4, "occupation_bucket": 4, "cross": 4}
QUERY_NUMBERS = ("age_norm", "hour_sin", "hour_cos")
CANDIDATE_DIMS = {"movie_id": 32, "genres": 8}
CANDIDATE_NUMBERS = ("year_norm",)
TRAIN_SHARE = 0.8


def read(path):
    """Reads and encodes the table.

    Args:
        path: CSV file of `movielens.write_csv`.

    Returns:
        Features by name, the number of values of each index, and which rows train.
    """
    table = pyarrow.csv.read_csv(path)
    features, sizes = {}, {"occupation_bucket": 11, "cross": 1000}
    for name in ("user_id", "movie_id", "gender", "genres"):
        features[name], sizes[name] = _indexed(table[name])
    features["age_norm"], features["year_norm"] = _scaled(table["age"]), _scaled(table["year"])
    features["occupation_bucket"] = _buckets(table["occupation"], 10)
    hour = table["timestamp"].to_numpy() // 3600 % 24 * (2 * math.pi / 24)
    features["hour_sin"] = np.sin(hour).astype("float32")
    features["hour_cos"] = np.cos(hour).astype("float32")
    cross = features["gender"] * 100 + _buckets(table["age"], 10)
    features["cross"] = (cross % 1000).astype("int32")
    rows = np.random.default_rng(0).permutation(len(table))
    return features, sizes, rows[: int(len(rows) * TRAIN_SHARE)]


def batches(features, rows, size, epoch):
    """Returns the features in another order, `[batches, size]`; the last rows are left out."""
    kept = len(rows) // size * size
    rows = rows[np.random.default_rng(epoch).permutation(len(rows))[:kept]]
    return {name: values[rows].reshape(-1, size) for name, values in features.items()}


def _indexed(column):
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype("int32"), len(encoded.dictionary) + 1


def _scaled(column):
    values = column.to_numpy().astype("float32")
    return (values - values.mean()) / values.std()


def _buckets(column, count):
    values = column.to_numpy()
    edges = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    return np.digitize(values, edges).astype("int32")
