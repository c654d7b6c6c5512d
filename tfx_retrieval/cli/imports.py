"""Imports of TensorFlow and TFX in two thirds of the time."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Holds the garbage collector off while modules are imported.

    What modules make stays for as long as the process, and TensorFlow and TFX make a million
    objects: looking through them again and again takes as long as a third of the imports, and
    half a second of a run after them. So they are also left out of every later collection.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
