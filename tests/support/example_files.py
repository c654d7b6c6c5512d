"""Hand-made Examples artifacts: tf.train.Examples in gzip TFRecords, as ExampleGen writes them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

_TEXTS = ("", "Ünïcode wörds", "two  words", "line\nbreak word", "word", "日本 語", "a b c d e f")


def example(**features) -> bytes:
    """Returns a serialized tf.train.Example; None leaves a feature out."""
    result = tf.train.Example()
    for name, value in features.items():
        if value is None:
            continue
        values = value if isinstance(value, list | tuple) else [value]
        feature = result.features.feature[name]
        if isinstance(values[0], float):
            feature.float_list.value.extend(values)
        elif isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(
                value.encode() if isinstance(value, str) else value for value in values
            )
    return result.SerializeToString()


def interaction_rows(count: int, seed: int, names: int) -> list[bytes]:
    """Returns examples with missing values, ties, unicode, empty strings and line breaks."""
    random = np.random.default_rng(seed)
    result = []
    for row in range(count):
        name = f"name {min(int(random.exponential(names / 4)), names)}"
        result.append(
            example(
                row=row,
                name=("", "line\nbreak", "ß", "\r")[row % 4] if row % 50 == 7 else name,
                kind=None if random.random() < 0.3 else "abcdef"[random.integers(6)],
                text=None if row % 11 == 3 else _TEXTS[random.integers(len(_TEXTS))],
                tags=[f"tag{tag}" for tag in random.integers(0, 9, random.integers(4))] or None,
                price=None if random.random() < 0.2 else float(np.float32(random.lognormal())),
                count=int(random.integers(-3, 12)),
                time=1_700_000_000 + int(random.integers(0, 10**7)),
                vector=[float(np.float32(value)) for value in random.normal(size=3)],
                unused="x" * 50,
            )
        )
    return result


def write_records(directory: pathlib.Path, records: Sequence[bytes], shards: int = 2) -> None:
    """Writes one split."""
    directory.mkdir(parents=True)
    for shard in range(shards):
        path = directory / f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz"
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for record in records[shard::shards]:
                writer.write(record)


def artifact(artifact_type, uri: pathlib.Path):
    """Returns an artifact of `artifact_type` at `uri`."""
    result = artifact_type()
    result.uri = str(uri)
    return result


def examples_artifact(
    uri: pathlib.Path, splits: Mapping[str, Sequence[bytes]]
) -> standard_artifacts.Examples:
    """Writes splits and returns the artifact that holds them."""
    result = artifact(standard_artifacts.Examples, uri)
    result.split_names = artifact_utils.encode_split_names(list(splits))
    for name, records in splits.items():
        write_records(uri / f"Split-{name}", records)
    return result
