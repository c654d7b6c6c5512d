"""Turns columns as they stand in files into the few types that Examples know.

A table is read in blocks, and what a block holds does not settle the type of a column: the first
million ids may be integers and the next one `85123A`. So conversion has two steps. `convert` makes
a block's column uniform without losing anything, and says of which `Kind` its values are; `finish`
gives the whole column its type once the kinds of all blocks are known.

Categorical text becomes int64 if every value of the column is an integer without leading zeros or
plus sign, or such an integer with `.0` behind it, which is how pandas writes integers with gaps
(`17850.0` becomes 17850). Otherwise every value stays as it is written.
"""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.components.interaction_example_gen import numbers, temporal
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ANY,
    BOOLEAN,
    CATEGORICAL,
    NUMERIC,
    TEMPORAL,
    TEXT,
    VECTOR,
    ColumnSpec,
)

TEXT_TYPE = pa.dictionary(pa.int32(), pa.large_string())
_INTEGER = r"^(0|-?[1-9]\d{0,17})$"
_INTEGRAL = r"^(0|-?[1-9]\d{0,14})(\.0)?$"
_TRUE_WORDS = ("true", "t", "yes", "y", "1")
_FALSE_WORDS = ("false", "f", "no", "n", "0")
_VECTORS = "a vector column: lists of numbers, or such lists as text"


class Kind(enum.IntEnum):
    """What the values of a column have turned out to be; the kind of two blocks is the greater."""

    EMPTY = 0
    INTEGER = 1
    # Integers, some of them written with `.0`.
    INTEGRAL = 2
    # Text in a categorical column, fractions in a numeric one.
    OTHER = 3


@dataclasses.dataclass(frozen=True)
class BadValue:
    """A value that a column must not hold.

    Attributes:
        index: Row within the block; None if the column as a whole is wrong.
        received: The value or the type.
        expected: What should stand there.
        count: Rows of the block with such a value.
        remedy: What to do about it.
    """

    index: int | None
    received: str
    expected: str
    count: int = 1
    remedy: str = ""


@dataclasses.dataclass(frozen=True)
class Converted:
    """A column of a block.

    Attributes:
        array: The values; missing ones are null, and so are bad ones.
        kind: Kind of the values.
        bad: The first bad value, if there is one.
    """

    array: pa.Array
    kind: Kind
    bad: BadValue | None = None


def convert(array: pa.Array, column: ColumnSpec) -> Converted:
    """Converts a block's column; see the module's description.

    Args:
        array: The values as read: of any type from Parquet, text from CSV.
        column: What the column is to hold.
    """
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if column.type == ANY:
        return Converted(_blank_to_null(array), Kind.OTHER)
    if column.type == VECTOR:
        return _convert_vector(array, column)
    if column.multiple:
        return _convert_multiple(array, column)
    if pa.types.is_nested(array.type):
        return _wrong_type(array, f"a {column.type} column with one value a row")
    if column.type == CATEGORICAL:
        return _convert_categorical(array, column)
    if column.type == TEXT:
        return Converted(as_text(array), Kind.OTHER)
    array = _decode(array)
    if column.type == BOOLEAN:
        return _convert_boolean(array)
    if column.type == TEMPORAL:
        seconds, bad = temporal.to_seconds(array, column.time_unit)
        return _with_bad(seconds, Kind.INTEGER, bad)
    if column.type == NUMERIC:
        values, bad = numbers.to_numbers(array)
        kind = Kind.INTEGER if pa.types.is_int64(values.type) else Kind.OTHER
        return _with_bad(values, Kind.EMPTY if values.null_count == len(values) else kind, bad)
    raise ValueError(f"unknown column type {column.type!r}")


def finish(pieces: list[pa.Array], column: ColumnSpec, kind: Kind) -> pa.Array:
    """Joins a column's blocks and gives the column its type.

    Args:
        pieces: What `convert` made of each block.
        column: What the column is to hold.
        kind: Greatest kind of all blocks of the table, those not among `pieces` included.

    Returns:
        int64; float64; `TEXT_TYPE`; or, for several values a row, a large list of int64,
        `TEXT_TYPE` or float32.
    """
    if column.type == VECTOR:
        return _concatenate(pieces, pa.large_list(pa.float32()))
    if column.type == NUMERIC:
        integer = kind == Kind.INTEGER
        return _concatenate(pieces, pa.int64() if integer else pa.float64())
    if column.type in (TEMPORAL, BOOLEAN):
        return _concatenate(pieces, pa.int64())
    if column.multiple:
        return _finish_multiple(pieces, column, kind)
    integer = column.type == CATEGORICAL and kind in (Kind.INTEGER, Kind.INTEGRAL)
    if integer:
        return _concatenate([_as_integers(piece) for piece in pieces], pa.int64())
    return _concatenate([as_text(piece) for piece in pieces], TEXT_TYPE)


