"""Checks configs against a table, with the reader that a run uses; imports no TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from tfx_retrieval.components.interaction_example_gen.files import TableFile
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
    _open(feature_config, data, split)


def check_rows(
    feature_config: FeatureConfig, data: str, model_config: ModelConfig | None = None
) -> int:
    """Checks that the rows of a table are what a config says of them. Reads them into memory.

    Args:
        feature_config: A resolved config.
        data: CSV or Parquet file, folder or pattern.
        model_config: A resolved config, to check the label for its loss as well.

    Returns:
        The number of rows.

    Raises:
        InputError: With everything that is wrong.
    """
    from tfx_retrieval.config import data_checks, features

    opened = _open(feature_config, data)
    wanted = features.raw_columns(feature_config)
    names = [name for name in wanted if all(name in file.column_names for file in opened)]
    table = _read(opened, names)
    data_checks.check_data(feature_config, table, data, model_config)
    return table.num_rows


def read_table(data: str, max_rows: int) -> pa.Table:
    """Reads the beginning of a table into memory; the columns of a CSV file are text.

    Args:
        data: CSV or Parquet file, folder or pattern.
        max_rows: How many rows to read at most.

    Raises:
        InputError: With everything that is wrong.
    """
    from tfx_retrieval.components.interaction_example_gen import files

    opened = [files.inspect(path) for path in files.find_files(data)]
    names = list(opened[0].column_names)
    shared = [name for name in names if all(name in file.column_names for file in opened)]
    return _read(opened, shared, max_rows)


def _open(feature_config: FeatureConfig, data: str, split: str = "random") -> list[TableFile]:
    from tfx_retrieval.components.interaction_example_gen import feature_config as conversion
    from tfx_retrieval.components.interaction_example_gen import tables

    return tables.open_table(data, conversion.table_spec(feature_config, split))


def _read(opened: list[TableFile], names: list[str], max_rows: int | None = None) -> pa.Table:
    import pyarrow as pa

    from tfx_retrieval.components.interaction_example_gen import tables

    empty = pa.schema(dict.fromkeys(names, pa.string()))
    types = dict(zip(empty.names, empty.types, strict=True))
    parts: list[pa.Table] = []
    rows = 0
    for file in opened:
        batches = []
        for block in tables.read_raw_blocks(file, names, types):
            batches.append(block.batch)
            rows += block.batch.num_rows
            if max_rows is not None and rows >= max_rows:
                break
        parts.append(pa.Table.from_batches(batches, None if batches else empty))
        if max_rows is not None and rows >= max_rows:
            break
    # Files may disagree about a type; text is something that every check understands.
    for name in names:
        if len({part.schema.field(name).type for part in parts}) > 1:
            parts = [_with_text(part, name) for part in parts]
    table = pa.concat_tables(part.select(names) for part in parts)
    return table if max_rows is None else table.slice(0, max_rows)


def _with_text(table: pa.Table, name: str) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, table.column(name).cast("string"))
