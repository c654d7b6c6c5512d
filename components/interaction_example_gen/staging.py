"""Puts the splits of an Examples artifact in place only when all of them are complete."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from tfx.dsl.io import fileio

_UNFINISHED = "_unfinished"


def split_directory(uri: str, split_name: str) -> str:
    """Returns where a split of Examples is, for an artifact or a staging directory at `uri`."""
    return os.path.join(uri, f"Split-{split_name}")


@contextlib.contextmanager
def staged(uri: str) -> Iterator[str]:
    """Yields a directory whose contents are moved to `uri` at the end of the block.

    If the block raises, nothing of it stays.

    Args:
        uri: Where the contents are to be; files and directories of the same names are replaced.
    """
    directory = os.path.join(uri, _UNFINISHED)
    _remove(directory)
    fileio.makedirs(directory)
    try:
        yield directory
        for name in fileio.listdir(directory):
            # Object stores list directories with a slash at the end.
            name = name.rstrip("/")
            target = os.path.join(uri, name)
            _remove(target)
            fileio.rename(os.path.join(directory, name), target)
    finally:
        _remove(directory)


def _remove(path: str) -> None:
    if fileio.exists(path):
        fileio.rmtree(path)
