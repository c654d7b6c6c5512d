"""Turns a JSON value into a config message and lists everything that is wrong with it.

The walk follows the message's descriptor and the `Rule` options of its fields, so that a rule about
a single value is written in the `.proto` file and nowhere else.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, MutableMapping
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from tfx_retrieval.config import rules
from tfx_retrieval.config.findings import Finding, Path, describe, listing, quote
from tfx_retrieval.config.json_text import JsonObject, UnusableNumber

# Keys at the root that editors use and that mean nothing here.
EDITOR_KEYS = ("$schema",)

_LARGEST_EXACT_INTEGER = 2**53
_UNQUOTED = re.compile(r"true|false|[-+]?[0-9.]{1,20}(e[-+]?[0-9]{1,3})?")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Line breaks, other controls and characters that turn the direction of writing.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
# Past this number of findings a document is hostile or no config; suggestions take time.
_MAX_SUGGESTIONS = 100
_STAND_INS = {
    FieldDescriptor.TYPE_STRING: "",
    FieldDescriptor.TYPE_INT32: 0,
    FieldDescriptor.TYPE_DOUBLE: 0.0,
    FieldDescriptor.TYPE_ENUM: 0,
}
_MAX_MISSING_VALUES = 65_536


def nearest(name: str, valid: Iterable[str]) -> str:
    """Returns the valid name that `name` was probably meant to be, or an empty text."""
    # The cut keeps difflib fast on hostile names.
    snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:64]).lower().replace("-", "_")
    by_lower_case = {candidate.lower(): candidate for candidate in valid}
    matches = difflib.get_close_matches(snake_case, by_lower_case, n=1, cutoff=0.6)
    return by_lower_case[matches[0]] if matches else ""


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Returns a sentence with the nearest valid name, or an empty text."""
    match = nearest(name, valid)
    return f"Did you mean {quote(match)}?" if match else ""


