"""Which column names can name an input of a SavedModel signature, and names for headings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_INPUT_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
# Leaves room for a number within the 128 characters of a column's name.
_MAX_CHARACTERS = 120


def is_input_name(name: str) -> bool:
    """Returns whether TensorFlow takes `name` as it is for an input of a signature."""
    return bool(_INPUT_NAME.fullmatch(name)) and name != "self"


def name_words(name: str) -> list[str]:
    """Returns the words of a column's name in lower case: `StockCode` has `stock` and `code`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def plain_name(heading: str) -> str:
    """Returns the heading if an input can have it as its name, else one in snake case.

    `Customer ID` becomes `customer_id`; letters lose their accents.
    """
    if is_input_name(heading):
        return heading
    # Capitals stay, since they part words.
    folded = "".join(letter if letter.isupper() else letter.casefold() for letter in heading)
    letters = unicodedata.normalize("NFKD", folded)
    ascii_letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    plain = "_".join(name_words(ascii_letters))[:_MAX_CHARACTERS].rstrip("_")
    return plain if is_input_name(plain) else f"column_{plain}".rstrip("_")


def distinct_names(headings: Iterable[str]) -> dict[str, str]:
    """Returns a name for each heading, all of which can name inputs of one signature.

    They differ in more than case, and no heading that stays as it is gives way to a made-up name.

    Args:
        headings: Headings of a table, each once.
    """
    by_keeping = sorted(headings, key=lambda heading: not is_input_name(heading))
    names: dict[str, str] = {}
    taken: set[str] = set()
    for heading in by_keeping:
        base = name = plain_name(heading)
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{base[:_MAX_CHARACTERS]}_{number}"
        names[heading] = name
        taken.add(name.lower())
    return names
