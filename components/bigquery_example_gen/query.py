"""The SQL that reads a table of interactions, and the values that go into it.

Nothing here imports TensorFlow, TFX or a Google client.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_retrieval.errors import InputError, Problem

BIGQUERY_SCHEME = "bq://"
"""What a table's name begins with where a path could stand too."""

# About 60 US cents at the on-demand price of 2026.
DEFAULT_MAXIMUM_BYTES_BILLED = 100_000_000_000

_TABLE = re.compile(
    r"(?:(?P<project>(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9])\.)?"
    r"(?P<dataset>\w{1,1024})\.(?P<table>[\w$ -]{1,1024})"
)
_PARAMETER_NAME = re.compile(r"[A-Za-z_]\w*")
# Characters that BigQuery does not allow in a column's name, and the quote that would end it.
_BAD_COLUMN = re.compile(r"[`\\\n\r!\"$()*,./;?@\[\]^{}~]")

PARAMETER_TYPES = (
    "BOOL",
    "INT64",
    "FLOAT64",
    "NUMERIC",
    "BIGNUMERIC",
    "STRING",
    "DATE",
    "DATETIME",
    "TIME",
    "TIMESTAMP",
)
_PYTHON_TYPES: Mapping[type, str] = {
    bool: "BOOL",
    int: "INT64",
    float: "FLOAT64",
    str: "STRING",
}


@dataclasses.dataclass(frozen=True)
class QueryParameter:
    """A named parameter of a query.

    Attributes:
        name: Name, without the `@` that it has in the SQL.
        type: One of `PARAMETER_TYPES`; of the elements, if the value is a list.
        value: A value, a list of values, or None for NULL.
    """

    name: str
    type: str
    value: Any


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the rows come from: a table or a query.

    Attributes:
        table: `PROJECT.DATASET.TABLE`, or `DATASET.TABLE` in the client's project.
        query: A SELECT statement in GoogleSQL.
    """

    table: str | None = None
    query: str | None = None

    def __str__(self) -> str:
        """Returns how messages name the source."""
        return f"BigQuery table {self.table}" if self.table else "BigQuery query"


def source_problems(source: Source) -> list[Problem]:
    """Returns what is wrong with a source.

    Args:
        source: A table or a query.

    Returns:
        No problem or one.
    """
    if bool(source.table) == bool(source.query):
        received = "both" if source.table else "neither"
        return [Problem("BigQuery source", received, "either a table or a query")]
    if source.table and not _TABLE.fullmatch(source.table):
        return [
            Problem("BigQuery table", repr(source.table), "PROJECT.DATASET.TABLE or DATASET.TABLE")
        ]
    return []


def select_sql(source: Source, columns: Sequence[str]) -> str:
    """Returns a statement that reads some columns of a source.

    BigQuery bills the columns that a query reads, so it reads no others.

    Args:
        source: A table or a query.
        columns: Names of the columns.

    Returns:
        GoogleSQL.

    Raises:
        InputError: If the source is wrong or a name cannot be a column of BigQuery.
    """
    problems = source_problems(source)
    for name in columns:
        if _BAD_COLUMN.search(name):
            problems.append(
                Problem(
                    f"column {name!r}",
                    "a name that BigQuery does not allow",
                    "letters, digits, spaces and -_&%=+:'<>#|",
                    "Give it another name in the query, and in the FeatureConfig.",
                )
            )
    if problems:
        raise InputError(problems)
    names = ", ".join(f"`{name}`" for name in columns)
    if source.table:
        return f"SELECT {names}\nFROM `{source.table}`"
    text = (source.query or "").strip().rstrip(";").rstrip()
    # On lines of its own, so that a comment at its end does not take the parenthesis with it.
    return f"SELECT {names}\nFROM (\n{text}\n)"


def export_sql(select: str, folder: str) -> str:
    """Returns a statement that writes a query's rows to Parquet files in Cloud Storage.

    Args:
        select: What `select_sql` returned.
        folder: A `gs://` folder.

    Returns:
        GoogleSQL.
    """
    uri = f"{folder.rstrip('/')}/part-*.parquet".replace("\\", "\\\\").replace("'", "\\'")
    return (
        f"EXPORT DATA OPTIONS (uri = '{uri}', format = 'PARQUET', compression = 'SNAPPY', "
        f"overwrite = true) AS\n{select}"
    )


def parse_parameters(text: str, where: str = "query_parameters") -> tuple[QueryParameter, ...]:
    """Reads query parameters.

    Args:
        text: A JSON object: `{"shop": "de", "since": {"type": "DATE", "value": "2026-01-01"}}`.
            Without a type, text is STRING, true and false are BOOL, numbers with a point are
            FLOAT64, other numbers INT64, and a list has the type of its elements.
        where: What problems say about its place.

    Returns:
        The parameters, by name.

    Raises:
        InputError: With everything that is wrong.
    """
    try:
        values = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise InputError(
            Problem(where, f"text that is no JSON: {error}", "a JSON object")
        ) from error
    if not isinstance(values, dict):
        raise InputError(Problem(where, json.dumps(values), "a JSON object"))
    problems: list[Problem] = []
    parameters = []
    for name, value in sorted(values.items()):
        if not _PARAMETER_NAME.fullmatch(name):
            problems.append(
                Problem(f"{where}: {name}", repr(name), "a name of letters, digits and _")
            )
        parameter = _parameter(name, value, f"{where}: {name}", problems)
        if parameter is not None:
            parameters.append(parameter)
    if problems:
        raise InputError(problems)
    return tuple(parameters)


def _parameter(name: str, value: Any, where: str, problems: list[Problem]) -> QueryParameter | None:
    if isinstance(value, dict):
        if set(value) != {"type", "value"}:
            received = f"an object with {', '.join(sorted(value)) or 'nothing'}"
            problems.append(Problem(where, received, "an object with type and value"))
            return None
        if value["type"] not in PARAMETER_TYPES:
            expected = f"one of {', '.join(PARAMETER_TYPES)}"
            problems.append(Problem(f"{where}.type", repr(value["type"]), expected))
            return None
        return QueryParameter(name, value["type"], value["value"])
    kinds = {type(element) for element in value} if isinstance(value, list) else {type(value)}
    # 1 and 1.5 in one list are both floats.
    if kinds == {int, float}:
        kinds = {float}
    if len(kinds) != 1 or not kinds <= set(_PYTHON_TYPES):
        problems.append(
            Problem(
                where,
                json.dumps(value),
                "text, a number, true, false, or a list of one of these",
                'For anything else, give {"type": ..., "value": ...}.',
            )
        )
        return None
    return QueryParameter(name, _PYTHON_TYPES[kinds.pop()], value)
