"""Checks a FeatureConfig against a table: are the columns there, and can they hold what it says?

`check_table` needs the table's schema only, `check_data` also looks at every value. What counts as
a value of a type is what InteractionExampleGen reads as one: a numeric column may be text that
holds numbers, for example.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.config import data_values
from tfx_retrieval.config.data_filters import filtered
from tfx_retrieval.config.features import CANDIDATE_ID, FILTER, QUERY_ID, RawColumn, raw_columns
from tfx_retrieval.config.findings import listing, quote
from tfx_retrieval.config.reader import did_you_mean
from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig, FeatureType
from tfx_retrieval.proto.model_config_pb2 import ModelConfig, ModelType, RankingLoss

_SEVERAL_VALUES = "For a column of several values a row use values at the type categorical."


def check_table(feature_config: FeatureConfig, schema: pa.Schema, source: str) -> None:
    """Checks that a table has the columns of a config, of types that can hold their values.

    Args:
        feature_config: A resolved config.
        schema: Schema of the table.
        source: What to call the table in a message, usually its file.

    Raises:
        InputError: They do not go together; holds all problems.
    """
    problems = list(_table_problems(feature_config, schema, source))
    if problems:
        raise InputError(problems)


def check_data(
    feature_config: FeatureConfig,
    table: pa.Table,
    source: str,
    model_config: ModelConfig | None = None,
) -> None:
    """Checks that a table's rows are what a config says of them.

    Args:
        feature_config: A resolved config.
        table: The table; columns of a CSV file may all be text.
        source: What to call the table in a message, usually its file.
        model_config: A resolved config, to check the label for its loss as well.

    Raises:
        InputError: The schema or a value is wrong; holds one problem for each column with bad
            values, with the first of them and their number.
    """
    problems = list(_table_problems(feature_config, table.schema, source))
    if not table.num_rows:
        problems.append(Problem(source, "no rows", "at least one row"))
    else:
        problems += _value_problems(feature_config, table, source, model_config)
    if problems:
        raise InputError(problems)


def _table_problems(config: FeatureConfig, schema: pa.Schema, source: str) -> Iterator[Problem]:
    names = list(schema.names)
    columns = raw_columns(config)
    for name in dict.fromkeys(names):
        if names.count(name) > 1 and name in columns:
            received = f"{names.count(name)} columns of that name"
            yield Problem(_where(source, name), received, "one", "Rename all but one of them.")
    for name, column in columns.items():
        if column.type == FeatureType.history:
            if name in names:
                yield Problem(
                    _where(source, name),
                    "a column with the name of a history",
                    "a history under a name that no column has",
                    "The history is made from the interactions; rename it in the config.",
                )
            if not config.interaction.timestamp:
                yield Problem(
                    _where(source, name),
                    "no timestamp column",
                    "a timestamp to make the history from",
                    "Name it in the config at $.interaction.timestamp.",
                )
        elif name not in names:
            yield from _missing_column(column, names, source)
        elif names.count(name) == 1:
            expected = data_values.expected_type(column, schema.field(name).type)
            if expected:
                received = f"a column of the type {schema.field(name).type}"
                nested = pa.types.is_nested(schema.field(name).type)
                remedy = _SEVERAL_VALUES if nested and column.feature is not None else ""
                yield Problem(_where(source, name), received, expected, remedy)


def _missing_column(column: RawColumn, names: list[str], source: str) -> Iterator[Problem]:
    shown = listing((quote(name) for name in names), limit=30)
    yield Problem(
        _where(source, column.name),
        f"the columns {shown}" if names else "no columns",
        "that column",
        did_you_mean(column.name, names),
    )


def _value_problems(
    config: FeatureConfig, table: pa.Table, source: str, model_config: ModelConfig | None
) -> Iterator[Problem]:
    for name, column in raw_columns(config).items():
        if table.schema.names.count(name) != 1 or column.type == FeatureType.history:
            continue
        values = table.column(name)
        if data_values.expected_type(column, values.type):
            continue
        if column.roles != (FILTER,) and data_values.missing(values) == len(values):
            yield Problem(_where(source, name), "no value in any row", "values")
            continue
        misfit = data_values.first_misfit(column, values)
        if misfit is not None:
            yield _misfit_problem(misfit, source, name)
        elif {QUERY_ID, CANDIDATE_ID} & set(column.roles):
            yield from _id_problems(values, source, column)
    kept = filtered(config, table)
    if not kept.num_rows:
        received = f"{table.num_rows:,} rows, of which the filters keep none"
        yield Problem(source, received, "rows that meet $.interaction.filters of the config")
        return
    yield from _weight_problems(config, kept, source)
    if model_config is not None:
        yield from _label_problems(config, kept, source, model_config)


def _misfit_problem(misfit: data_values.Misfit, source: str, name: str) -> Problem:
    more = f" (and {misfit.count - 1:,} more such rows)" if misfit.count > 1 else ""
    return Problem(
        f"{_where(source, name)}, row {misfit.row + 1:,}",
        f"{quote(misfit.received)}{more}",
        misfit.expected,
        misfit.remedy,
    )


def _id_problems(values: pa.ChunkedArray, source: str, column: RawColumn) -> Iterator[Problem]:
    """Yields the problem of an id that tells nothing apart."""
    if len(pc.unique(values.drop_null())) < 2:
        noun = "queries" if QUERY_ID in column.roles else "candidates"
        yield Problem(_where(source, column.name), "the same id in every row", f"several {noun}")


def _weight_problems(config: FeatureConfig, table: pa.Table, source: str) -> Iterator[Problem]:
    name = config.interaction.weight
    numbers = _numbers(table, name)
    if numbers is None:
        return
    smallest, largest = pc.min_max(numbers).as_py().values()
    if smallest < 0:
        yield Problem(
            _where(source, name),
            f"weights from {smallest:g} to {largest:g}",
            "weights of at least 0",
            f"Leave such rows out with a filter on {quote(name)} at $.interaction.filters.",
        )
    elif largest == 0:
        yield Problem(_where(source, name), "a weight of 0 in every row", "some weights above 0")


def _label_problems(
    config: FeatureConfig, table: pa.Table, source: str, model_config: ModelConfig
) -> Iterator[Problem]:
    name = config.interaction.label
    numbers = _numbers(table, name)
    if numbers is None or model_config.model_type == ModelType.retrieval:
        return
    smallest, largest = pc.min_max(numbers).as_py().values()
    binary = model_config.ranking_loss.kind == RankingLoss.binary_crossentropy
    if binary and (smallest < 0 or largest > 1):
        yield Problem(
            _where(source, name),
            f"labels from {smallest:g} to {largest:g}",
            "labels from 0 to 1, which binary_crossentropy needs",
            "Use mse or huber as $.ranking_loss.kind of the ModelConfig, or other labels.",
        )
    elif smallest == largest:
        yield Problem(
            _where(source, name), f"the label {smallest:g} in every row", "labels that differ"
        )


def _numbers(table: pa.Table, name: str) -> pa.Array | None:
    """Returns the numbers of a column, or None where other problems stand in the way."""
    if table.schema.names.count(name) != 1:
        return None
    numbers = data_values.as_numbers(table.column(name))
    return numbers if numbers is not None and numbers.null_count < len(numbers) else None


def _where(source: str, name: str) -> str:
    return f"{source}: column {quote(name)}"
