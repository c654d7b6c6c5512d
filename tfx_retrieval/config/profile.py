"""What the columns of an unknown table hold, as far as their values tell."""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.config import data_values
from tfx_retrieval.config.input_names import name_words

_SEPARATORS = ("|", ";")
_FLOAT = r"[-+]?\d*\.?\d+([eE][-+]?\d+)?"
_VECTOR = rf"^\s*[\[(]?\s*{_FLOAT}(\s*[,;\s]\s*{_FLOAT})+\s*[\])]?\s*$"
_MIN_VECTOR_LENGTH = 4
# 1990-01-01 to 2100-01-01 as seconds.
_FIRST_SECOND, _LAST_SECOND = 631_152_000, 4_102_444_800
_UNITS = {
    "seconds": 1,
    "milliseconds": 1_000,
    "microseconds": 1_000_000,
    "nanoseconds": 1_000_000_000,
}
_FIRST_DATE_DIGITS, _LAST_DATE_DIGITS = 19_900_101, 21_001_231
_WORD = r"[A-Za-z]{3,9}\.?"
# Dates as many countries and programs write them, such as 12/9/2011 8:26 or 9 Dec 2011.
_OTHER_DATE = (
    r"^(\d{1,4}[/.]\d{1,2}[/.]\d{1,4}|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}-(\d{1,2}|[A-Za-z]{3,9})-\d{2,4}"
    rf"|({_WORD},? )?({_WORD} \d{{1,2}}|\d{{1,2}} {_WORD}),? \d{{4}})([T ,].*)?$"
)
# Numbers with a decimal comma, separators between thousands, or a currency.
_SIGN = r"[^\dA-Za-z.,]{0,3}"
_OTHER_NUMBER = rf"^{_SIGN}(\d{{1,3}}([,.' ]\d{{3}})+|\d+)([.,]\d+)?{_SIGN}$"
_CODE = r"^[+-]?0\d"
_DATE_FLAW = "dates in a form that is not read; write them as 2011-12-09 12:50:00"
_NUMBER_FLAW = "they look like numbers; write them as 1234.5, without anything else"
_TIME_WORDS = {"time", "timestamp", "date", "datetime", "ts", "at", "day", "epoch", "when"}


class Kind(enum.Enum):
    """What a column holds."""

    EMPTY = "no value"
    INTEGER = "integers"
    REAL = "numbers"
    TIME = "times"
    BOOLEAN = "true and false"
    TEXT = "text"
    LIST = "lists"
    VECTOR = "vectors"
    OTHER = "values of a type that no feature takes"


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: Its name.
        kind: What it holds.
        codes: int32 [rows]: which of the distinct values a row has, -1 where it has none; empty for
            lists and vectors.
        distinct: Number of distinct values.
        numbers: float64 [rows] of INTEGER, REAL and BOOLEAN columns, NaN where there is none; else
            empty.
        words: Mean number of words of a TEXT column.
        length: Length of the vectors, or the 95th percentile of the lengths of lists.
        separator: Separator of a LIST column that is written as text.
        time_unit: Unit of a TIME column of integers.
        has_clock: Whether a TIME column tells the time of day.
        flaw: What is wrong with values that are not read as what they seem to be meant as.
        heading: Its heading in the table, if that is another than its name.
    """

    name: str
    kind: Kind
    codes: np.ndarray
    distinct: int
    numbers: np.ndarray
    words: float = 0.0
    length: int = 0
    separator: str = ""
    time_unit: str = "seconds"
    has_clock: bool = False
    flaw: str = ""
    heading: str = ""

    @property
    def source(self) -> str:
        """Its heading in the table."""
        return self.heading or self.name

    @property
    def rows(self) -> int:
        """Number of rows that hold a value, of a column that is no list and no vector."""
        return int(np.count_nonzero(self.codes >= 0))


def profile(table: pa.Table) -> list[Column]:
    """Returns what each column of a table holds.

    Args:
        table: The table; columns of a CSV file may all be text.
    """
    names = table.schema.names
    return [_profile(name, table.column(position)) for position, name in enumerate(names)]


def _profile(name: str, values: pa.ChunkedArray) -> Column:
    if pa.types.is_dictionary(values.type):
        values = data_values.decoded(values)
    nothing = np.zeros(0)
    if pa.types.is_null(values.type):
        return Column(name, Kind.EMPTY, nothing, 0, nothing)
    if data_values.is_list(values.type):
        return _list_column(name, values)
    if not _is_plain(values.type):
        return _other(name, f"values of the type {values.type}, which no feature takes")
    if data_values.is_text(values.type):
        return _text_column(name, values)
    codes, distinct = _codes(values)
    if not distinct:
        return Column(name, Kind.EMPTY, codes, 0, nothing)
    if data_values.is_time(values.type):
        has_clock = pa.types.is_timestamp(values.type) and _has_clock(values)
        return Column(name, Kind.TIME, codes, distinct, nothing, has_clock=has_clock)
    if pa.types.is_boolean(values.type):
        return Column(name, Kind.BOOLEAN, codes, distinct, _numbers(values))
    if data_values.is_number(values.type):
        return _number_column(name, values, codes, distinct)
    raise ValueError(f"column {name!r} has the unexpected type {values.type}")


def _is_plain(data_type: pa.DataType) -> bool:
    """Returns whether values of a type can be one value of a feature."""
    return (
        data_values.is_text(data_type)
        or data_values.is_time(data_type)
        or data_values.is_number(data_type)
        or pa.types.is_boolean(data_type)
    )


def _other(name: str, flaw: str) -> Column:
    nothing = np.zeros(0)
    return Column(name, Kind.OTHER, nothing, 0, nothing, flaw=flaw)


def _codes(values: pa.ChunkedArray) -> tuple[np.ndarray, int]:
    """Returns int32 [rows] of codes of the distinct values, -1 where missing, and their number."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes.astype(np.int32), len(encoded.dictionary)


