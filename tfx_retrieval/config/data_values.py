"""Which Arrow types and values fit which feature types."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.config.features import RawColumn
from tfx_retrieval.proto.feature_config_pb2 import FeatureType

# How files write that there is no number, time or truth value.
MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none", "nil", "nat", "\\n", "-")
TRUE_WORDS = ("true", "t", "yes", "y", "1")
FALSE_WORDS = ("false", "f", "no", "n", "0")

NUMBER_PATTERN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INTEGER_PATTERN = r"^[+-]?\d+(\.0*)?$"
_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?( ?(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?))?"
TIME_PATTERN = rf"^{_DATE}([ T]{_CLOCK})?$"

_TIME_REMEDY = "Write times in ISO 8601, or as integers with their time_unit in the config."
_NUMBER_REMEDY = "Write a point before decimals, and no separator between thousands."


@dataclasses.dataclass(frozen=True)
class Misfit:
    """The first value of a column that does not fit.

    Attributes:
        row: Its position in the column.
        received: The value.
        expected: What should stand there.
        count: Number of such rows.
        remedy: What to do about it.
    """

    row: int
    received: str
    expected: str
    count: int
    remedy: str = ""


def is_text(data_type: pa.DataType) -> bool:
    """Returns whether values are text, dictionary-encoded or not."""
    if pa.types.is_dictionary(data_type):
        return is_text(data_type.value_type)
    return pa.types.is_string(data_type) or pa.types.is_large_string(data_type)


def is_list(data_type: pa.DataType) -> bool:
    """Returns whether values are lists."""
    return (
        pa.types.is_list(data_type)
        or pa.types.is_large_list(data_type)
        or pa.types.is_fixed_size_list(data_type)
    )


def is_number(data_type: pa.DataType) -> bool:
    """Returns whether values are integers, floats or decimals."""
    return (
        pa.types.is_integer(data_type)
        or pa.types.is_floating(data_type)
        or pa.types.is_decimal(data_type)
    )


def is_time(data_type: pa.DataType) -> bool:
    """Returns whether values are dates or points in time."""
    return pa.types.is_timestamp(data_type) or pa.types.is_date(data_type)


def expected_type(column: RawColumn, data_type: pa.DataType) -> str:
    """Returns what type a column should have, or an empty text if `data_type` can hold it."""
    if pa.types.is_null(data_type) or column.type == FeatureType.unspecified:
        return ""
    if column.type == FeatureType.history:
        holds = is_list(data_type) and _is_id(data_type.value_type)
        return "" if holds else "a column of lists of ids"
    if column.type == FeatureType.vector:
        holds = is_text(data_type) or (is_list(data_type) and is_number(data_type.value_type))
        return "" if holds else "a column of lists of numbers, or such lists as text"
    if column.feature is not None and column.feature.HasField("values"):
        return _expected_multiple(column, data_type)
    if pa.types.is_nested(data_type):
        return "a column with one value a row"
    checks: dict[int, tuple[Callable[[pa.DataType], bool], str]] = {
        FeatureType.categorical: (_is_id, "texts or integers"),
        FeatureType.numeric: (_is_quantity, "numbers"),
        FeatureType.temporal: (_is_moment, "dates, times or integers"),
        FeatureType.text: (is_text, "text"),
        FeatureType.boolean: (_is_quantity, "true and false"),
    }
    holds_values, noun = checks[column.type]
    return "" if holds_values(data_type) else f"a column of {noun}"


def _expected_multiple(column: RawColumn, data_type: pa.DataType) -> str:
    """Returns what type a column of several values a row should have, if not this one."""
    assert column.feature is not None
    if column.feature.values.HasField("separator"):
        return "" if is_text(data_type) else "a column of text, to be cut at the separator"
    if is_list(data_type) and _is_id(data_type.value_type):
        return ""
    return "a column of lists, since values names no separator"


def _is_id(data_type: pa.DataType) -> bool:
    is_boolean = pa.types.is_boolean(data_type)
    if pa.types.is_dictionary(data_type):
        return _is_id(data_type.value_type)
    return is_text(data_type) or is_number(data_type) or is_boolean or is_time(data_type)


def _is_quantity(data_type: pa.DataType) -> bool:
    return is_text(data_type) or is_number(data_type) or pa.types.is_boolean(data_type)


def _is_moment(data_type: pa.DataType) -> bool:
    is_decimal = pa.types.is_decimal(data_type)
    return is_text(data_type) or is_time(data_type) or (is_number(data_type) and not is_decimal)


def missing(values: pa.ChunkedArray) -> int:
    """Returns how many values of a column are missing; empty text counts as missing."""
    if is_text(values.type):
        empty = pc.sum(pc.equal(decoded(values), "")).as_py() or 0
        return int(values.null_count) + int(empty)
    if pa.types.is_floating(values.type):
        not_a_number = pc.sum(pc.is_nan(values)).as_py() or 0
        return int(values.null_count) + int(not_a_number)
    return int(values.null_count)


def first_misfit(column: RawColumn, values: pa.ChunkedArray) -> Misfit | None:
    """Returns the first value that is none of the column's feature type, or None.

    Args:
        column: What the config says of the column.
        values: The values, of a type that `expected_type` lets pass.
    """
    if column.type == FeatureType.vector:
        return _vector_misfit(column, values)
    wants_integer = column.feature is not None and column.feature.HasField("integer_id")
    if is_list(values.type) or (column.feature is not None and column.feature.HasField("values")):
        return None
    if is_text(values.type):
        return _text_misfit(column, values, wants_integer)
    if pa.types.is_floating(values.type):
        return _float_misfit(column, values, wants_integer)
    if column.type == FeatureType.boolean and is_number(values.type):
        good = pc.is_in(values, pa.array([0, 1]).cast(values.type))
        return _first(values, good, "true, false, 1 or 0")
    return None


def _text_misfit(column: RawColumn, values: pa.ChunkedArray, wants_integer: bool) -> Misfit | None:
    values = decoded(values)
    words = clean(values)
    if column.type == FeatureType.numeric:
        good = pc.match_substring_regex(words, NUMBER_PATTERN)
        misfit = _first(words, good, "a number")
        if misfit is not None and "," in misfit.received:
            return dataclasses.replace(misfit, remedy=_NUMBER_REMEDY)
        return misfit
    if column.type == FeatureType.temporal:
        good = pc.or_(
            pc.match_substring_regex(words, TIME_PATTERN),
            pc.match_substring_regex(words, INTEGER_PATTERN),
        )
        misfit = _first(words, good, "a date or time such as 2011-12-09 or 2011-12-09T12:50:00Z")
        return misfit and dataclasses.replace(misfit, remedy=_TIME_REMEDY)
    if column.type == FeatureType.boolean:
        accepted = pa.array([*TRUE_WORDS, *FALSE_WORDS], words.type)
        return _first(words, pc.is_in(pc.utf8_lower(words), accepted), "true or false")
    if wants_integer:
        whole = pc.match_substring_regex(words, INTEGER_PATTERN)
        return _first(words, whole, "an integer, since the column is an integer_id")
    return None


def _float_misfit(column: RawColumn, values: pa.ChunkedArray, wants_integer: bool) -> Misfit | None:
    known = pc.if_else(pc.is_nan(values), None, values)
    if column.type in (FeatureType.numeric, FeatureType.temporal):
        return _first(known, pc.is_finite(known), "a finite number")
    if column.type == FeatureType.boolean:
        good = pc.is_in(known, pa.array([0, 1]).cast(known.type))
        return _first(known, good, "true, false, 1 or 0")
    if wants_integer:
        whole = pc.equal(pc.floor(known), known)
        return _first(known, whole, "an integer, since the column is an integer_id")
    return None


def _vector_misfit(column: RawColumn, values: pa.ChunkedArray) -> Misfit | None:
    """Returns the first vector of another length than the config's."""
    assert column.feature is not None
    dimension = column.feature.vector.dimension
    lists = values
    if is_text(values.type):
        inner = pc.utf8_trim(clean(decoded(values)), characters=" \t[](){}")
        lists = pc.split_pattern_regex(inner, pattern=r"[\s,;|]+")
    lengths = pc.list_value_length(lists)
    misfit = _first(lengths, pc.equal(lengths, dimension), f"a vector of length {dimension:,}")
    return misfit and dataclasses.replace(misfit, received=f"a vector of length {misfit.received}")


