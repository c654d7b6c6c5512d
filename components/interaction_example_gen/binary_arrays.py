"""Arrow arrays of bytes seen as what they are: offsets and one buffer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

BINARY = pa.large_binary()


def lookup(sizes: np.ndarray, make: Callable[[int], bytes]) -> pa.Array:
    """Returns `make(size)` for each size, called once for each distinct one.

    Args:
        sizes: int64 [n].
        make: Returns the bytes for a size.

    Returns:
        Large binary array [n].
    """
    distinct, codes = np.unique(sizes, return_inverse=True)
    return pa.array([make(int(size)) for size in distinct], BINARY).take(pa.array(codes))


def binary(offsets: np.ndarray, data: np.ndarray) -> pa.Array:
    """Returns the large binary array of `offsets`, int64 [n + 1], into `data`."""
    buffers = [
        None,
        pa.py_buffer(offsets.astype(np.int64)),
        pa.py_buffer(np.ascontiguousarray(data)),
    ]
    return pa.LargeBinaryArray.from_buffers(BINARY, len(offsets) - 1, buffers)


def offsets(array: pa.Array) -> np.ndarray:
    """Returns where the values of a large binary array begin and end, int64 [n + 1]."""
    found = np.frombuffer(array.buffers()[1], np.int64)
    return found[array.offset : array.offset + len(array) + 1]


def data(array: pa.Array) -> np.ndarray:
    """Returns the bytes that the offsets of a large binary array point into, uint8."""
    buffer = array.buffers()[2]
    return np.frombuffer(buffer, np.uint8) if buffer is not None else np.empty(0, np.uint8)


def lengths(array: pa.Array) -> np.ndarray:
    """Returns the number of bytes of each value, int64 [n]."""
    return np.diff(offsets(array))
