"""Which rows of a table the filters of a FeatureConfig keep."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.config import data_values
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig, Filter


def filtered(config: FeatureConfig, table: pa.Table) -> pa.Table:
    """Returns the rows that meet every filter whose column the table has once.

    A missing value fails `min`, `max` and `one_of`, and passes `none_of` and `not_prefix`.

    Args:
        config: A resolved config.
        table: The table.
    """
    for row_filter in config.interaction.filters:
        if table.schema.names.count(row_filter.column) == 1:
            table = table.filter(_keeps(row_filter, table.column(row_filter.column)))
    return table


def _keeps(row_filter: Filter, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a mask of the values that meet every condition of a filter."""
    present = values.is_valid()
    if data_values.is_text(values.type):
        values = data_values.decoded(values)
        present = pc.and_(present, pc.fill_null(pc.not_equal(values, ""), False))
    conditions = []
    if row_filter.HasField("present"):
        conditions.append(present if row_filter.present else pc.invert(present))
    conditions += _within_bounds(row_filter, values)
    if pa.types.is_nested(values.type):
        return _all(conditions, values)
    text = values.cast(pa.string())
    if row_filter.one_of:
        conditions.append(pc.is_in(text, pa.array(list(row_filter.one_of), pa.string())))
    if row_filter.none_of:
        none_of = pa.array(list(row_filter.none_of), pa.string())
        conditions.append(pc.invert(pc.is_in(text, none_of)))
    if row_filter.not_prefix:
        starts = pc.starts_with(text, row_filter.not_prefix)
        conditions.append(pc.invert(pc.fill_null(starts, False)))
    return _all(conditions, values)


def _within_bounds(row_filter: Filter, values: pa.ChunkedArray) -> list[pa.ChunkedArray]:
    """Returns a mask for each bound; bounds of a time are seconds since 1970."""
    if data_values.is_time(values.type):
        values = values.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    numbers = data_values.as_numbers(values)
    if numbers is None:
        return []
    masks = []
    if row_filter.HasField("min"):
        masks.append(pc.greater_equal(numbers, row_filter.min))
    if row_filter.HasField("max"):
        masks.append(pc.less_equal(numbers, row_filter.max))
    return masks


def _all(masks: list[pa.ChunkedArray], values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns where every mask is true."""
    kept = pa.chunked_array([pa.array([True] * len(values), pa.bool_())])
    for mask in masks:
        kept = pc.and_(kept, pc.fill_null(mask, False))
    return kept
