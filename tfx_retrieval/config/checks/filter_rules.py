"""Rules of the filters in a FeatureConfig."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_retrieval.config.checks.registry import feature_config_check
from tfx_retrieval.config.features import RawColumn, raw_columns, type_name
from tfx_retrieval.config.findings import Finding, listing, quote
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig, FeatureType, Filter

# Types of columns whose values are looked at as text.
_TEXTS = (FeatureType.unspecified, FeatureType.categorical, FeatureType.text)


@feature_config_check
def check_filter_has_a_condition(config: FeatureConfig) -> Iterator[Finding]:
    """A filter filters."""
    for position, row_filter in enumerate(config.interaction.filters):
        if not _conditions(row_filter):
            names = [name for name in Filter.DESCRIPTOR.fields_by_name if name != "column"]
            yield Finding(
                ("interaction", "filters", position),
                "a filter without a condition",
                "at least one of " + listing(names),
            )


@feature_config_check
def check_filter_bounds(config: FeatureConfig) -> Iterator[Finding]:
    """A filter's bounds leave room between them."""
    for position, row_filter in enumerate(config.interaction.filters):
        both = row_filter.HasField("min") and row_filter.HasField("max")
        if both and row_filter.min > row_filter.max:
            path = ("interaction", "filters", position)
            yield Finding(
                (*path, "min"),
                f"{row_filter.min:g}",
                f"at most max, which is {row_filter.max:g}",
                relies_on=((*path, "max"),),
            )


@feature_config_check
def check_filter_can_be_met(config: FeatureConfig) -> Iterator[Finding]:
    """A filter does not contradict itself."""
    for position, row_filter in enumerate(config.interaction.filters):
        path = ("interaction", "filters", position)
        others = [name for name in _conditions(row_filter) if name != "present"]
        if row_filter.HasField("present") and not row_filter.present and others:
            yield Finding(
                (*path, "present"),
                f"false beside {listing(others)}",
                "false alone: a row without a value meets no other condition",
            )
        none_of = set(row_filter.none_of)
        for place, value in enumerate(row_filter.one_of):
            if value in none_of:
                yield Finding(
                    (*path, "one_of", place),
                    f"{quote(value)}, which is in none_of as well",
                    "a value in one of the two lists",
                    relies_on=((*path, "none_of"),),
                )


@feature_config_check
def check_filter_fits_its_column(config: FeatureConfig) -> Iterator[Finding]:
    """A filter's values are such as its column can hold."""
    columns = raw_columns(config)
    for position, row_filter in enumerate(config.interaction.filters):
        column = columns.get(row_filter.column)
        if column is None:
            continue
        for key, place, expected in _misfits(row_filter, column):
            path = ("interaction", "filters", position, key)
            kind = "several values a row" if _is_list(column) else type_name(column.type)
            yield Finding(
                path if place is None else (*path, place),
                f"{key} for the column {quote(column.name)}, which is {kind}",
                expected,
                relies_on=tuple(
                    (side_name, "features", "*", "type") for side_name in ("query", "candidate")
                ),
            )


def _misfits(row_filter: Filter, column: RawColumn) -> Iterator[tuple[str, int | None, str]]:
    """Yields the key of each condition that its column cannot meet, the place and what could."""
    conditions = [name for name in _conditions(row_filter) if name != "present"]
    if _is_list(column):
        yield from ((name, None, "present alone for such a column") for name in conditions)
        return
    if column.type not in _TEXTS and "not_prefix" in conditions:
        yield "not_prefix", None, "a prefix for a column of texts only"
    if column.type == FeatureType.text:
        bounds = [name for name in conditions if name in ("min", "max")]
        yield from ((name, None, "bounds for numbers, times and codes only") for name in bounds)
    if column.type in _TEXTS:
        return
    for key in ("one_of", "none_of"):
        for place, value in enumerate(getattr(row_filter, key)):
            if column.type == FeatureType.temporal:
                yield key, place, "min or max, in seconds since 1970-01-01 UTC"
            elif not _is_number(value):
                zero_or_one = column.type == FeatureType.boolean
                yield key, place, "0 or 1" if zero_or_one else "a number, written as text"


def _is_list(column: RawColumn) -> bool:
    """Returns whether a row of `column` holds several values."""
    if column.type in (FeatureType.vector, FeatureType.history):
        return True
    return column.feature is not None and column.feature.HasField("values")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _conditions(row_filter: Filter) -> list[str]:
    """Returns the names of the conditions that a filter sets."""
    return [field.name for field, _ in row_filter.ListFields() if field.name != "column"]
