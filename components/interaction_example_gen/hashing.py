"""Hashes of column values that depend on nothing but the value and a seed.

The hash of a value is the same in every process, on every platform and for every order of rows, so
a split or a shuffle made from it is reproducible. Text uses multilinear hashing (Lemire and Kaser,
"Strongly universal string hashing is fast", 2014) with weights drawn by SplitMix64 (Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", 2014), vectorised over the bytes of a
column. Not for secrets: who knows the seed can make collisions.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MISSING = np.uint64(0xD1B54A32D192ED03)
_ROWS_AT_ONCE = 1 << 20


def mix(values: np.ndarray) -> np.ndarray:
    """Returns SplitMix64's finaliser of each uint64: a bijection that scatters all bits."""
    values = values + _GAMMA
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def combine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns one hash for each pair of hashes; the order within a pair matters."""
    return mix((first * np.uint64(3)) ^ second)


def seeded(hashes: np.ndarray, seed: int) -> np.ndarray:
    """Returns hashes that look independent for different seeds (any integer)."""
    return mix(hashes ^ mix(np.array([seed % (1 << 64)], np.uint64)))


def uniform(hashes: np.ndarray) -> np.ndarray:
    """Returns each hash as a float64 in [0, 1)."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def hash_array(array: pa.Array) -> np.ndarray:
    """Hashes each value of an array.

    Args:
        array: Integers, floats, booleans, text or bytes; dictionaries and lists of these.

    Returns:
        uint64 of the array's length. A value hashes alike whether or not it stands in a dictionary.

    Raises:
        TypeError: The array holds anything else.
    """
    if pa.types.is_dictionary(array.type):
        return _hash_dictionary(array)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return _hash_lists(array)
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if pa.types.is_integer(array.type):
        numbers = array.fill_null(0).cast(pa.int64()).to_numpy(zero_copy_only=False)
        hashes = mix(numbers.view(np.uint64))
    elif pa.types.is_floating(array.type):
        floats = array.fill_null(0).cast(pa.float64()).to_numpy(zero_copy_only=False)
        # -0.0 equals 0.0 and must hash alike.
        hashes = mix((floats + 0.0).view(np.uint64))
    else:
        hashes = _hash_text(array)
    if array.null_count:
        hashes = np.where(array.is_null().to_numpy(zero_copy_only=False), _MISSING, hashes)
    return hashes


def _hash_dictionary(array: pa.DictionaryArray) -> np.ndarray:
    hashes = np.append(hash_array(array.dictionary), _MISSING)
    codes = array.indices.fill_null(len(array.dictionary)).to_numpy(zero_copy_only=False)
    return hashes[codes]


def _hash_lists(array: pa.Array) -> np.ndarray:
    offsets = array.offsets.to_numpy().astype(np.int64)
    flat = hash_array(array.values)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    positions = np.arange(len(flat), dtype=np.int64) - np.repeat(offsets[:-1], np.diff(offsets))
    sums = _sums(combine(flat, positions.astype(np.uint64)), offsets)
    return mix(sums ^ np.diff(offsets).astype(np.uint64))


def _hash_text(array: pa.Array) -> np.ndarray:
    if not (pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)):
        if not (pa.types.is_string(array.type) or pa.types.is_binary(array.type)):
            raise TypeError(f"cannot hash values of type {array.type}")
        array = array.cast(pa.large_binary())
    parts = [
        _hash_bytes(array.slice(start, _ROWS_AT_ONCE))
        for start in range(0, max(len(array), 1), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)


def _hash_bytes(array: pa.Array) -> np.ndarray:
    _, offset_buffer, data_buffer = array.buffers()
    if not len(array):
        return np.empty(0, np.uint64)
    offsets = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    size = int(offsets[-1] - offsets[0])
    data = np.frombuffer(data_buffer, np.uint8, size, int(offsets[0])) if size else np.empty(0)
    offsets = offsets - offsets[0]
    lengths = np.diff(offsets)
    positions = np.arange(size) - np.repeat(offsets[:-1], lengths)
    weights = mix(np.arange(int(lengths.max()) + 1, dtype=np.uint64)) | np.uint64(1)
    sums = _sums((data.astype(np.uint64) + np.uint64(1)) * weights[positions], offsets)
    return mix(sums ^ mix(lengths.astype(np.uint64)))


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Returns the sum modulo 2**64 of each range of `values` between neighbouring offsets."""
    totals = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
    return totals[offsets[1:]] - totals[offsets[:-1]]
