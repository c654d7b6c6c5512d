"""The reference pages of the configs, made from the messages and their rules."""

from __future__ import annotations

import json
from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from tfx_retrieval.config import rules
from tfx_retrieval.config.features import (
    DEFAULT_TRANSFORM,
    TRANSFORMS_OF_TYPE,
    transform_outputs,
    type_name,
)
from tfx_retrieval.proto.feature_config_pb2 import Cyclical, FeatureConfig, FeatureType
from tfx_retrieval.proto.model_config_pb2 import ModelConfig

_INTRODUCTION = """\
# Configuration reference

This page is made from the messages in `proto/` by `tfx_retrieval.config.reference`; change it
there.

Both files are JSON. An unknown key, a wrong type or a value out of bounds is an error, and all
errors of a file are reported together. Names of columns are one line of 1 to {name} characters.
`tfx_retrieval/config/schemas/` holds a JSON Schema of each file for editors; a `$schema` key at the
top of a file is read over.

The smallest FeatureConfig and a ModelConfig that changes a little of the default:

```json
{
  "query": {"id": "user", "features": [{"column": "user", "type": "categorical"}]},
  "candidate": {"id": "item", "features": [{"column": "item", "type": "categorical"}]}
}
```

```json
{
  "query_tower": {"layers": [{"dense": {"units": 64}}, {"dropout": {"rate": 0.1}}]},
  "epochs": 10
}
```

In the tables, **required** marks keys that must be there. Where a default is empty, leaving the key
out means what the last column says.
"""

_OUTPUTS = """\
## Feature types

What a feature of each type may be made into. The transform in bold is what a feature gets that
names none; where none is bold, one must be named. `{column}` stands for the column's name, and
`{cycle}` for a name out of `cycles`.

| type | meaning | transform | transformed feature |
|---|---|---|---|
"""

_OTHER_OUTPUTS = """\

A cross of the columns a and b becomes `a_x_b_cross`. Beside these, the raw candidate id is kept as
`{candidate id}_raw`, and a label and a weight as `{label}_label` and `{weight}_weight`. No two
things may become a transformed feature of the same name; a column that both sides list is
transformed once.
"""


def reference_markdown() -> str:
    """Returns the page `docs/configuration.md`."""
    introduction = _INTRODUCTION.replace("{name}", str(rules.MAX_NAME_CHARACTERS))
    parts = [introduction, _OUTPUTS + "".join(_type_rows()) + _OTHER_OUTPUTS]
    for root, title in (
        (FeatureConfig.DESCRIPTOR, "FeatureConfig"),
        (ModelConfig.DESCRIPTOR, "ModelConfig"),
    ):
        parts.append(f"## {title}\n")
        for message in _messages(root):
            heading = "" if message is root else f"### {message.name}\n\n"
            parts.append(heading + "".join(_rows(message)))
            parts.extend(_enum_section(enum) for enum in _enums_of(message))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _type_rows() -> Iterator[str]:
    """Yields a row for each feature type and transform."""
    meanings = rules.enum_docs(FeatureType.Value.DESCRIPTOR)
    every_cycle = Cyclical(cycles=[Cyclical.hour_of_day])
    for feature_type, names in TRANSFORMS_OF_TYPE.items():
        name = type_name(feature_type)
        for transform in names or ("",):
            outputs = [
                output.replace("hour_of_day", "{cycle}")
                for output in transform_outputs("{column}", transform, every_cycle)
            ]
            label = f"`{transform}`" if transform else "(always as it is)"
            if DEFAULT_TRANSFORM.get(feature_type) == transform:
                label = f"**{label}**"
            shown = ", ".join(f"`{output}`" for output in outputs)
            yield f"| `{name}` | {meanings[name]} | {label} | {shown} |\n"


def _messages(root: Descriptor) -> list[Descriptor]:
    """Returns `root` and every message below it, each once, as a reader meets them."""
    found: list[Descriptor] = []

    def visit(message: Descriptor) -> None:
        if message in found:
            return
        found.append(message)
        for field in message.fields:
            if rules.is_message(field) and not (rules.is_any_value(field) or rules.is_map(field)):
                visit(field.message_type)

    visit(root)
    return found


def _enums_of(message: Descriptor) -> list[EnumDescriptor]:
    """Returns the enums of a message's fields that have something to say about their values."""
    enums = dict.fromkeys(
        field.enum_type for field in message.fields if field.type == FieldDescriptor.TYPE_ENUM
    )
    documented = [enum for enum in enums if any(rules.enum_docs(enum).values())]
    return [enum for enum in documented if enum is not FeatureType.Value.DESCRIPTOR]


def _rows(message: Descriptor) -> Iterator[str]:
    """Yields the table of a message's keys."""
    for _, members, is_required in rules.oneofs(message):
        shown = ", ".join(f"`{name}`" for name in members)
        yield f"{'Exactly' if is_required else 'At most'} one of {shown}.\n\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|\n"
    for field in message.fields:
        rule = rules.rule(field)
        default = rules.default(field)
        if default is not None:
            shown = f"`{json.dumps(default)}`"
        else:
            shown = "**required**" if rule.required else ""
        yield f"| `{field.name}` | {_value(field)} | {shown} | {_cell(rule.doc)} |\n"


def _value(field: FieldDescriptor) -> str:
    """Returns what stands at a key, for the table."""
    if rules.is_map(field):
        return f"object of texts (at most {rules.rule(field).max_items:,})"
    if rules.is_message(field) and not rules.is_any_value(field):
        name = field.message_type.name
        value = f"[{name}](#{name.lower()})"
    elif field.type == FieldDescriptor.TYPE_ENUM:
        value = ", ".join(f"`{name}`" for name in rules.enum_names(field))
    elif field.type == FieldDescriptor.TYPE_STRING and rules.is_one_line(field):
        value = "column" if rules.rule(field).column else "name"
    elif field.type == FieldDescriptor.TYPE_STRING:
        value = "text"
    else:
        value = rules.expected_value(field).removeprefix("an ").removeprefix("a ")
    return f"list of {value}" + _items(field) if rules.is_repeated(field) else value


def _cell(text: str) -> str:
    """Returns `text` so that it can stand in a cell of a table."""
    return text.replace("|", "\\|")


def _items(field: FieldDescriptor) -> str:
    """Returns how many entries a list may have, in brackets."""
    rule = rules.rule(field)
    least = rule.min_items if rule.HasField("min_items") else 0
    if not rule.HasField("max_items"):
        return f" (at least {least})" if least else ""
    return f" ({least} to {rule.max_items:,})" if least else f" (at most {rule.max_items:,})"


def _enum_section(enum: EnumDescriptor) -> str:
    """Returns the list of an enum's values with their sentences."""
    return "".join(
        f"- `{name}`: {doc[:1].lower() + doc[1:]}\n" for name, doc in rules.enum_docs(enum).items()
    )