def _numbers(values: pa.ChunkedArray) -> np.ndarray:
    numbers = values.cast(pa.float64(), safe=False).to_numpy()
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _number_column(name: str, values: pa.ChunkedArray, codes: np.ndarray, distinct: int) -> Column:
    numbers = _numbers(values)
    if pa.types.is_floating(values.type) and pc.any(pc.is_inf(values)).as_py():
        return _other(name, "infinite numbers; leave such values empty")
    known = numbers[~np.isnan(numbers)]
    if _are_date_digits(name, known):
        return _other(name, _DATE_FLAW)
    is_integer = bool(len(known)) and bool(np.all(known == np.floor(known)))
    unit = _time_unit(name, known) if is_integer else ""
    if unit:
        return Column(name, Kind.TIME, codes, distinct, np.zeros(0), time_unit=unit, has_clock=True)
    kind = Kind.INTEGER if is_integer else Kind.REAL
    return Column(name, kind, codes, distinct, numbers)


def _time_unit(name: str, numbers: np.ndarray) -> str:
    """Returns the unit in which integers are plausible times, or an empty text."""
    if not _TIME_WORDS & set(name_words(name)):
        return ""
    for unit, per_second in _UNITS.items():
        seconds = numbers / per_second
        if seconds.min() >= _FIRST_SECOND and seconds.max() <= _LAST_SECOND:
            return unit
    return ""


def _are_date_digits(name: str, numbers: np.ndarray) -> bool:
    """Returns whether numbers under the name of a time are dates written as 20111209."""
    if not len(numbers) or not _TIME_WORDS & set(name_words(name)):
        return False
    months, days = numbers // 100 % 100, numbers % 100
    in_range = (numbers >= _FIRST_DATE_DIGITS) & (numbers <= _LAST_DATE_DIGITS)
    return bool(np.all(in_range & (months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)))


def _has_clock(values: pa.ChunkedArray) -> bool:
    per_day = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
    ticks = values.drop_null().cast(pa.int64()).to_numpy()
    return bool(np.any(ticks % per_day[values.type.unit]))


