"""Brings configs of earlier format versions up to the current one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfx_retrieval.config.findings import Finding

FIRST_VERSION = 1
CURRENT_VERSION = 1

# From a version to the function that turns a document of it into one of the next version, in place.
UPGRADES: dict[int, Callable[[dict[str, Any]], None]] = {}


def upgrade(document: Any) -> Finding | None:
    """Upgrades `document` in place to the current version.

    A document without a version is taken to be of the first one.

    Args:
        document: The JSON value of a whole file.

    Returns:
        A finding if the document's version is newer than this release can read, else None.
    """
    if not isinstance(document, dict):
        return None
    version = document.get("version", FIRST_VERSION)
    if isinstance(version, bool) or not isinstance(version, int):
        return None
    if version > CURRENT_VERSION:
        return Finding(
            ("version",),
            str(version),
            f"a version of at most {CURRENT_VERSION}",
            "The file was made for a newer release of tfx-retrieval; install that release.",
        )
    while version in UPGRADES:
        UPGRADES[version](document)
        version += 1
        document["version"] = version
    return None
