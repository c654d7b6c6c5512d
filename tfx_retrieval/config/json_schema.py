"""JSON Schema of the configs, made from the messages and their rules.

The shipped files in `schemas/` give completion and checks in editors. They take everything that the
readers take; rules that concern more than one value are the readers' alone.
"""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tfx_retrieval.config import rules
from tfx_retrieval.config.reader import EDITOR_KEYS

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
# One line: no controls, line breaks or characters that turn the direction of writing.
_ONE_LINE = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"


def json_schema(message: Descriptor) -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a config message.

    Args:
        message: The descriptor of FeatureConfig or ModelConfig.
    """
    definitions: dict[str, dict[str, Any]] = {}
    root = _object(message, definitions)
    root["properties"] = {
        **{key: {"type": "string"} for key in EDITOR_KEYS},
        **root["properties"],
    }
    return {
        "$schema": _DRAFT,
        "title": message.name,
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def json_schema_text(message: Descriptor) -> str:
    """Returns the JSON Schema of a config message as it stands in the shipped file."""
    return json.dumps(json_schema(message), indent=2, ensure_ascii=True) + "\n"


def _object(message: Descriptor, definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Returns the schema of a message; adds those of the messages inside to `definitions`."""
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _property(field, definitions) for field in message.fields},
    }
    required = [
        field.name
        for field in message.fields
        if rules.rule(field).required and rules.default(field) is None
    ]
    if required:
        schema["required"] = required
    for _, members, is_required in rules.oneofs(message):
        alternatives: list[dict[str, Any]] = [{"required": [name]} for name in members]
        if not is_required:
            alternatives.append({"not": {"anyOf": list(alternatives)}})
        schema["oneOf"] = alternatives
    return schema


def _property(field: FieldDescriptor, definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    limits = rules.rule(field)
    value = _value(field, definitions)
    schema: dict[str, Any] = {}
    if limits.doc:
        schema["description"] = limits.doc
    if rules.is_repeated(field) and not rules.is_map(field):
        schema |= {"type": "array", "items": value}
        if limits.HasField("min_items"):
            schema["minItems"] = limits.min_items
        if limits.HasField("max_items"):
            schema["maxItems"] = limits.max_items
    else:
        schema |= value
    default = rules.default(field)
    if default is not None:
        schema["default"] = default
    return schema


def _value(field: FieldDescriptor, definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Returns the schema of one value of `field`."""
    if rules.is_map(field):
        text = _text(field)
        most = rules.rule(field).max_items
        return {
            "type": "object",
            "propertyNames": text,
            "additionalProperties": text,
            "maxProperties": most,
        }
    if rules.is_any_value(field):
        return {"type": ["string", "number", "boolean", "array"]}
    if rules.is_message(field):
        name = field.message_type.name
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _object(field.message_type, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if field.type == FieldDescriptor.TYPE_BOOL:
        return {"type": "boolean"}
    if field.type == FieldDescriptor.TYPE_ENUM:
        return {"enum": rules.enum_names(field)}
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text(field)
    return _number(field)


def _text(field: FieldDescriptor) -> dict[str, Any]:
    if rules.is_one_line(field):
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": rules.MAX_NAME_CHARACTERS,
            "pattern": _ONE_LINE,
        }
    schema: dict[str, Any] = {"type": "string", "maxLength": rules.MAX_TEXT_CHARACTERS}
    if rules.rule(field).min_length:
        schema["minLength"] = rules.rule(field).min_length
    return schema


def _number(field: FieldDescriptor) -> dict[str, Any]:
    is_integer = field.type == FieldDescriptor.TYPE_INT32
    smallest, above, largest, below = rules.bounds(field)
    if is_integer:
        smallest = rules.INT32_MIN if smallest is None else int(smallest)
        largest = rules.INT32_MAX if largest is None else int(largest)
    schema: dict[str, Any] = {"type": "integer" if is_integer else "number"}
    if smallest is not None:
        schema["exclusiveMinimum" if above else "minimum"] = smallest
    if largest is not None:
        schema["exclusiveMaximum" if below else "maximum"] = largest
    return schema
