"""Prints Python expressions the way `ruff format` would, and config text safely.

Config text reaches generated source through `literal` alone, so no name can break out of its
string. An expression that does not fit on a line is split one argument a line with a trailing
comma, which formatters leave as it is.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Sequence
from typing import Union

LINE_LENGTH = 88
"""Width that `ruff format` and `black` use unless told otherwise."""

_INDENT = 4

Expression = Union["Call", "Items", str]
"""An expression: a call, a bracketed list or source text that is never split."""


@dataclasses.dataclass(frozen=True)
class Call:
    """A call such as `tf.cast(x, tf.float32)`.

    Attributes:
        function: Source of what is called.
        arguments: Positional and keyword arguments; a keyword argument is a `(name, value)` pair.
    """

    function: str
    arguments: tuple[Expression | tuple[str, Expression], ...]


@dataclasses.dataclass(frozen=True)
class Items:
    """A list display such as `[a, b]`.

    Attributes:
        items: The entries.
    """

    items: tuple[Expression, ...]


def call(function: str, *arguments: Expression, **keywords: Expression) -> Call:
    """Returns the call `function(*arguments, **keywords)` as an expression."""
    return Call(function, (*arguments, *keywords.items()))


def items(entries: Sequence[Expression]) -> Items:
    """Returns the list `[*entries]` as an expression."""
    return Items(tuple(entries))


def literal(value: str | int | float | bool | None) -> str:
    """Returns `value` as Python source, strings in the quotes that formatters choose.

    Args:
        value: The value; a string may hold anything.

    Returns:
        A literal that evaluates to `value`, on one line.
    """
    source = repr(value)
    if not isinstance(value, str):
        return source
    singles, doubles = value.count("'"), value.count('"')
    if source.startswith("'") and doubles == 0:
        return f'"{source[1:-1]}"'
    if source.startswith("'") and doubles <= singles:
        inner = source[1:-1].replace("\\'", "'").replace('"', '\\"')
        return f'"{inner}"'
    return source


def render(expression: Expression, indent: int = 0, room: int = LINE_LENGTH) -> str:
    """Returns the source of `expression`, split over lines where it does not fit.

    Args:
        expression: What to print.
        indent: Column at which the statement starts.
        room: Columns left on the first line, including what must follow the expression.
    """
    flat = _flat(expression)
    if _width(flat) <= room or isinstance(expression, str):
        return flat
    inner = indent + _INDENT
    opening, closing, arguments = _parts(expression)
    lines = []
    for name, value in arguments:
        prefix = f"{name}=" if name else ""
        text = render(value, inner, LINE_LENGTH - inner - len(prefix) - 1)
        lines.append(f"{' ' * inner}{prefix}{text},")
    return "\n".join([opening, *lines, " " * indent + closing])


def assign(target: str, expression: Expression, indent: int = _INDENT) -> str:
    """Returns the statement `target = expression` at column `indent`."""
    head = f"{' ' * indent}{target} = "
    return head + render(expression, indent, LINE_LENGTH - _width(head))


def augment(target: str, expression: Expression, indent: int = _INDENT) -> str:
    """Returns the statement `target += expression` at column `indent`."""
    head = f"{' ' * indent}{target} += "
    return head + render(expression, indent, LINE_LENGTH - len(head))


def statement(expression: Expression, indent: int = _INDENT) -> str:
    """Returns `expression` as a statement of its own at column `indent`."""
    return " " * indent + render(expression, indent, LINE_LENGTH - indent)


def returns(expression: Expression, indent: int = _INDENT) -> str:
    """Returns the statement `return expression` at column `indent`."""
    head = f"{' ' * indent}return "
    return head + render(expression, indent, LINE_LENGTH - len(head))


def _width(text: str) -> int:
    """Returns the columns that `text` takes; formatters count wide characters twice."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _flat(expression: Expression) -> str:
    if isinstance(expression, str):
        return expression
    opening, closing, arguments = _parts(expression)
    flat = ", ".join(f"{name}={_flat(v)}" if name else _flat(v) for name, v in arguments)
    return f"{opening}{flat}{closing}"


def _parts(expression: Call | Items) -> tuple[str, str, list[tuple[str, Expression]]]:
    if isinstance(expression, Items):
        return "[", "]", [("", item) for item in expression.items]
    arguments = [a if isinstance(a, tuple) else ("", a) for a in expression.arguments]
    return f"{expression.function}(", ")", arguments
