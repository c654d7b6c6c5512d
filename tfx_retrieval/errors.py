"""Errors that a person can act on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input.

    Attributes:
        where: File and JSON path or column, e.g. `features.json: $.query.features[2].type`.
        received: What stands there.
        expected: What should stand there.
        remedy: What to do about it, if `expected` does not say so already.
    """

    where: str
    received: str
    expected: str
    remedy: str = ""

    def __str__(self) -> str:
        """Returns the problem as a short block of text."""
        text = f"{self.where}\n  expected {self.expected}, but got {self.received}"
        return f"{text}\n  {self.remedy}" if self.remedy else text


class InputError(ValueError):
    """The input is wrong; holds every problem found, not only the first.

    Attributes:
        problems: The problems, in the order in which they were found.
    """

    def __init__(self, problems: Problem | Iterable[Problem]):
        """Collects `problems`.

        Args:
            problems: One problem or several.
        """
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