def _text_column(name: str, values: pa.ChunkedArray) -> Column:
    """Returns a column of text, or of what all its text is: numbers, times, truth values, lists."""
    words = data_values.clean(values)
    codes, distinct = _codes(words)
    if not distinct:
        return Column(name, Kind.EMPTY, codes, 0, np.zeros(0))
    sample = pc.unique(words).drop_null()
    has_codes = pc.any(pc.match_substring_regex(sample, _CODE)).as_py()
    if not has_codes and _all_match(sample, data_values.NUMBER_PATTERN):
        return _number_column(name, words.cast(pa.float64()), codes, distinct)
    if _all_match(sample, data_values.TIME_PATTERN):
        has_clock = bool(pc.any(pc.match_substring(sample, ":")).as_py())
        return Column(name, Kind.TIME, codes, distinct, np.zeros(0), has_clock=has_clock)
    lower = pc.utf8_lower(sample)
    truths = [*data_values.TRUE_WORDS, *data_values.FALSE_WORDS]
    if distinct == 2 and pc.all(pc.is_in(lower, pa.array(truths, lower.type))).as_py():
        return Column(name, Kind.BOOLEAN, codes, distinct, np.zeros(0))
    if _all_match(sample, _VECTOR):
        length = _common_length(sample)
        if length >= _MIN_VECTOR_LENGTH:
            return Column(name, Kind.VECTOR, np.zeros(0), distinct, np.zeros(0), length=length)
    separator = _separator(sample)
    if separator:
        lengths = pc.list_value_length(pc.split_pattern(sample, separator)).to_numpy()
        return Column(
            name,
            Kind.LIST,
            codes,
            distinct,
            np.zeros(0),
            length=int(np.ceil(np.percentile(lengths, 95))),
            separator=separator,
        )
    counts = pc.count_substring_regex(sample, r"\S+").to_numpy()
    return Column(
        name,
        Kind.TEXT,
        codes,
        distinct,
        np.zeros(0),
        words=float(np.mean(counts)),
        flaw=_flaw_of_text(sample),
    )


def _flaw_of_text(values: pa.Array) -> str:
    """Returns what text seems to be meant as if it is not read as that."""
    if _all_match(values, _OTHER_DATE):
        return _DATE_FLAW
    are_codes = _all_match(values, r"^\d+$")
    return _NUMBER_FLAW if not are_codes and _all_match(values, _OTHER_NUMBER) else ""


def _all_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())


def _common_length(values: pa.Array) -> int:
    """Returns the length of vectors written as text, or 0 if their lengths differ."""
    inner = pc.utf8_trim(values, characters=" \t[](){}")
    lengths = pc.list_value_length(pc.split_pattern_regex(inner, pattern=r"[\s,;|]+")).to_numpy()
    return int(lengths[0]) if np.all(lengths == lengths[0]) else 0


def _separator(values: pa.Array) -> str:
    """Returns the separator of lists written as text, or an empty text.

    The values of a list come again in other lists; the parts of a sentence do not.
    """
    for separator in _SEPARATORS:
        has_it = pc.match_substring(values, separator)
        if pc.sum(has_it).as_py() < 0.2 * len(values):
            continue
        parts = pc.list_flatten(pc.split_pattern(values, separator))
        if len(pc.unique(parts)) <= 0.5 * len(parts):
            return separator
    return ""


def _list_column(name: str, values: pa.ChunkedArray) -> Column:
    lengths = pc.list_value_length(values).drop_null().to_numpy()
    nothing = np.zeros(0)
    element = values.type.value_type
    if not len(lengths) or not lengths.max():
        return Column(name, Kind.EMPTY, nothing, 0, nothing)
    if pa.types.is_floating(element):
        if np.any(lengths != lengths[0]):
            return _other(name, "vectors of different lengths")
        elements = pc.list_flatten(values)
        if not pc.all(pc.fill_null(pc.is_finite(elements), False)).as_py():
            return _other(name, "vectors with gaps")
        return Column(name, Kind.VECTOR, nothing, 0, nothing, length=int(lengths[0]))
    if data_values.is_text(element) or pa.types.is_integer(element):
        length = max(1, int(np.ceil(np.percentile(lengths, 95))))
        return Column(name, Kind.LIST, nothing, 0, nothing, length=length)
    return _other(name, f"lists of the type {element}, which no feature takes")
