"""Numbers out of the columns of a table, and the first value that is none."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

# Index within the array, or None if its type is wrong; value or type received; what was expected;
# how many such values; remedy.
Bad = tuple[int | None, str, str, int, str]

# What spreadsheets, R, pandas and databases write where a number is missing.
MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none", "nil", "nat", "\\n", "-")
_FEW_VALUES = 64
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def to_numbers(array: pa.Array) -> tuple[pa.Array, Bad | None]:
    """Returns int64 if every value is a whole number as written, else float64.

    Args:
        array: Numbers, booleans, or text with numbers.

    Returns:
        The numbers, null where a value is missing, NaN or bad; and the first bad value.
    """
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _parse(array)
    if pa.types.is_boolean(array.type):
        return array.cast(pa.int64()), None
    if pa.types.is_integer(array.type):
        if array.type != pa.uint64():
            return array.cast(pa.int64()), None
        return array.cast(pa.float64(), safe=False), None
    if pa.types.is_decimal(array.type) or pa.types.is_floating(array.type):
        return _finite(array.cast(pa.float64(), safe=False), array)
    nothing = pa.nulls(len(array), pa.float64())
    return nothing, (None, f"a column of type {array.type}", "numbers", len(array), "")


def clean(array: pa.Array) -> pa.Array:
    """Returns text without the spaces around it, null where it says that there is no value."""
    text = pc.utf8_trim_whitespace(array)
    missing = pc.is_in(pc.utf8_lower(text), pa.array(MISSING_WORDS, text.type))
    return pc.if_else(missing, None, text)


def try_cast(text: pa.Array, data_type: pa.DataType) -> pa.Array | None:
    """Returns text in another type, or None if a value cannot be read as such."""
    try:
        # Where every value fails, Arrow writes a message for each; a few tell as much.
        text.slice(0, _FEW_VALUES).cast(data_type)
        return text.cast(data_type)
    except pa.ArrowInvalid:
        return None


def first_bad(array: pa.Array, good: pa.Array, expected: str, remedy: str = "") -> Bad | None:
    """Returns the first value that is there but not `good`, or None if all are."""
    bad = pc.and_(array.is_valid(), pc.invert(pc.fill_null(good, False)))
    count = pc.sum(bad).as_py() or 0
    if not count:
        return None
    index = pc.index(bad, True).as_py()
    received = repr(array[index].as_py())
    if len(received) > 60:
        received = f"{received[:57]}..."
    return index, received, expected, count, remedy


def _parse(array: pa.Array) -> tuple[pa.Array, Bad | None]:
    values = _cast(array)
    if values is not None:
        return _finite(values, array)
    text = clean(array)
    good = pc.match_substring_regex(text, _NUMBER)
    remedy = ""
    bad = first_bad(text, good, "a number", remedy)
    if bad is not None and "," in bad[1]:
        remedy = "Write a point before decimals, and no separator between thousands."
        bad = first_bad(text, good, "a number", remedy)
    plain = pc.replace_substring_regex(pc.if_else(good, text, None), r"^\+", "")
    values = _cast(plain)
    if values is None:
        raise ValueError("the pattern of a number lets through what Arrow cannot read")
    values, infinite = _finite(values, text)
    return values, bad or infinite


def _cast(text: pa.Array) -> pa.Array | None:
    if pc.any(pc.match_substring(text, "x", ignore_case=True)).as_py():
        # Arrow reads 0x10 as sixteen, but only where there is no fraction.
        return None
    integers = try_cast(text, pa.int64())
    return try_cast(text, pa.float64()) if integers is None else integers


def _finite(values: pa.Array, source: pa.Array) -> tuple[pa.Array, Bad | None]:
    """Makes NaN missing and infinity bad."""
    if not pa.types.is_floating(values.type):
        return values, None
    finite = pc.is_finite(values)
    if pc.all(finite).as_py() in (True, None):
        return values, None
    bad = first_bad(source, pc.or_(finite, pc.is_nan(values)), "a finite number")
    return pc.if_else(finite, values, None), bad