def clean(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns text without the spaces around it, null where it says that there is no value."""
    trimmed = pc.utf8_trim_whitespace(values)
    is_missing = pc.is_in(pc.utf8_lower(trimmed), pa.array(MISSING_WORDS, trimmed.type))
    return pc.if_else(is_missing, None, trimmed)


def as_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Returns a column as float64, or None if some value is no number."""
    if is_text(values.type):
        values = clean(decoded(values))
    elif not (is_number(values.type) or pa.types.is_boolean(values.type)):
        return None
    try:
        numbers = values.cast(pa.float64(), safe=False)
    except pa.ArrowInvalid:
        return None
    return pc.if_else(pc.is_finite(numbers), numbers, None)


def decoded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a dictionary-encoded column as plain values."""
    if pa.types.is_dictionary(values.type):
        return values.cast(values.type.value_type)
    return values


def _first(values: pa.ChunkedArray, good: pa.ChunkedArray, expected: str) -> Misfit | None:
    """Returns the first value that is there and not good."""
    bad = pc.and_(values.is_valid(), pc.invert(pc.fill_null(good, False)))
    count = pc.sum(bad).as_py() or 0
    if not count:
        return None
    row = pc.index(bad, True).as_py()
    return Misfit(row, str(values[row].as_py()), expected, count)