class Reader:
    """Reads one document into a message.

    Attributes:
        findings: What is wrong so far.
        broken: Paths whose value is missing from the message because something is wrong there.
    """

    def __init__(self) -> None:
        """Makes a reader that has found nothing yet."""
        self.findings: list[Finding] = []
        self.broken: list[Path] = []

    def read(self, value: Any, message: Message, path: Path = ()) -> None:
        """Fills `message` from a JSON value, defaults of absent keys included.

        Args:
            value: What stands at `path`.
            message: An empty message.
            path: Where in the document the message stands.
        """
        fields = rules.fields(message.DESCRIPTOR)
        if not isinstance(value, dict):
            self._wrong(path, value, "an object with " + listing(fields))
            return
        for key in value.duplicates if isinstance(value, JsonObject) else ():
            self._report((*path, key), "the key more than once", "each key once")
        unknown = [
            key for key in value if key not in fields and not (path == () and key in EDITOR_KEYS)
        ]
        for key in unknown:
            self._report(
                (*path, key),
                f"the unknown key {quote(key)}",
                "one of " + listing(fields, limit=40),
                did_you_mean(key, fields) if len(self.findings) < _MAX_SUGGESTIONS else "",
            )
        for key, entry in value.items():
            if key in fields:
                self._read_field(entry, message, fields[key], (*path, key))
        meant = {nearest(key, fields) for key in unknown[:_MAX_SUGGESTIONS]}
        for name, field in fields.items():
            if name not in value:
                self._fill(message, field, (*path, name), told_already=name in meant)
        self._check_oneofs(value, message.DESCRIPTOR, path, told_already=bool(unknown))

    def _fill(
        self, message: Message, field: FieldDescriptor, path: Path, told_already: bool
    ) -> None:
        """Puts in the default of an absent key, or reports that it is missing."""
        standard = rules.default(field)
        if standard is not None:
            self._read_field(standard, message, field, path)
        elif rules.rule(field).required:
            self.broken.append(path)
            if not told_already:
                noun = rules.expected_value(field)
                expected = f"a list, each entry {noun}" if rules.is_repeated(field) else noun
                self._report(path, "no such key", expected, rules.rule(field).doc)

    def _check_oneofs(
        self, value: dict[str, Any], descriptor: Descriptor, path: Path, told_already: bool
    ) -> None:
        for _, members, required in rules.oneofs(descriptor):
            present = [name for name in members if name in value]
            expected = "exactly one of " + ", ".join(members)
            if len(present) > 1:
                self.broken.append(path)
                self._report(path, " and ".join(present), expected)
            elif not present and required:
                self.broken.append(path)
                if not told_already:
                    self._report(path, describe(value), expected)

    def _read_field(self, value: Any, message: Message, field: FieldDescriptor, path: Path) -> None:
        if value is None:
            self._wrong(path, value, rules.expected_value(field), "Leave the key out instead.")
        elif rules.is_map(field):
            self._read_map(value, getattr(message, field.name), field, path)
        elif rules.is_repeated(field):
            self._read_list(value, message, field, path)
        elif rules.is_any_value(field):
            self._read_any_value(value, getattr(message, field.name), path)
        elif rules.is_message(field):
            child = getattr(message, field.name)
            child.SetInParent()
            self.read(value, child, path)
        else:
            scalar = self._scalar(value, field, path)
            if scalar is not None:
                setattr(message, field.name, scalar)

    def _read_list(self, value: Any, message: Message, field: FieldDescriptor, path: Path) -> None:
        noun = rules.expected_value(field)
        if not isinstance(value, list):
            self._wrong(path, value, f"a list, each entry {noun}")
            return
        limits = rules.rule(field)
        if limits.HasField("min_items") and len(value) < limits.min_items:
            self._wrong(path, value, f"a list of at least {limits.min_items}")
        if limits.HasField("max_items") and len(value) > limits.max_items:
            self._wrong(path, value, f"a list of at most {limits.max_items:,}")
            return
        container = getattr(message, field.name)
        for position, entry in enumerate(value):
            entry_path = (*path, position)
            if rules.is_message(field):
                self.read(entry, container.add(), entry_path)
                continue
            scalar = self._scalar(entry, field, entry_path)
            # A stand-in keeps the positions of the entries that follow.
            container.append(_STAND_INS[field.type] if scalar is None else scalar)

    def _read_map(
        self, value: Any, target: MutableMapping[str, str], field: FieldDescriptor, path: Path
    ) -> None:
        """Reads an object of texts."""
        if not isinstance(value, dict):
            self._wrong(path, value, rules.expected_value(field))
            return
        for key in value.duplicates if isinstance(value, JsonObject) else ():
            self._report((*path, key), "the key more than once", "each key once")
        most = rules.rule(field).max_items
        if len(value) > most:
            self._wrong(path, value, f"an object with at most {most:,} keys")
            return
        for key, entry in value.items():
            entry_path = (*path, key)
            if not isinstance(entry, str):
                self._wrong(entry_path, entry, rules.expected_text(field))
                continue
            name, text = (self._text(part, field, entry_path) for part in (key, entry))
            if name is not None and text is not None:
                target[name] = text

    def _scalar(self, value: Any, field: FieldDescriptor, path: Path) -> Any:
        """Returns `value` as the message holds it, or None after reporting what is wrong."""
        kind = field.type
        if kind == field.TYPE_BOOL and isinstance(value, bool):
            return value
        if kind == field.TYPE_ENUM and isinstance(value, str):
            return self._enum(value, field, path)
        if kind == field.TYPE_STRING and isinstance(value, str):
            return self._text(value, field, path)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if kind == field.TYPE_INT32 and is_number and float(value).is_integer():
            return self._number(value, field, path)
        if kind == field.TYPE_DOUBLE and is_number:
            return self._number(value, field, path)
        unquotable = isinstance(value, str) and _UNQUOTED.fullmatch(value.strip().lower())
        remedy = "Write it without quotes." if unquotable else ""
        self._wrong(path, value, rules.expected_value(field), remedy)
        return None

    def _enum(self, value: str, field: FieldDescriptor, path: Path) -> int | None:
        names = rules.enum_names(field)
        if value in names:
            return field.enum_type.values_by_name[value].number
        self._wrong(path, value, rules.expected_value(field), did_you_mean(value, names))
        return None

    def _text(self, value: str, field: FieldDescriptor, path: Path) -> str | None:
        one_line = rules.is_one_line(field)
        least = 1 if one_line else rules.rule(field).min_length
        most = rules.MAX_NAME_CHARACTERS if one_line else rules.MAX_TEXT_CHARACTERS
        if not least <= len(value) <= most:
            fault = ""
        elif _SURROGATES.search(value):
            fault = ", which holds half of a surrogate pair, not a character"
        elif "\0" in value:
            fault = ", which holds the character NUL"
        elif one_line and CONTROLS.search(value):
            fault = ", which holds a line break or another control character"
        else:
            return value
        self.broken.append(path)
        self._report(path, describe(value) + fault, rules.expected_text(field))
        return None

    def _number(self, value: float, field: FieldDescriptor, path: Path) -> Any:
        smallest, above, largest, below = rules.bounds(field)
        too_small = smallest is not None and (value <= smallest if above else value < smallest)
        too_large = largest is not None and (value >= largest if below else value > largest)
        if field.type == field.TYPE_INT32:
            too_large = too_large or not rules.INT32_MIN <= value <= rules.INT32_MAX
        if too_small or too_large:
            expected = rules.expected_value(field)
            if largest is None and too_large:
                expected += f" and at most {rules.INT32_MAX:,}"
            self._wrong(path, value, expected)
            return None
        return int(value) if field.type == field.TYPE_INT32 else float(value)

    def _read_any_value(self, value: Any, target: struct_pb2.Value, path: Path) -> None:
        """Reads a bare JSON value: a scalar or a flat list of scalars."""
        entries = value if isinstance(value, list) else [value]
        if len(entries) > _MAX_MISSING_VALUES:
            self._wrong(path, value, f"a list of at most {_MAX_MISSING_VALUES:,}")
            return
        sound = True
        for position, entry in enumerate(entries):
            entry_path = (*path, position) if isinstance(value, list) else path
            sound &= self._is_plain(entry, entry_path)
        if not sound:
            return
        if isinstance(value, list):
            target.list_value.SetInParent()
            target.list_value.extend(value)
        elif isinstance(value, bool):
            target.bool_value = value
        elif isinstance(value, str):
            target.string_value = value
        else:
            target.number_value = value

    def _is_plain(self, value: Any, path: Path) -> bool:
        """Reports anything but a usable scalar; returns whether `value` is one."""
        if isinstance(value, str):
            if len(value) <= rules.MAX_TEXT_CHARACTERS and value.isprintable():
                return True
            expected = f"printable text of at most {rules.MAX_TEXT_CHARACTERS:,} characters"
        elif isinstance(value, bool | float):
            return True
        elif isinstance(value, int):
            if abs(value) <= _LARGEST_EXACT_INTEGER:
                return True
            expected = f"an integer of at most {_LARGEST_EXACT_INTEGER:,} in size"
        else:
            expected = "a text, a number, true or false, or a list of these"
        self._wrong(path, value, expected)
        return False

    def _wrong(self, path: Path, value: Any, expected: str, remedy: str = "") -> None:
        """Reports a value that the message cannot take."""
        self.broken.append(path)
        received = str(value) if isinstance(value, UnusableNumber) else describe(value)
        self._report(path, received, expected, remedy)

    def _report(self, path: Path, received: str, expected: str, remedy: str = "") -> None:
        self.findings.append(Finding(path, received, expected, remedy))
