"""What is wrong inside a config, by path, before a file name is put in front of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from tfx_retrieval.errors import Problem

Path = tuple[str | int, ...]

_SHOWN_CHARACTERS = 60
_SHOWN_NAMES = 12


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong in a config.

    Attributes:
        path: Where it stands, from the root of the document: keys and list positions.
        received: What stands there.
        expected: What should stand there.
        remedy: What to do about it, if `expected` does not say so already.
        relies_on: Other paths whose values led to this finding; an entry "*" stands for every
            position of a list. If one of them is broken itself, the finding is not reported,
            since it may only follow from that.
    """

    path: Path
    received: str
    expected: str
    remedy: str = ""
    relies_on: tuple[Path, ...] = ()

    def problem(self, source: str) -> Problem:
        """Returns the finding as a problem of the document `source`."""
        where = f"{source}: {path_text(self.path)}"
        return Problem(where, self.received, self.expected, self.remedy)


def path_text(path: Path) -> str:
    """Returns `path` as a JSON path, such as `$.query.features[2].type`."""
    text = "$"
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isascii() and part.isidentifier() and len(part) <= _SHOWN_CHARACTERS:
            text += f".{part}"
        else:
            text += f"[{quote(part)}]"
    return text


def quote(text: str) -> str:
    """Returns `text` in double quotes, cut to a readable length and safe to print."""
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS]
    # JSON leaves terminal escapes such as U+009B and lone surrogates as they are.
    escaped = "".join(
        character if character.isprintable() else json.dumps(character)[1:-1]
        for character in json.dumps(shown, ensure_ascii=False)[1:-1]
    )
    ending = "" if shown is text else f"… ({len(text):,} characters)"
    return f'"{escaped}{ending}"'


def listing(names: Iterable[str], limit: int = _SHOWN_NAMES) -> str:
    """Returns `names` separated by commas; past `limit` only their number is told."""
    all_names = list(names)
    shown = ", ".join(all_names[:limit])
    more = len(all_names) - limit
    return f"{shown} and {more:,} more" if more > 0 else shown


def describe(value: Any) -> str:
    """Returns a short description of a JSON value for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {quote(value)}"
    if isinstance(value, dict):
        keys = listing((quote(str(key)) for key in value), limit=4)
        return f"an object with {keys}" if keys else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value):,}" if value else "an empty list"
    return str(value)


def unrelated_to(findings: Iterable[Finding], broken: Collection[Path]) -> list[Finding]:
    """Returns those of `findings` that do not lean on a broken part of the document."""
    return [
        finding
        for finding in findings
        if not any(
            _on_one_line(path, bad) for path in (finding.path, *finding.relies_on) for bad in broken
        )
    ]


def _on_one_line(first: Sequence[str | int], second: Sequence[str | int]) -> bool:
    """Returns whether one path leads through the other."""
    return all(a == b or a == "*" for a, b in zip(first, second, strict=False))