def join(pieces: list[pa.Array], column: ColumnSpec, kind: Kind) -> pa.Array:
    """Joins some blocks of a column such that `finish` can still give it any type.

    Args:
        pieces: What `convert` made of each block.
        column: What the column is to hold.
        kind: Greatest kind of these blocks.
    """
    if column.multiple and column.separator is not None:
        return _concatenate([as_text(piece) for piece in pieces], TEXT_TYPE)
    # Where 5.0 has become 5, the text that it was is lost; where all are integers, nothing is.
    return finish(pieces, column, Kind.OTHER if kind == Kind.INTEGRAL else kind)


def compact(array: pa.Array) -> pa.Array:
    """Returns the same values with a new dictionary, of those alone that occur."""
    if pa.types.is_large_list(array.type) and pa.types.is_dictionary(array.type.value_type):
        return _as_lists(array, compact(array.flatten()))
    if not pa.types.is_dictionary(array.type):
        return array
    used = array.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(used.indices, array.dictionary.take(used.dictionary))


def as_text(array: pa.Array) -> pa.DictionaryArray:
    """Returns the values as `TEXT_TYPE`; empty text counts as missing."""
    if pa.types.is_dictionary(array.type):
        if not _is_text(array.type.value_type):
            return as_text(array.cast(array.type.value_type))
        indices, dictionary = array.indices.cast(pa.int32()), array.dictionary
        array = pa.DictionaryArray.from_arrays(indices, dictionary.cast(pa.large_string()))
    else:
        if pa.types.is_decimal(array.type):
            array = array.cast(pa.float64())
        array = array.cast(pa.large_string()).dictionary_encode()
    empty = pc.index(array.dictionary, pa.scalar("", pa.large_string())).as_py()
    if empty < 0:
        return array
    indices = pc.if_else(pc.equal(array.indices, empty), None, array.indices)
    return pa.DictionaryArray.from_arrays(indices, array.dictionary)


def without_dictionary(array: pa.Array) -> pa.Array:
    """Returns the same values with text in place of dictionaries."""
    if pa.types.is_large_list(array.type) and pa.types.is_dictionary(array.type.value_type):
        return _as_lists(array, _decode(array.flatten()))
    return _decode(array)


def _convert_categorical(array: pa.Array, column: ColumnSpec) -> Converted:
    value_type = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if pa.types.is_integer(value_type) and value_type != pa.uint64():
        values = _decode(array).cast(pa.int64())
        kind = Kind.EMPTY if values.null_count == len(values) else Kind.INTEGER
        return Converted(values, kind)
    if pa.types.is_floating(value_type) or pa.types.is_decimal(value_type):
        array = _text_of_floats(_decode(array).cast(pa.float64()))
    text = as_text(array)
    kind = _text_kind(_used(text))
    if kind == Kind.OTHER and column.integer:
        good = _are_integers(text.dictionary).take(text.indices)
        return _with_bad(text, kind, numbers.first_bad(text, good, "an integer"))
    return Converted(text, kind)


def _are_integers(values: pa.Array) -> pa.Array:
    return pc.match_substring_regex(values, rf"({_INTEGER})|({_INTEGRAL})")


def _text_of_floats(array: pa.Array) -> pa.DictionaryArray:
    """Returns floats as text, whole ones as integers, NaN as missing."""
    encoded = pc.if_else(pc.is_nan(array), None, array).dictionary_encode()
    # Arrow writes a float without fractional part as an integer, and a large one with an exponent.
    text = encoded.dictionary.cast(pa.large_string())
    whole = pc.and_(
        pc.equal(pc.floor(encoded.dictionary), encoded.dictionary),
        pc.less(pc.abs(encoded.dictionary), 2.0**53),
    )
    integers = pc.if_else(whole, encoded.dictionary, 0.0).cast(pa.int64()).cast(pa.large_string())
    text = pc.if_else(whole, integers, text)
    return pa.DictionaryArray.from_arrays(encoded.indices, text)


