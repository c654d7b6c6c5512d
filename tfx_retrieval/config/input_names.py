"""Which column names can name an input of a SavedModel signature."""

from __future__ import annotations

import re

_INPUT_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")


def is_input_name(name: str) -> bool:
    """Returns whether TensorFlow takes `name` as it is for an input of a signature."""
    return bool(_INPUT_NAME.fullmatch(name)) and name != "self"


def plain_name(name: str) -> str:
    """Returns a name like `name` that an input of a signature can have."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    return plain if is_input_name(plain) else f"column_{plain}".rstrip("_")
