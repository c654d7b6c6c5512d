"""Reads JSON files and texts strictly: every fault has a place and a message."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
from typing import Any

from tfx_retrieval.config.findings import quote
from tfx_retrieval.errors import InputError, Problem

MAX_FILE_BYTES = 4 * 1024 * 1024
_MAX_INTEGER_DIGITS = 20
_REMEDIES = {
    "Expecting property name enclosed in double quotes": (
        "Write names in double quotes; there may be no comma before a closing brace, "
        "and JSON has no comments."
    ),
    "Expecting value": (
        "A value is missing or is no JSON; texts stand in double quotes, "
        "true, false and null in lower case, and no comma before a closing bracket."
    ),
    "Expecting ',' delimiter": "Look for a missing comma or bracket before this place.",
    "Extra data": "The file must hold one JSON object and nothing after it.",
}


class JsonObject(dict[str, Any]):
    """A JSON object that remembers the keys that it held more than once.

    Attributes:
        duplicates: Keys that stand more than once, in order of appearance.
    """

    def __init__(self, pairs: list[tuple[str, Any]]):
        """Makes an object of `pairs`; of keys that stand more than once the last one wins."""
        super().__init__(pairs)
        self.duplicates: list[str] = []
        if len(self) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen and key not in self.duplicates:
                    self.duplicates.append(key)
                seen.add(key)


@dataclasses.dataclass(frozen=True)
class UnusableNumber:
    """A number that JSON text can hold and a config cannot: NaN, infinite or far too long."""

    text: str

    def __str__(self) -> str:
        """Returns the number, cut to a readable length."""
        return self.text if len(self.text) <= 24 else f"{self.text[:20]}… ({len(self.text)} digits)"


def read_text(path: str | os.PathLike[str]) -> str:
    """Returns the text of a UTF-8 file.

    Args:
        path: A local file.

    Raises:
        InputError: There is no such file, it is a directory, cannot be read, is empty, too large
            or not UTF-8.
    """
    file = pathlib.Path(path)
    name = quote_path(file)
    if os.path.isdir(file):
        raise InputError(Problem(name, "a directory", "a file"))
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise InputError(Problem(name, "no such file", "a file")) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(Problem(name, reason, "a file that can be read")) from None
    if len(content) > MAX_FILE_BYTES:
        raise InputError(
            Problem(name, "a larger file", f"a file of at most {MAX_FILE_BYTES:,} bytes")
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            Problem(
                name,
                f"byte 0x{content[error.start]:02x} at offset {error.start}",
                "text in UTF-8",
                "Save the file as UTF-8.",
            )
        ) from None
    if not text.strip():
        raise InputError(Problem(name, "an empty file", "a JSON object"))
    return text


def quote_path(path: pathlib.Path) -> str:
    """Returns a file's path for a message, with anything unprintable escaped."""
    text = str(path)
    return text if text.isprintable() else quote(text)


def parse_json(text: str, source: str) -> Any:
    """Returns the JSON value in `text`.

    Objects come as `JsonObject` and numbers that no config can hold as `UnusableNumber`, so that
    they can be reported with their JSON path.

    Args:
        text: The JSON text.
        source: What to call it in a message.

    Raises:
        InputError: The text is not JSON, or nested too deep.
    """
    if not text.strip():
        raise InputError(Problem(source, "an empty text", "a JSON object"))
    try:
        return json.loads(
            text,
            object_pairs_hook=JsonObject,
            parse_constant=UnusableNumber,
            parse_int=_integer,
            parse_float=_number,
        )
    except json.JSONDecodeError as error:
        raise InputError(_syntax_problem(error, source)) from None
    except RecursionError:
        raise InputError(
            Problem(source, "objects or lists nested too deep", "at most a dozen levels")
        ) from None


def _integer(text: str) -> int | UnusableNumber:
    return int(text) if len(text) <= _MAX_INTEGER_DIGITS else UnusableNumber(text)


def _number(text: str) -> float | UnusableNumber:
    number = float(text)
    return number if math.isfinite(number) else UnusableNumber(text)


def _syntax_problem(error: json.JSONDecodeError, source: str) -> Problem:
    """Returns the place and the kind of a JSON syntax error."""
    lines = error.doc.splitlines() or [""]
    line = lines[min(error.lineno, len(lines)) - 1]
    rest = line[max(error.colno - 1, 0) :].strip()
    received = quote(rest) if rest else "the end of the line"
    if error.pos >= len(error.doc.rstrip()):
        received = "the end of the text"
    message = error.msg[:1].lower() + error.msg[1:]
    return Problem(
        f"{source}: line {error.lineno}, column {error.colno}",
        received,
        f"valid JSON ({message})",
        _REMEDIES.get(error.msg, ""),
    )
