"""Reading a foreign document so that nothing in it goes unnoticed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tfx_retrieval.config.findings import Path, describe, listing, path_text, quote
from tfx_retrieval.config.json_text import JsonObject, UnusableNumber
from tfx_retrieval.config.reader import did_you_mean
from tfx_retrieval.errors import Problem

_NO_COUNTERPART = "has no counterpart here and was left out"


@dataclasses.dataclass
class Log:
    """What came up while a document was converted.

    Attributes:
        source: What to call the document in a message.
        notes: What a person should know about the result, each beginning with a path.
        problems: What stands in the way of a result.
    """

    source: str
    notes: list[str] = dataclasses.field(default_factory=list)
    problems: list[Problem] = dataclasses.field(default_factory=list)

    def note(self, path: Path, text: str) -> None:
        """Adds a note about what stands at `path`."""
        self.notes.append(f"{path_text(path)}: {text}")

    def problem(self, path: Path, received: str, expected: str, remedy: str = "") -> None:
        """Adds a problem with what stands at `path`."""
        where = f"{self.source}: {path_text(path)}"
        self.problems.append(Problem(where, received, expected, remedy))


def interaction_time(features: Iterable[dict[str, Any]], log: Log) -> dict[str, Any]:
    """Returns the interaction's keys for the time, which the older shapes do not name.

    A single temporal feature is taken for it; else a note asks for one.

    Args:
        features: The converted features of both sides.
        log: Takes the note.
    """
    features = list(features)
    times = list(dict.fromkeys(f["column"] for f in features if f["type"] == "temporal"))
    if len(times) == 1:
        text = "is the only time, so it was taken for that of the interaction"
        log.note((), f"{quote(times[0])} {text}; see $.interaction.timestamp")
        return {"timestamp": times[0]}
    histories = [quote(f["column"]) for f in features if f["type"] == "history"]
    if times or histories:
        uses = ["temporal splits", *histories]
        text = "name the column with the time of the interaction at $.interaction.timestamp"
        log.note((), f"{text}, for {' and '.join(uses)}")
    return {}


class Entry:
    """An object of the document; keys that nobody takes are noted at the end."""

    def __init__(self, value: Any, path: Path, log: Log):
        """Wraps an object.

        Args:
            value: What stands at `path`; anything but an object is a problem.
            path: Where it stands.
            log: Takes notes and problems.
        """
        self.path = path
        self._log = log
        self._left: dict[Any, Any] = {}
        if isinstance(value, dict):
            self._left = dict(value)
        else:
            log.problem(path, describe(value), "an object")
        for key in value.duplicates if isinstance(value, JsonObject) else ():
            log.problem((*path, key), "the key more than once", "each key once")

    def at(self, key: str) -> Path:
        """Returns the path of a key."""
        return (*self.path, key)

    def has(self, key: str) -> bool:
        """Returns whether the object holds a key that was not taken yet; null counts as absent."""
        return self._left.get(key) is not None

    def take(self, key: str, default: Any = None) -> Any:
        """Returns the value of a key; null counts as absent."""
        value = self._left.pop(key, None)
        return default if value is None else value

    def text(self, key: str, default: str = "") -> str:
        """Returns a text."""
        value = self.take(key, default)
        if isinstance(value, str):
            return value
        self._log.problem(self.at(key), describe(value), "a text")
        return default

    def flag(self, key: str, default: bool) -> bool:
        """Returns a truth value."""
        value = self.take(key, default)
        if isinstance(value, bool):
            return value
        self._log.problem(self.at(key), describe(value), "true or false")
        return default

    def number(self, key: str, default: float | None = None) -> Any:
        """Returns a number, or `default`; whole numbers come as integers."""
        value = self.take(key, default)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return int(value) if isinstance(value, float) and value.is_integer() else value
        shown = str(value) if isinstance(value, UnusableNumber) else describe(value)
        self._log.problem(self.at(key), shown, "a number")
        return default

    def choice(self, key: str, names: Sequence[str], default: str) -> str:
        """Returns one of `names`, whichever way its letters are written."""
        value = self.take(key, default)
        if isinstance(value, str) and value.strip().lower() in names:
            return value.strip().lower()
        remedy = did_you_mean(value, names) if isinstance(value, str) else ""
        self._log.problem(self.at(key), describe(value), "one of " + listing(names), remedy)
        return default

    def entry(self, key: str) -> Entry:
        """Returns an object within this one; an absent one is empty."""
        return Entry(self.take(key, {}), self.at(key), self._log)

    def entries(self, key: str) -> Iterator[Entry]:
        """Yields the objects of a list."""
        for position, value in enumerate(self.items(key)):
            yield Entry(value, (*self.at(key), position), self._log)

    def items(self, key: str) -> list[Any]:
        """Returns a list; an absent one is empty."""
        value = self.take(key, [])
        if isinstance(value, list):
            return value
        self._log.problem(self.at(key), describe(value), "a list")
        return []

    def named_entries(self) -> Iterator[tuple[str, Entry]]:
        """Yields every key that is left with the object at it."""
        for key in list(self._left):
            yield str(key), Entry(self._left.pop(key), (*self.path, str(key)), self._log)

    def drop(self, keys: Iterable[str], text: str) -> None:
        """Takes keys that mean nothing here and notes why."""
        for key in keys:
            if self.take(key) is not None:
                self._log.note(self.at(key), text)

    def finish(self) -> None:
        """Notes every key that is left."""
        for key in self._left:
            self._log.note((*self.path, str(key)), _NO_COUNTERPART)
        self._left = {}
