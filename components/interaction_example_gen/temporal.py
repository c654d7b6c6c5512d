"""Points in time out of the columns of a table, as seconds since 1970-01-01 UTC."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.components.interaction_example_gen import numbers

_EXPECTED = "a date or time such as 2011-12-09, 2011-12-09 12:50:00 or 2011-12-09T12:50:00Z"
_REMEDY = "Write times in ISO 8601, or as integers with their time_unit in the config."
_SHAPE = (
    r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?"
    r"( ?(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?))?)?$"
)
_ZONE = r":\d{2}(?:[.,]\d+)? ?(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$"
_NUMBER = r"^[+-]?\d+(\.\d*)?$"
_PER_SECOND = {
    "seconds": 1,
    "milliseconds": 1_000,
    "microseconds": 1_000_000,
    "nanoseconds": 1_000_000_000,
}
_SECONDS_PER_DAY = 86_400
# 0001-01-01 to 9999-12-31.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
# Seconds in this range are in August and September 1970.
_FIRST_DATE_DIGITS, _LAST_DATE_DIGITS = 19_000_101, 21_001_231


def to_seconds(array: pa.Array, time_unit: str) -> tuple[pa.Array, numbers.Bad | None]:
    """Converts a column to epoch seconds; fractions of a second are cut off, towards the past.

    Args:
        array: Timestamps, dates, ISO 8601 text, or numbers; what has no time zone is in UTC.
        time_unit: Unit of numbers.

    Returns:
        int64, null where a value is missing or bad; and the first bad value.
    """
    if pa.types.is_timestamp(array.type):
        ticks = array.cast(pa.int64())
        return _floor_divide(ticks, _ticks_per_second(array.type.unit)), None
    if pa.types.is_date(array.type):
        return array.cast(pa.date32()).cast(pa.timestamp("s")).cast(pa.int64()), None
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _parse(array, time_unit)
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return _from_numbers(array, time_unit)
    nothing = pa.nulls(len(array), pa.int64())
    return nothing, (None, f"a column of type {array.type}", _EXPECTED, len(array), "")


def _ticks_per_second(unit: str) -> int:
    return {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit]


def _floor_divide(values: pa.Array, divisor: int) -> pa.Array:
    if divisor == 1:
        return values
    # Arrow divides towards zero; a time before 1970 must go down, as one after it does.
    quotient = pc.divide(values, divisor)
    below = pc.less(values, pc.multiply(quotient, divisor))
    return pc.subtract(quotient, below.cast(pa.int64()))


def _from_numbers(array: pa.Array, time_unit: str) -> tuple[pa.Array, numbers.Bad | None]:
    values, bad = numbers.to_numbers(array)
    if pa.types.is_floating(values.type):
        limit = 2.0**62
        good = pc.less(pc.abs(values), limit)
        bad = bad or numbers.first_bad(values, good, f"a time in {time_unit}")
        values = pc.floor(pc.if_else(good, values, None)).cast(pa.int64())
    if time_unit == "days":
        limit = _LAST // _SECONDS_PER_DAY + 1
        seconds = pc.if_else(pc.less_equal(pc.abs(values), limit), values, limit)
        seconds = pc.multiply(seconds, _SECONDS_PER_DAY)
    else:
        seconds = _floor_divide(values, _PER_SECOND[time_unit])
    return seconds, bad or _implausible(values, seconds, time_unit)


def _implausible(values: pa.Array, seconds: pa.Array, time_unit: str) -> numbers.Bad | None:
    """Returns the first number that cannot be meant as `time_unit`."""
    good = pc.and_(pc.greater_equal(seconds, _FIRST), pc.less_equal(seconds, _LAST))
    expected = f"a time in {time_unit} between the years 1 and 9999"
    bad = numbers.first_bad(values, good, expected, "Is time_unit in the config right?")
    if bad is not None or time_unit != "seconds":
        return bad
    smallest, largest = pc.min_max(values).as_py().values()
    if smallest is None or smallest < _FIRST_DATE_DIGITS or largest > _LAST_DATE_DIGITS:
        return None
    month = pc.subtract(pc.divide(values, 100), pc.multiply(pc.divide(values, 10_000), 100))
    if not pc.all(pc.and_(pc.greater_equal(month, 1), pc.less_equal(month, 12))).as_py():
        return None
    count = len(values) - values.null_count
    index = pc.index(values.is_valid(), True).as_py()
    remedy = "These look like dates written as YYYYMMDD; write them as YYYY-MM-DD."
    return index, str(values[index].as_py()), "a time in seconds", count, remedy


def _parse(array: pa.Array, time_unit: str) -> tuple[pa.Array, numbers.Bad | None]:
    """Reads text: at once if all of it is plain ISO 8601 or integers, else form by form."""
    times = numbers.try_cast(array, pa.timestamp("s"))
    if times is not None:
        return times.cast(pa.int64()), None
    integers = numbers.try_cast(array, pa.int64())
    if integers is not None:
        return _from_numbers(integers, time_unit)
    text = numbers.clean(array)
    is_number = pc.match_substring_regex(text, _NUMBER)
    from_numbers, bad_number = _from_numbers(pc.if_else(is_number, text, None), time_unit)
    is_time = pc.match_substring_regex(text, _SHAPE)
    seconds = _parse_times(pc.if_else(is_time, text, None))
    seconds = pc.if_else(pc.fill_null(is_number, False), from_numbers, seconds)
    good = pc.or_(is_number, seconds.is_valid())
    return seconds, numbers.first_bad(text, good, _EXPECTED, _REMEDY) or bad_number


def _parse_times(text: pa.Array) -> pa.Array:
    """Returns epoch seconds of text that has the shape of a time, null where it names no time."""
    zoned = pc.fill_null(pc.match_substring_regex(text, _ZONE), False)
    text = pc.replace_substring_regex(text, r"[.,]\d+", "")
    text = pc.replace_substring_regex(text, r" ?(UTC|GMT|Z)$", "Z")
    text = pc.replace_substring_regex(text, r" ([+-]\d{2}(:?\d{2})?)$", r"\1")
    with_zone = _cast_each(pc.if_else(zoned, text, None), pa.timestamp("s", "UTC"))
    without_zone = _cast_each(pc.if_else(zoned, None, text), pa.timestamp("s"))
    return pc.coalesce(with_zone, without_zone)


def _cast_each(text: pa.Array, data_type: pa.DataType) -> pa.Array:
    times = numbers.try_cast(text, data_type)
    if times is not None:
        return times.cast(pa.int64())
    # Some value, such as 2011-02-30, is no time: find out which, distinct ones only.
    encoded = text.dictionary_encode()
    values = []
    for index in range(len(encoded.dictionary)):
        value = numbers.try_cast(encoded.dictionary.slice(index, 1), data_type)
        values.append(None if value is None else value.cast(pa.int64())[0].as_py())
    return pa.array(values, pa.int64()).take(encoded.indices)
