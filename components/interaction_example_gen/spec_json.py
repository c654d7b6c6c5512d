"""Builds frozen dataclasses from JSON values and reports everything that does not fit."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import types
import typing
from collections.abc import Hashable
from typing import Any, TypeVar

from tfx_retrieval.errors import InputError, Problem

_T = TypeVar("_T")
_JSON_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    type(None): "null",
}


def loads(text: str | dict[str, Any], source: str) -> dict[str, Any]:
    """Returns the JSON object in `text`.

    Args:
        text: JSON text, or an object that was read already, as some runners hand it over.
        source: Name of the text in errors.

    Raises:
        InputError: `text` is not JSON, or not an object.
    """
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except json.JSONDecodeError as error:
        where = f"{source}: line {error.lineno}, column {error.colno}"
        raise InputError(Problem(where, error.msg, "JSON")) from error
    if not isinstance(value, dict):
        raise InputError(Problem(f"{source}: $", _describe(value), "an object"))
    return value


def build(cls: type[_T], value: Any, path: str, problems: list[Problem]) -> _T | None:
    """Builds the dataclass `cls` from a JSON object.

    Args:
        cls: A dataclass whose fields are scalars, optional scalars, other such dataclasses, or
            tuples of these.
        value: The JSON value.
        path: Where it stands, for problems.
        problems: Problems found are added here.

    Returns:
        The instance, or None if a problem was added.
    """
    if not isinstance(value, dict):
        problems.append(Problem(path, _describe(value), "an object"))
        return None
    count = len(problems)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in value.keys() - fields.keys():
        close = difflib.get_close_matches(name, fields, 1)
        expected = f"{close[0]!r}" if close else f"one of {', '.join(fields)}"
        problems.append(Problem(f"{path}.{name}", "an unknown key", expected))
    arguments = {}
    for name, field in fields.items():
        if name in value:
            hint = _hints(typing.cast(Hashable, cls))[name]
            arguments[name] = _convert(hint, value[name], f"{path}.{name}", problems)
        elif field.default is dataclasses.MISSING:
            problems.append(Problem(f"{path}.{name}", "nothing", "a value"))
    return cls(**arguments) if len(problems) == count else None


@functools.lru_cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _describe(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _convert(hint: Any, value: Any, path: str, problems: list[Problem]) -> Any:
    """Returns `value` as `hint` asks, or adds a problem."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(member for member in hint.__args__ if member is not type(None))
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            problems.append(Problem(path, _describe(value), "a list"))
            return None
        item = typing.get_args(hint)[0]
        return tuple(_convert(item, v, f"{path}[{i}]", problems) for i, v in enumerate(value))
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, path, problems)
    fits = isinstance(value, int | float) if hint is float else isinstance(value, hint)
    if not fits or (isinstance(value, bool) and hint is not bool):
        problems.append(Problem(path, _describe(value), _JSON_NAMES[hint]))
        return None
    return float(value) if hint is float else value