def _used(array: pa.DictionaryArray) -> pa.Array:
    """Returns the dictionary's values that occur; filtering leaves others behind."""
    return array.dictionary.take(pc.unique(array.indices).drop_null())


def _text_kind(values: pa.Array) -> Kind:
    values = values.drop_null()
    if not len(values):
        return Kind.EMPTY
    if pc.all(pc.match_substring_regex(values, _INTEGER)).as_py():
        return Kind.INTEGER
    if pc.all(pc.match_substring_regex(values, _INTEGRAL)).as_py():
        return Kind.INTEGRAL
    return Kind.OTHER


def _as_integers(array: pa.Array) -> pa.Array:
    """Returns int64 of integers, or of text of kind INTEGER or INTEGRAL."""
    if not pa.types.is_dictionary(array.type):
        return array.cast(pa.int64())
    # A filter may have left values in the dictionary that no row has; those count as missing.
    text = pc.if_else(_are_integers(array.dictionary), array.dictionary, None)
    return pc.replace_substring(text, ".0", "").cast(pa.int64()).take(array.indices)


def _convert_multiple(array: pa.Array, column: ColumnSpec) -> Converted:
    array = _decode(array)
    if column.separator is not None:
        if pa.types.is_nested(array.type):
            return _wrong_type(array, f"text with values separated by {column.separator!r}")
        return _convert_separated(as_text(array), column)
    if not _is_list(array.type):
        return _wrong_type(array, "a list column, since the config names no separator")
    # Flat values are converted as a column of their own, then put back into their lists.
    flat = _convert_categorical(array.flatten(), dataclasses.replace(column, multiple=False))
    lists = _as_lists(array, flat.array if flat.kind != Kind.OTHER else as_text(flat.array))
    bad = flat.bad
    if bad is not None and bad.index is not None:
        row = int(np.searchsorted(_row_offsets(array), bad.index, side="right")) - 1
        bad = dataclasses.replace(bad, index=row)
    return Converted(lists, flat.kind, bad)


def _convert_separated(text: pa.DictionaryArray, column: ColumnSpec) -> Converted:
    """Checks text that holds several values; `finish` splits it, once for each distinct text."""
    lists = _split(text.dictionary, column.separator or "")
    values = lists.flatten()
    kind = _text_kind(values)
    if kind != Kind.OTHER or not column.integer:
        return Converted(text, kind)
    wrong = ~_are_integers(values).to_numpy(zero_copy_only=False)
    wrong_before = np.concatenate([[0], np.cumsum(wrong)])
    good = pa.array(np.diff(wrong_before[_row_offsets(lists)]) == 0).take(text.indices)
    return _with_bad(text, kind, numbers.first_bad(text, good, "integers"))


def _finish_multiple(pieces: list[pa.Array], column: ColumnSpec, kind: Kind) -> pa.Array:
    scalar = dataclasses.replace(column, multiple=False, separator=None)
    if column.separator is None:
        lengths = np.concatenate([np.diff(_row_offsets(piece)) for piece in pieces])
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        flat = finish([piece.flatten() for piece in pieces], scalar, kind)
        return _from_offsets(offsets, flat, pa.concat_arrays([p.is_null() for p in pieces]))
    text = _concatenate([as_text(piece) for piece in pieces], TEXT_TYPE)
    distinct = _split(text.dictionary, column.separator)
    flat = finish([distinct.flatten()], scalar, kind)
    return _as_lists(distinct, flat).take(text.indices)


def _split(text: pa.Array, separator: str) -> pa.Array:
    """Splits text into lists of values without the spaces around them, empty ones left out."""
    lists = pc.split_pattern(text, separator)
    values = pc.utf8_trim_whitespace(lists.flatten())
    kept = pc.fill_null(pc.not_equal(values, ""), False).to_numpy(zero_copy_only=False)
    kept_before = np.concatenate([[0], np.cumsum(kept)])
    offsets = kept_before[_row_offsets(lists)]
    return _from_offsets(offsets, values.filter(pa.array(kept)), text.is_null())


