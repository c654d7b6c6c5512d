"""Config messages as plain JSON."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tfx_retrieval.config import rules


def canonical_json(message: Message) -> str:
    """Returns a resolved message as JSON text with sorted keys and no white space.

    Two configs that mean the same have the same canonical text, whichever defaults they spell out:
    it is what components take as a parameter and what caches are keyed by. Reading the text gives
    an equal message.

    Args:
        message: A FeatureConfig, a ModelConfig or a part of one, as the readers return it.
    """
    return json.dumps(
        to_dict(message), sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")
    )


def to_dict(message: Message) -> dict[str, Any]:
    """Returns a resolved message as a JSON object, keys in the order of the `.proto` file.

    Keys of maps are sorted. Empty lists, maps and texts and parts that are not there have no key.
    """
    content: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if rules.is_map(field):
            if value:
                content[field.name] = dict(sorted(value.items()))
        elif rules.is_repeated(field):
            if value:
                content[field.name] = [_plain(field, entry) for entry in value]
        elif field.has_presence:
            if message.HasField(field.name):
                content[field.name] = _plain(field, value)
        elif value != "":
            content[field.name] = _plain(field, value)
    return content


def _plain(field: FieldDescriptor, value: Any) -> Any:
    """Returns one value of `field` as JSON."""
    if rules.is_any_value(field):
        return plain_value(value)
    if rules.is_message(field):
        return to_dict(value)
    if field.type == field.TYPE_ENUM:
        return field.enum_type.values_by_number[value].name
    return value


def plain_value(value: struct_pb2.Value) -> Any:
    """Returns what a `google.protobuf.Value` holds; whole numbers come as integers."""
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [plain_value(entry) for entry in value.list_value.values]
    if kind == "number_value" and value.number_value.is_integer():
        return int(value.number_value)
    return getattr(value, kind) if kind and kind != "null_value" else None
