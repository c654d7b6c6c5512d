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
from tfx_retrieval.config.features import (
    CANDIDATE_ID,
    FILTER,
    QUERY_ID,
    RawColumn,
    heading_of,
    raw_columns,
)
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
        schema: Schema of the table, under its own headings.
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
        table: The table, under its own headings; columns of a CSV file may all be text.
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
        named = _under_its_names(feature_config, table)
        problems += _value_problems(feature_config, named, source, model_config)
    if problems:
        raise InputError(problems)


def _table_problems(config: FeatureConfig, schema: pa.Schema, source: str) -> Iterator[Problem]:
    headings = list(schema.names)
    columns = raw_columns(config)
    read = {column.heading for column in columns.values()}
    for heading in dict.fromkeys(headings):
        count = headings.count(heading)
        if count > 1 and heading in read:
            received = f"{count} columns of that name"
            yield Problem(_where(source, heading), received, "one", "Rename all but one of them.")
    for column in columns.values():
        heading = column.heading
        if column.type == FeatureType.history:
            if heading in headings:
                yield Problem(
                    _where(source, heading),
                    "a column with the name of a history",
                    "a history under a name that no column has",
                    "The history is made from the interactions; rename it in the config.",
                )
            if not config.interaction.timestamp:
                yield Problem(
                    _where(source, heading),
                    "no timestamp column",
                    "a timestamp to make the history from",
                    "Name it in the config at $.interaction.timestamp.",
                )
        elif heading not in headings:
            yield from _missing_column(heading, headings, source)
        elif headings.count(heading) == 1:
            data_type = schema.field(heading).type
            expected = data_values.expected_type(column, data_type)
            if expected:
                received = f"a column of the type {data_type}"
                nested = pa.types.is_nested(data_type)
                remedy = _SEVERAL_VALUES if nested and column.feature is not None else ""
                yield Problem(_where(source, heading), received, expected, remedy)


def _missing_column(heading: str, headings: list[str], source: str) -> Iterator[Problem]:
    shown = listing((quote(name) for name in headings), limit=30)
    yield Problem(
        _where(source, heading),
        f"the columns {shown}" if headings else "no columns",
        "that column",
        did_you_mean(heading, headings),
    )


def _under_its_names(config: FeatureConfig, table: pa.Table) -> pa.Table:
    """Returns the columns that a config uses, and the table has once, by their names there."""
    headings = {
        name: column.heading
        for name, column in raw_columns(config).items()
        if table.schema.names.count(column.heading) == 1
    }
    return table.select(list(headings.values())).rename_columns(list(headings))


def _value_problems(
    config: FeatureConfig, table: pa.Table, source: str, model_config: ModelConfig | None
) -> Iterator[Problem]:
    for name, column in raw_columns(config).items():
        if name not in table.schema.names or column.type == FeatureType.history:
            continue
        where = _where(source, column.heading)
        values = table.column(name)
        if data_values.expected_type(column, values.type):
            continue
        if column.roles != (FILTER,) and data_values.missing(values) == len(values):
            yield Problem(where, "no value in any row", "values")
            continue
        misfit = data_values.first_misfit(column, values)
        if misfit is not None:
            yield _misfit_problem(misfit, where)
        elif {QUERY_ID, CANDIDATE_ID} & set(column.roles):
            yield from _id_problems(values, where, column)
    kept = filtered(config, table)
    if not kept.num_rows:
        received = f"{table.num_rows:,} rows, of which the filters keep none"
        yield Problem(source, received, "rows that meet $.interaction.filters of the config")
        return
    yield from _weight_problems(config, kept, source)
    if model_config is not None:
        yield from _label_problems(config, kept, source, model_config)


def _misfit_problem(misfit: data_values.Misfit, where: str) -> Problem:
    more = f" (and {misfit.count - 1:,} more such rows)" if misfit.count > 1 else ""
    return Problem(
        f"{where}, row {misfit.row + 1:,}",
        f"{quote(misfit.received)}{more}",
        misfit.expected,
        misfit.remedy,
    )


def _id_problems(values: pa.ChunkedArray, where: str, column: RawColumn) -> Iterator[Problem]:
    """Yields the problem of an id that tells nothing apart."""
    if len(pc.unique(values.drop_null())) < 2:
        noun = "queries" if QUERY_ID in column.roles else "candidates"
        yield Problem(where, "the same id in every row", f"several {noun}")


def _weight_problems(config: FeatureConfig, table: pa.Table, source: str) -> Iterator[Problem]:
    name = config.interaction.weight
    numbers = _numbers(table, name)
    if numbers is None:
        return
    smallest, largest = pc.min_max(numbers).as_py().values()
    where = _where(source, heading_of(config, name))
    if smallest < 0:
        yield Problem(
            where,
            f"weights from {smallest:g} to {largest:g}",
            "weights of at least 0",
            f"Leave such rows out with a filter on {quote(name)} at $.interaction.filters.",
        )
    elif largest == 0:
        yield Problem(where, "a weight of 0 in every row", "some weights above 0")


def _label_problems(
    config: FeatureConfig, table: pa.Table, source: str, model_config: ModelConfig
) -> Iterator[Problem]:
    name = config.interaction.label
    numbers = _numbers(table, name)
    if numbers is None or model_config.model_type == ModelType.retrieval:
        return
    smallest, largest = pc.min_max(numbers).as_py().values()
    where = _where(source, heading_of(config, name))
    binary = model_config.ranking_loss.kind == RankingLoss.binary_crossentropy
    if binary and (smallest < 0 or largest > 1):
        yield Problem(
            where,
            f"labels from {smallest:g} to {largest:g}",
            "labels from 0 to 1, which binary_crossentropy needs",
            "Use mse or huber as $.ranking_loss.kind of the ModelConfig, or other labels.",
        )
    elif smallest == largest:
        yield Problem(where, f"the label {smallest:g} in every row", "labels that differ")


def _numbers(table: pa.Table, name: str) -> pa.Array | None:
    """Returns the numbers of a column, or None where other problems stand in the way."""
    if name not in table.schema.names:
        return None
    numbers = data_values.as_numbers(table.column(name))
    return numbers if numbers is not None and numbers.null_count < len(numbers) else None


def _where(source: str, heading: str) -> str:
    return f"{source}: column {quote(heading)}"