def _convert_vector(array: pa.Array, column: ColumnSpec) -> Converted:
    array = _decode(array)
    if not _is_text(array.type) and not _is_list(array.type):
        return _wrong_type(array, _VECTORS)
    lists = _parse_vectors(array) if _is_text(array.type) else array
    bad: numbers.Bad | None = None
    flat, bad_number = numbers.to_numbers(lists.flatten())
    if bad_number is not None and bad_number[0] is None:
        return _wrong_type(array, _VECTORS)
    offsets = _row_offsets(lists)
    if flat.null_count:
        # Bad numbers have become missing, and a vector must not have gaps.
        index = int(flat.is_null().index(True).as_py())
        row = int(np.searchsorted(offsets, index, side="right")) - 1
        bad = (row, _describe(array[row]), "numbers only", 1, "")
    if bad is None and column.dimension is not None:
        wrong = (np.diff(offsets) != column.dimension) & ~_null_mask(lists)
        if wrong.any():
            row = int(wrong.argmax())
            received = f"a vector of length {np.diff(offsets)[row]}"
            bad = (row, received, f"length {column.dimension}", int(wrong.sum()), "")
    result = _from_offsets(offsets, flat.cast(pa.float32(), safe=False), lists.is_null())
    return _with_bad(result, Kind.OTHER, bad)


def _parse_vectors(array: pa.Array) -> pa.Array:
    text = pc.utf8_trim(_blank_to_null(array).cast(pa.large_string()), " \t[](){}")
    return pc.split_pattern_regex(text, r"[\s,;|]+")


def _convert_boolean(array: pa.Array) -> Converted:
    if not _is_text(array.type):
        values, bad = numbers.to_numbers(array)
        good = pc.is_in(values, pa.array([0, 1], values.type))
        bad = bad or numbers.first_bad(values, good, "true, false, 1 or 0")
        return _with_bad(pc.if_else(good, values, None).cast(pa.int64()), Kind.INTEGER, bad)
    text = as_text(numbers.clean(array))
    words = pc.utf8_lower(text.dictionary)
    true = pc.is_in(words, pa.array(_TRUE_WORDS, pa.large_string()))
    good = pc.is_in(words, pa.array([*_TRUE_WORDS, *_FALSE_WORDS], pa.large_string()))
    bad = numbers.first_bad(text, good.take(text.indices), "true or false")
    values = pc.if_else(good, true, None).cast(pa.int64()).take(text.indices)
    return _with_bad(values, Kind.INTEGER, bad)


def _with_bad(array: pa.Array, kind: Kind, bad: numbers.Bad | None) -> Converted:
    return Converted(array, kind, BadValue(*bad) if bad else None)


def _wrong_type(array: pa.Array, expected: str) -> Converted:
    nothing = pa.nulls(len(array), pa.string())
    bad = BadValue(None, f"a column of type {array.type}", expected, len(array))
    return Converted(nothing, Kind.EMPTY, bad)


def _describe(value: pa.Scalar) -> str:
    text = repr(value.as_py())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _decode(array: pa.Array) -> pa.Array:
    return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array


def _is_text(data_type: pa.DataType) -> bool:
    return pa.types.is_string(data_type) or pa.types.is_large_string(data_type)


def _is_list(data_type: pa.DataType) -> bool:
    return (
        pa.types.is_list(data_type)
        or pa.types.is_large_list(data_type)
        or pa.types.is_fixed_size_list(data_type)
    )


def _blank_to_null(array: pa.Array) -> pa.Array:
    array = _decode(array)
    return pc.if_else(pc.equal(array, ""), None, array) if _is_text(array.type) else array


def _null_mask(array: pa.Array) -> np.ndarray:
    return array.is_null().to_numpy(zero_copy_only=False)


def _row_offsets(lists: pa.Array) -> np.ndarray:
    """Returns where each list begins and ends in `lists.flatten()`, which skips missing lists."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _as_lists(lists: pa.Array, flat: pa.Array) -> pa.Array:
    return _from_offsets(_row_offsets(lists), flat, lists.is_null())


def _from_offsets(offsets: np.ndarray, flat: pa.Array, missing: pa.Array) -> pa.Array:
    """Returns a large list array; `missing` says which rows have no list."""
    bounds = pa.array(offsets, pa.int64())
    if pc.any(missing).as_py():
        # An offset that is null marks its row as missing.
        mask = np.append(missing.to_numpy(zero_copy_only=False), False)
        bounds = pa.array(offsets, pa.int64(), mask=mask)
    return pa.LargeListArray.from_arrays(bounds, flat)


def _concatenate(pieces: list[pa.Array], data_type: pa.DataType) -> pa.Array:
    if not pieces:
        return pa.array([], data_type)
    pieces = [piece if piece.type == data_type else piece.cast(data_type) for piece in pieces]
    chunks = pa.chunked_array(pieces, data_type)
    if pa.types.is_dictionary(data_type):
        chunks = chunks.unify_dictionaries()
    joined = chunks.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined
