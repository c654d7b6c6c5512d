"""Options that say where the rows of a job are: in files, or in BigQuery; imports no TFX."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tfx_retrieval.cli import inputs
from tfx_retrieval.components.bigquery_example_gen import query as bigquery_query
from tfx_retrieval.errors import InputError, Problem

if TYPE_CHECKING:
    from tfx_retrieval.pipelines.sources import BigQuerySource
    from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """What a person chose on the command line.

    Attributes:
        data: Table in files or `bq://PROJECT.DATASET.TABLE`; None with a query.
        query: GoogleSQL, or `@` and a file that holds it; None with a table.
        query_parameters: JSON object.
        project: Project that pays for reading BigQuery.
        location: Location of the BigQuery data.
        maximum_bytes_billed: Most that reading BigQuery may cost; None takes the default.
        storage_api: Whether rows come over the BigQuery Storage API; None takes the default.
    """

    data: str | None = None
    query: str | None = None
    query_parameters: str | None = None
    project: str | None = None
    location: str | None = None
    maximum_bytes_billed: int | None = None
    storage_api: bool | None = None

    @property
    def files(self) -> str | None:
        """The table in files, if it is in files."""
        named = self.data is not None and not self.data.startswith(bigquery_query.BIGQUERY_SCHEME)
        return self.data if named else None

    @property
    def table(self) -> str | None:
        """The table in BigQuery, if there is one."""
        if self.data is None or self.files is not None:
            return None
        return self.data.removeprefix(bigquery_query.BIGQUERY_SCHEME)

    @property
    def most_bytes(self) -> int:
        """Most bytes that reading BigQuery may bill."""
        return self.maximum_bytes_billed or bigquery_query.DEFAULT_MAXIMUM_BYTES_BILLED

    def checked(self) -> TableOptions:
        """Returns the options with the text of the query in place of a file.

        Raises:
            InputError: With everything that is wrong with them.
        """
        problems = inputs.Problems()
        read = self
        for problem in self._contradictions():
            problems.add(problem)
        if self.query is not None:
            with problems.collected():
                read = dataclasses.replace(self, query=_query_text(self.query))
        if self.table is not None:
            for problem in bigquery_query.source_problems(bigquery_query.Source(self.table)):
                problems.add(dataclasses.replace(problem, where=f"--data {self.data}"))
        if self.query_parameters is not None:
            with problems.collected():
                bigquery_query.parse_parameters(self.query_parameters, "--query-parameters")
        problems.raise_if_any()
        return read

    def _contradictions(self) -> list[Problem]:
        problems = []
        if (self.data is None) == (self.query is None):
            received = "neither" if self.data is None else "both"
            problems.append(Problem("--data, --query", received, "one of the two"))
        if self.query is None and self.query_parameters is not None:
            problems.append(Problem("--query-parameters", "no --query beside it", "a query"))
        if self.files is not None:
            given = {
                "--bigquery-project": self.project,
                "--bigquery-location": self.location,
                "--maximum-bytes-billed": self.maximum_bytes_billed,
                "--bigquery-storage-api": self.storage_api,
            }
            problems += [
                Problem(name, "a table in files", "a table in BigQuery", "Leave the option out.")
                for name, value in given.items()
                if value is not None
            ]
        return problems

    def bigquery_source(self) -> BigQuerySource:
        """Returns the table or query in BigQuery as a pipeline takes it; imports TFX."""
        from tfx_retrieval.pipelines import sources

        return sources.BigQuerySource(
            table=self.table,
            query=self.query,
            query_parameters=self.query_parameters,
            project=self.project,
            location=self.location,
            maximum_bytes_billed=self.most_bytes,
            use_storage_api=self.storage_api is not False,
        )

    def ask_bigquery(self, feature_config: FeatureConfig, split: str) -> None:
        """Asks BigQuery, at no cost, whether it would give the columns that a config names.

        Args:
            feature_config: A resolved config.
            split: How a run would split the rows.

        Raises:
            InputError: There are no credentials, or BigQuery would refuse or bill too much.
        """
        from tfx_retrieval.components.bigquery_example_gen import job
        from tfx_retrieval.components.interaction_example_gen import feature_config as conversion

        spec = conversion.table_spec(feature_config, split)
        source = bigquery_query.Source(self.table, self.query)
        wanted = job.QueryJob(
            source,
            bigquery_query.select_sql(source, [column.name for column in spec.columns]),
            bigquery_query.parse_parameters(self.query_parameters or ""),
            self.most_bytes,
        )
        job.check_cost(job.make_client(self.project, self.location), wanted)


def from_arguments(arguments: dict[str, Any]) -> TableOptions:
    """Takes the options of `bigquery_options`, and `data`, out of a command's arguments.

    Args:
        arguments: Values by parameter name; those taken are removed.

    Returns:
        The options, not checked.
    """
    names = [field.name for field in dataclasses.fields(TableOptions)]
    return TableOptions(**{name: arguments.pop(name) for name in names})


def bigquery_options() -> list[Callable[[Any], Any]]:
    """Returns decorators that add the options of rows in BigQuery to a command."""
    return [
        click.option(
            "--query", help="GoogleSQL that reads the table from BigQuery; @FILE reads a file."
        ),
        click.option("--query-parameters", help="Parameters of the query: a JSON object."),
        click.option(
            "--bigquery-project", "project", help="Project that pays for reading BigQuery."
        ),
        click.option("--bigquery-location", "location", help="Location of the BigQuery data."),
        click.option(
            "--maximum-bytes-billed",
            type=click.IntRange(min=1),
            help="Most that reading BigQuery may cost, in bytes.  [default: "
            f"{bigquery_query.DEFAULT_MAXIMUM_BYTES_BILLED}]",
        ),
        click.option(
            "--bigquery-storage-api/--no-bigquery-storage-api",
            "storage_api",
            default=None,
            help="Whether rows come over the BigQuery Storage API, which is faster and needs "
            "roles/bigquery.readSessionUser.  [default: yes]",
        ),
    ]


def apply(options: list[Callable[[Any], Any]], command: Any) -> Any:
    """Adds options to a command, in their order.

    Args:
        options: Decorators of click.
        command: What they decorate.

    Returns:
        The command.
    """
    for option in reversed(options):
        command = option(command)
    return command


def _query_text(text: str) -> str:
    if not text.startswith("@"):
        if text.strip():
            return text
        raise InputError(Problem("--query", repr(text), "a SELECT statement, or @FILE"))
    path = pathlib.Path(text[1:])
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        received = getattr(error, "strerror", None) or str(error)
        raise InputError(
            Problem(f"--query @{path}", received, "a text file with GoogleSQL")
        ) from error
    if not content.strip():
        raise InputError(Problem(f"--query @{path}", "an empty file", "a SELECT statement"))
    return content
