"""Serialises rows of Arrow columns as `tf.train.Example`, a column at a time.

An Example is a concatenation: of each feature's name, a few lengths, and the values' bytes. All
lengths follow from the number of bytes of a feature's values, so a column's pieces can be looked up
and joined by Arrow for many rows at once; no row is ever a Python object. This takes a tenth of the
time of `tfx_bsl.coders.example_coder.RecordBatchToExamplesEncoder` (0.3 s against 2.6 s for a
million rows of nine columns), lets other threads run, and gives the same bytes each time: features
are in the order of their names.

Wire format: https://protobuf.dev/programming-guides/encoding and tensorflow/core/example/*.proto.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.components.interaction_example_gen import binary_arrays

_NOTHING = pa.scalar(b"", binary_arrays.BINARY)
# The tag of a length-delimited field 1: Example.features, Features.feature, the key of a map entry,
# and the values of each list.
_FIELD_1 = b"\x0a"
_FIELD_2 = b"\x12"
_MAX_CACHED_VALUES = 1 << 20


@dataclasses.dataclass(frozen=True)
class _List:
    """One of the list messages that a Feature can hold: its tag, and whether values are packed."""

    tag: bytes
    packed: bool


_BYTES = _List(b"\x0a", False)
_FLOATS = _List(b"\x12", True)
_INTEGERS = _List(b"\x1a", True)

# For some rows: the arrays of bytes that make up a feature, to be joined row by row.
Pieces = Callable[[np.ndarray], Sequence[pa.Array]]


class ListValues:
    """The values that lists hold, encoded once for any number of encoders."""

    def __init__(self, values: pa.Array) -> None:
        """Encodes them.

        Args:
            values: int64, text, or a dictionary of either.
        """
        self._items, self._codes, self.kind = _cached_items(values)

    def take(self, numbers: np.ndarray) -> pa.Array:
        """Returns the encoded values with the numbers int64 [n]."""
        chosen = numbers if self._codes is None else self._codes[numbers]
        return self._items.take(pa.array(chosen))


class RowLists(Protocol):
    """Finds for some rows the lists of values of a feature.

    Args:
        rows: int [r], rows of a table.

    Returns:
        int64 [r + 1] offsets, and int64 [offsets[-1]] numbers of values.
    """

    def __call__(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See the class."""


class ExampleEncoder:
    """Serialises rows of a table."""

    def __init__(self) -> None:
        """Starts with no feature."""
        self._features: dict[str, Pieces] = {}

    def add_column(self, name: str, array: pa.Array) -> None:
        """Adds a feature that holds a column's values.

        Args:
            name: Name of the feature.
            array: int64, float32, float64, text or bytes; or dictionaries or large lists of these.
                A missing value becomes a Feature without kind, as with stock ExampleGens.

        Raises:
            TypeError: The array is of another type.
        """
        self._features[name] = _column_pieces(name.encode(), array)

    def add_lists(self, name: str, values: ListValues, lists: RowLists) -> None:
        """Adds a feature that holds lists of values found when they are asked for.

        Args:
            name: Name of the feature.
            values: What the lists' numbers stand for.
            lists: Finds the lists of rows.
        """
        key = name.encode()

        def pieces(rows: np.ndarray) -> Sequence[pa.Array]:
            offsets, numbers = lists(rows)
            return _feature(key, values.kind, values.take(numbers), offsets)

        self._features[name] = pieces

    def encode(self, rows: np.ndarray) -> pa.Array:
        """Returns the serialised Examples of some rows, as a large binary array.

        Args:
            rows: int [r], rows of the table, in the order wanted.
        """
        pieces = [piece for name in sorted(self._features) for piece in self._features[name](rows)]
        if not pieces:
            return pa.array([b""] * len(rows), binary_arrays.BINARY)
        length = np.sum([binary_arrays.lengths(piece) for piece in pieces], axis=0)
        head = binary_arrays.lookup(length, lambda size: _FIELD_1 + _varint(size))
        return pc.binary_join_element_wise(head, *pieces, _NOTHING)


def _column_pieces(key: bytes, array: pa.Array) -> Pieces:
    if pa.types.is_large_list(array.type):
        return lambda rows: _list_feature(key, array.take(pa.array(rows)))
    if not pa.types.is_dictionary(array.type) and not pa.types.is_floating(array.type):
        distinct = pc.count_distinct(array).as_py()
        if distinct * 4 < len(array) or not pa.types.is_int64(array.type):
            array = array.dictionary_encode()
    if not pa.types.is_dictionary(array.type):
        return lambda rows: _scalar_feature(key, array.take(pa.array(rows)))
    dictionary = array.dictionary
    if len(dictionary) > _MAX_CACHED_VALUES:
        codes = array.indices
        return lambda rows: _scalar_feature(key, dictionary.take(codes.take(pa.array(rows))))
    # The whole feature is made once for each distinct value; the last one is for missing values.
    with_missing = pa.concat_arrays([dictionary, pa.nulls(1, dictionary.type)])
    features = pc.binary_join_element_wise(*_scalar_feature(key, with_missing), _NOTHING)
    indices = array.indices.fill_null(len(dictionary)).to_numpy()
    return lambda rows: [features.take(pa.array(indices[rows]))]


