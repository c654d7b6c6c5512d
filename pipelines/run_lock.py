"""Keeps two runs out of one run directory; imports no TFX."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

from tfx_retrieval.errors import InputError, Problem

LOCK_FILE = ".lock"


@contextlib.contextmanager
def held(directory: pathlib.Path) -> Iterator[None]:
    """Holds a run directory for the length of a block; the system lets go of it with the process.

    Args:
        directory: The run directory, which exists.

    Raises:
        InputError: Another run is under way in it.
    """
    descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
            raise InputError(
                Problem(
                    f"--output {directory}",
                    f"a folder in which process {owner or '?'} runs a pipeline",
                    "a folder without a run under way",
                    "Wait for its end, or name another folder.",
                )
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        yield
    finally:
        os.close(descriptor)


def check(directory: pathlib.Path) -> None:
    """Checks that no run is under way in a run directory.

    Args:
        directory: The run directory; it need not exist.

    Raises:
        InputError: One is.
    """
    if (directory / LOCK_FILE).exists():
        with held(directory):
            pass
