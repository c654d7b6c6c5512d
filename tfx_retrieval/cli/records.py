"""Reads tf.Examples back for people."""

from __future__ import annotations

import pathlib
from typing import Any

from tfx_retrieval.errors import InputError, Problem


def read(examples: pathlib.Path, split: str, number: int) -> list[dict[str, Any]]:
    """Reads the first records of a split.

    Args:
        examples: Folder of an Examples artifact.
        split: Name of the split.
        number: How many records to read at most.

    Returns:
        The records, see `as_python`.

    Raises:
        InputError: If the artifact has no such split.
    """
    import tensorflow as tf

    folder = examples / f"Split-{split}"
    if not folder.is_dir():
        known = sorted(path.name.removeprefix("Split-") for path in examples.glob("Split-*"))
        raise InputError(Problem("--split", repr(split), f"one of {', '.join(known)}"))
    dataset = tf.data.TFRecordDataset(
        sorted(map(str, folder.glob("*.gz"))), compression_type="GZIP"
    )
    return [
        as_python(tf.train.Example.FromString(record.numpy())) for record in dataset.take(number)
    ]


def as_python(example: Any) -> dict[str, Any]:
    """Returns the features of a tf.Example by name, in alphabetical order.

    Args:
        example: A `tf.train.Example`.

    Returns:
        For each feature its value, a list where there are several, None where there is none; bytes
        as text.
    """
    row: dict[str, Any] = {}
    for name, feature in sorted(example.features.feature.items()):
        kind = feature.WhichOneof("kind")
        values = [_readable(value) for value in getattr(feature, kind).value] if kind else []
        row[name] = (values[0] if values else None) if len(values) < 2 else values
    return row


def _readable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return value
