"""Checks configs against a table, with the reader that a run uses; imports no TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from tfx_retrieval.components.interaction_example_gen.any_table import AnyTable
    from tfx_retrieval.components.interaction_example_gen.files import TableFile
    from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec
    from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
    from tfx_retrieval.proto.model_config_pb2 import ModelConfig


def check_columns(feature_config: FeatureConfig, data: str, split: str = "random") -> None:
    """Checks that a table has the columns of a config, without reading its rows.

    Args:
        feature_config: A resolved config.
        data: CSV or Parquet file, folder or pattern.
        split: How a run would split the rows.

    Raises:
        InputError: With everything that is wrong.
    """
    from tfx_retrieval.components.interaction_example_gen import tables

    tables.open_table(data, _spec(feature_config, split))


def check_rows(
    feature_config: FeatureConfig, data: str, model_config: ModelConfig | None = None
) -> int:
    """Checks that the rows of a table are what a config says of them. Reads them into memory.

    What no check finds, the reader of a run does: a valid table is one that a run reads.

    Args:
        feature_config: A resolved config.
        data: CSV or Parquet file, folder or pattern.
        model_config: A resolved config, to check the label for its loss as well.

    Returns:
        The number of rows.

    Raises:
        InputError: With everything that is wrong.
    """
    from tfx_retrieval.components.interaction_example_gen import load, tables
    from tfx_retrieval.config import data_checks, features

    spec = _spec(feature_config)
    opened = tables.open_table(data, spec)
    wanted = [column.heading for column in features.raw_columns(feature_config).values()]
    headings = [name for name in wanted if all(name in file.column_names for file in opened)]
    table = _read(opened, headings)
    data_checks.check_data(feature_config, table, data, model_config)
    return load.load(data, spec).rows_read


def read_table(data: str, max_rows: int) -> AnyTable:
    """Reads the beginning of a table into memory.

    Args:
        data: CSV or Parquet file, folder or pattern.
        max_rows: How many rows to read at most.

    Raises:
        InputError: With everything that is wrong.
    """
    from tfx_retrieval.components.interaction_example_gen import any_table

    return any_table.read_any_table(data, max_rows)


def _spec(feature_config: FeatureConfig, split: str = "random") -> TableSpec:
    from tfx_retrieval.components.interaction_example_gen import feature_config as conversion

    return conversion.table_spec(feature_config, split)


def _read(opened: list[TableFile], names: list[str]) -> pa.Table:
    import pyarrow as pa

    from tfx_retrieval.components.interaction_example_gen import tables

    empty = pa.schema(dict.fromkeys(names, pa.string()))
    types = dict(zip(empty.names, empty.types, strict=True))
    parts: list[pa.Table] = []
    for file in opened:
        batches = [block.batch for block in tables.read_raw_blocks(file, names, types)]
        parts.append(pa.Table.from_batches(batches, None if batches else empty))
    # Files may disagree about a type; text is something that every check understands.
    for name in names:
        if len({part.schema.field(name).type for part in parts}) > 1:
            parts = [_with_text(part, name) for part in parts]
    return pa.concat_tables(part.select(names) for part in parts)


def _with_text(table: pa.Table, name: str) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, table.column(name).cast("string"))
