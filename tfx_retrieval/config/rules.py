"""What the config messages say about their own fields, read from the protobuf descriptors."""

from __future__ import annotations

import functools
import json
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from tfx_retrieval.proto import options_pb2

MAX_NAME_CHARACTERS = 128
MAX_TEXT_CHARACTERS = 4096
UNSPECIFIED = "unspecified"
INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


@functools.cache
def rule(field: FieldDescriptor) -> options_pb2.Rule:
    """Returns the rule that `field` carries."""
    return field.GetOptions().Extensions[options_pb2.rule]


@functools.cache
def fields(message: Descriptor) -> dict[str, FieldDescriptor]:
    """Returns the fields of `message` by name, in their order.

    Unlike the descriptor's own mapping, this one can be asked for any text.
    """
    return {field.name: field for field in message.fields}


@functools.cache
def oneofs(message: Descriptor) -> tuple[tuple[str, tuple[str, ...], bool], ...]:
    """Returns each oneof of `message`: its name, its members and whether one must be there."""
    return tuple(
        (
            oneof.name,
            tuple(field.name for field in oneof.fields),
            oneof.GetOptions().Extensions[options_pb2.oneof_rule].required,
        )
        for oneof in message.oneofs
        # `optional` fields come as oneofs of one member.
        if not (len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}")
    )


def is_repeated(field: FieldDescriptor) -> bool:
    """Returns whether `field` is a list."""
    return field.label == FieldDescriptor.LABEL_REPEATED


def is_map(field: FieldDescriptor) -> bool:
    """Returns whether `field` is a map, which is a map of texts by name."""
    return is_message(field) and field.message_type.GetOptions().map_entry


def is_message(field: FieldDescriptor) -> bool:
    """Returns whether a value of `field` is a message."""
    return field.type == FieldDescriptor.TYPE_MESSAGE


def is_any_value(field: FieldDescriptor) -> bool:
    """Returns whether `field` takes a bare JSON value."""
    return is_message(field) and field.message_type.full_name == "google.protobuf.Value"


def is_one_line(field: FieldDescriptor) -> bool:
    """Returns whether a text of `field` is a column or another name."""
    return rule(field).column or rule(field).name


def enum_names(field: FieldDescriptor) -> list[str]:
    """Returns the names that a value of an enum field may have."""
    return [value.name for value in field.enum_type.values if value.name != UNSPECIFIED]


def enum_docs(enum: EnumDescriptor) -> dict[str, str]:
    """Returns each name of an enum with its sentence, which may be empty."""
    return {
        value.name: value.GetOptions().Extensions[options_pb2.value_doc]
        for value in enum.values
        if value.name != UNSPECIFIED
    }


@functools.cache
def default(field: FieldDescriptor) -> Any:
    """Returns the JSON value that stands in for an absent key, or None if there is none."""
    text = rule(field).default_json
    return json.loads(text) if text else None


def bounds(field: FieldDescriptor) -> tuple[float | None, bool, float | None, bool]:
    """Returns a number's (smallest, is it excluded, largest, is it excluded); None is open."""
    limits = rule(field)
    return (
        limits.min if limits.HasField("min") else None,
        limits.exclusive_min,
        limits.max if limits.HasField("max") else None,
        limits.exclusive_max,
    )


def expected_value(field: FieldDescriptor) -> str:
    """Returns in words what one value of `field` must be, with its article."""
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "true or false"
    if field.type == FieldDescriptor.TYPE_ENUM:
        return "one of " + ", ".join(enum_names(field))
    if field.type == FieldDescriptor.TYPE_STRING:
        return expected_text(field)
    if is_any_value(field):
        return "a text, a number, true or false, or a list of these"
    if is_map(field):
        return "an object, each value a text"
    if is_message(field):
        return "an object"
    noun = "an integer" if field.type == FieldDescriptor.TYPE_INT32 else "a number"
    return noun + _range_words(field)


def expected_text(field: FieldDescriptor) -> str:
    """Returns in words what a text of `field` must be; of a map, each of its keys and values."""
    if rule(field).column:
        return f"a column name, one line of 1 to {MAX_NAME_CHARACTERS} characters"
    if rule(field).name:
        return f"a name, one line of 1 to {MAX_NAME_CHARACTERS} characters"
    least = rule(field).min_length
    return f"a text of {least} to {MAX_TEXT_CHARACTERS:,} characters"


def _range_words(field: FieldDescriptor) -> str:
    """Returns the bounds of a number field in words, led by a space unless empty."""
    smallest, above, largest, below = bounds(field)
    if smallest is not None and smallest == largest:
        return f" equal to {_plain(smallest)}"
    if smallest is not None and largest is not None and not above and not below:
        return f" from {_plain(smallest)} to {_plain(largest)}"
    words = []
    if smallest is not None:
        words.append(f"{'above' if above else 'at least'} {_plain(smallest)}")
    if largest is not None:
        words.append(f"{'below' if below else 'at most'} {_plain(largest)}")
    return " " + " and ".join(words) if words else ""


def _plain(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"
