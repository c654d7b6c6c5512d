"""Features of the benchmark's tables without TensorFlow, for the scripts that use no pipeline."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from speed_sets import MAX_TOKENS, SETS, TRAIN_SHARE


def read(name, path):
    """Reads and encodes a table.

    Args:
        name: A key of `speed_sets.SETS`.
        path: CSV file of it.

    Returns:
        Features by name, `[rows]` or `[rows, values]`, the number of values of each index, and
        which rows train.
    """
    # By its first rows, a code could be taken for a number.
    options = pyarrow.csv.ConvertOptions(column_types={"StockCode": pa.string()})
    table = pyarrow.csv.read_csv(path, convert_options=options)
    encode = {"movielens": _movielens, "retail": _retail}[name]
    features, sizes = encode(table)
    rows = np.random.default_rng(0).permutation(len(table))
    return features, {**SETS[name].sizes, **sizes}, rows[: int(len(rows) * TRAIN_SHARE)]


def batches(features, rows, size, epoch):
    """Returns the features in another order, `[batches, size, ...]`; the last rows are left out."""
    kept = len(rows) // size * size
    rows = rows[np.random.default_rng(epoch).permutation(len(rows))[:kept]]
    return {
        name: values[rows].reshape(-1, size, *values.shape[1:]) for name, values in features.items()
    }


def _movielens(table):
    features, sizes = {}, {}
    for name in ("user_id", "movie_id", "gender", "genres"):
        features[name], sizes[name] = _indexed(table[name])
    features["age_norm"], features["year_norm"] = _scaled(table["age"]), _scaled(table["year"])
    features["occupation_bucket"] = _buckets(table["occupation"], 10)
    features.update(_cycle("hour", table["timestamp"].to_numpy() // 3600 % 24, 24))
    cross = features["gender"] * 100 + _buckets(table["age"], 10)
    features["gender_x_age_cross"] = (cross % 1000).astype("int32")
    return features, sizes


def _retail(table):
    features, sizes = {}, {}
    for name in ("CustomerID", "Country", "StockCode"):
        features[name], sizes[name] = _indexed(table[name])
    time = table["InvoiceDate"]
    features["InvoiceDate_norm"] = _scaled(pc.cast(time, pa.int64()))
    features.update(_cycle("day_of_year", pc.day_of_year(time).to_numpy() - 1, 365))
    features.update(_cycle("day_of_week", pc.day_of_week(time).to_numpy(), 7))
    features.update(_cycle("hour_of_day", pc.hour(time).to_numpy(), 24))
    features["Description_tokens"], sizes["Description_tokens"] = _tokens(table["Description"])
    features["UnitPrice_norm"] = _scaled(pc.log1p(table["UnitPrice"]))
    features["UnitPrice_bucket"] = _buckets(table["UnitPrice"], 20)
    return features, sizes


def _indexed(column):
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype("int32"), len(encoded.dictionary) + 1


def _scaled(column):
    values = column.to_numpy().astype("float64")
    return ((values - values.mean()) / values.std()).astype("float32")


def _buckets(column, count):
    values = column.to_numpy()
    edges = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    return np.digitize(values, edges).astype("int32")


def _cycle(name, place, period):
    angle = place * (2 * math.pi / period)
    return {
        f"{name}_sin": np.sin(angle).astype("float32"),
        f"{name}_cos": np.cos(angle).astype("float32"),
    }


def _tokens(column):
    """Returns the indices of each text's first words; a text that occurs often is split once."""
    encoded = column.combine_chunks().dictionary_encode()
    plain = pc.replace_substring_regex(pc.utf8_lower(encoded.dictionary), r"[^\pL\pM\pN]+", " ")
    index = {}
    texts = np.full([len(plain), MAX_TOKENS], -1, "int32")
    for row, text in enumerate(plain.to_pylist()):
        for place, word in enumerate(text.split()[:MAX_TOKENS]):
            texts[row, place] = index.setdefault(word, len(index))
    return texts[encoded.indices.to_numpy()], len(index) + 1
