"""Reads tf.Examples back for people, without the seconds that importing TensorFlow takes."""

from __future__ import annotations

import functools
import gzip
import pathlib
import struct
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tfx_retrieval.errors import InputError, Problem

_FIELD = descriptor_pb2.FieldDescriptorProto
# Length of a record's length, and of the checksums behind the length and behind the record.
_LENGTH, _CHECKSUM = 8, 4


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
    folder = examples / f"Split-{split}"
    if not folder.is_dir():
        known = sorted(path.name.removeprefix("Split-") for path in examples.glob("Split-*"))
        raise InputError(Problem("--split", repr(split), f"one of {', '.join(known)}"))
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.gz")):
        for record in _records(path):
            if len(rows) == number:
                return rows
            rows.append(as_python(_example_class().FromString(record)))
    return rows


def as_python(example: Any) -> dict[str, Any]:
    """Returns the features of a tf.Example by name, in alphabetical order.

    Args:
        example: A `tf.train.Example`, or another message with its fields.

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


def _records(path: pathlib.Path) -> Iterator[bytes]:
    """Yields the records of a gzip TFRecord file."""
    with gzip.open(path) as stream:
        while header := stream.read(_LENGTH + _CHECKSUM):
            (length,) = struct.unpack_from("<Q", header)
            yield stream.read(length)
            stream.read(_CHECKSUM)


@functools.cache
def _example_class() -> Any:
    """Returns a message class with the wire format of `tf.train.Example`."""
    file = descriptor_pb2.FileDescriptorProto(
        name="example.proto", package="example", syntax="proto3"
    )
    for name, kind in (
        ("BytesList", _FIELD.TYPE_BYTES),
        ("FloatList", _FIELD.TYPE_FLOAT),
        ("Int64List", _FIELD.TYPE_INT64),
    ):
        values = file.message_type.add(name=name).field.add(name="value", number=1, type=kind)
        values.label = _FIELD.LABEL_REPEATED
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("BytesList", "FloatList", "Int64List"), 1):
        _add_message_field(feature, name.replace("List", "_list").lower(), number, name)
        feature.field[-1].oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    _add_message_field(entry, "value", 2, "Feature")
    _add_message_field(features, "feature", 1, "Features.FeatureEntry")
    features.field[-1].label = _FIELD.LABEL_REPEATED
    _add_message_field(file.message_type.add(name="Example"), "features", 1, "Features")

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName("example.Example")
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def _add_message_field(message: Any, name: str, number: int, type_name: str) -> None:
    message.field.add(
        name=name,
        number=number,
        type=_FIELD.TYPE_MESSAGE,
        type_name=f".example.{type_name}",
        label=_FIELD.LABEL_OPTIONAL,
    )


def _readable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return value