def _scalar_feature(key: bytes, values: pa.Array) -> Sequence[pa.Array]:
    """Returns the pieces of a feature with one value a row."""
    missing = values.is_null().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(~missing)])
    items, kind = _items(values.drop_null())
    return _feature(key, kind, items, offsets, missing)


def _list_feature(key: bytes, lists: pa.Array) -> Sequence[pa.Array]:
    """Returns the pieces of a feature with a list of values a row."""
    missing = lists.is_null().to_numpy(zero_copy_only=False)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items, codes, kind = _cached_items(lists.flatten())
    items = items if codes is None else items.take(pa.array(codes))
    return _feature(key, kind, items, offsets, missing)


def _cached_items(values: pa.Array) -> tuple[pa.Array, np.ndarray | None, _List]:
    """Returns encoded values and, if they are distinct ones, which of them each value is."""
    if pa.types.is_dictionary(values.type):
        items, kind = _items(values.dictionary)
        return items, values.indices.to_numpy(), kind
    items, kind = _items(values)
    return items, None, kind


def _items(values: pa.Array) -> tuple[pa.Array, _List]:
    """Returns each value as it stands in its list message, as a large binary array."""
    if pa.types.is_int64(values.type):
        return _integer_items(values.to_numpy()), _INTEGERS
    if pa.types.is_floating(values.type):
        floats = values.to_numpy().astype("<f4")
        return binary_arrays.binary(np.arange(len(floats) + 1) * 4, floats.view(np.uint8)), _FLOATS
    values = values.cast(binary_arrays.BINARY)
    heads = binary_arrays.lookup(
        binary_arrays.lengths(values), lambda size: _FIELD_1 + _varint(size)
    )
    return pc.binary_join_element_wise(heads, values, _NOTHING), _BYTES


def _integer_items(values: np.ndarray) -> pa.Array:
    """Returns int64 as variable-length integers: seven bits a byte, low ones first."""
    bits = values.view(np.uint64)
    limits = np.uint64(1) << np.arange(7, 64, 7, dtype=np.uint64)
    lengths = np.searchsorted(limits, bits, side="right") + 1
    width = int(lengths.max(initial=1))
    shifts = np.arange(0, 7 * width, 7, dtype=np.uint64)
    groups = ((bits[:, None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    position = np.arange(width)
    groups |= np.where(position < lengths[:, None] - 1, 0x80, 0).astype(np.uint8)
    data = groups[position < lengths[:, None]]
    return binary_arrays.binary(np.concatenate([[0], np.cumsum(lengths)]), data)


def _feature(
    key: bytes,
    kind: _List,
    items: pa.Array,
    offsets: np.ndarray,
    missing: np.ndarray | None = None,
) -> Sequence[pa.Array]:
    """Returns the two pieces of a feature: what stands before the values, and the values.

    Args:
        key: Name of the feature.
        kind: The list that holds the values.
        items: All values, encoded one by one.
        offsets: int64 [r + 1], where each row's values begin and end in `items`.
        missing: bool [r], which rows have no list at all.
    """
    bounds = binary_arrays.offsets(items)[offsets]
    payload = binary_arrays.binary(
        bounds - bounds[0], binary_arrays.data(items)[bounds[0] : bounds[-1]]
    )
    lengths = np.diff(bounds)
    if missing is not None:
        lengths = np.where(missing, -1, lengths)
    return binary_arrays.lookup(lengths, lambda size: _feature_head(key, kind, size)), payload


def _feature_head(key: bytes, kind: _List, size: int) -> bytes:
    """Returns a map entry of Features up to its values, which take `size` bytes; -1: no list."""
    if size < 0:
        head = _FIELD_2 + _varint(0)
    else:
        packed = _FIELD_1 + _varint(size) if kind.packed and size else b""
        listed = kind.tag + _varint(len(packed) + size) + packed
        head = _FIELD_2 + _varint(len(listed) + size) + listed
    entry = _FIELD_1 + _varint(len(key)) + key + head
    return _FIELD_1 + _varint(len(entry) + max(size, 0)) + entry


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
