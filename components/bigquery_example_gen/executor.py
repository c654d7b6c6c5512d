"""Executor of BigQueryInteractionExampleGen."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as standard

from tfx_retrieval.components.bigquery_example_gen import job, query
from tfx_retrieval.components.interaction_example_gen import (
    beam_engine,
    describe,
    in_process,
    report,
)
from tfx_retrieval.components.interaction_example_gen import executor as interaction_executor
from tfx_retrieval.components.interaction_example_gen.table_spec import CANDIDATES, TableSpec
from tfx_retrieval.errors import InputError, Problem

if TYPE_CHECKING:
    from google.cloud import bigquery

TABLE_KEY = "table"
QUERY_KEY = "query"
QUERY_PARAMETERS_KEY = "query_parameters"
PROJECT_KEY = "project"
LOCATION_KEY = "location"
MAXIMUM_BYTES_BILLED_KEY = "maximum_bytes_billed"
USE_STORAGE_API_KEY = "use_storage_api"

_EXPORT_FOLDER = "_bigquery"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads a table or a query and writes Examples of interactions and candidates."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Makes the Examples; see `BigQueryInteractionExampleGen`.

        Args:
            input_dict: Empty.
            output_dict: `examples` and `candidates`, one artifact each.
            exec_properties: The component's parameters.

        Raises:
            InputError: The query costs too much or is refused, or its rows do not fit the spec.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        spec = TableSpec.from_json(exec_properties[interaction_executor.TABLE_SPEC_KEY])
        examples = artifact_utils.get_single_instance(output_dict[standard.EXAMPLES_KEY])
        candidates = artifact_utils.get_single_instance(
            output_dict[interaction_executor.CANDIDATES_KEY]
        )
        client = job.make_client(
            exec_properties.get(PROJECT_KEY), exec_properties.get(LOCATION_KEY)
        )
        wanted = query_job(exec_properties, spec)
        job.check_cost(client, wanted)
        if exec_properties.get(interaction_executor.ENGINE_KEY) == interaction_executor.BEAM:
            folder = os.path.join(examples.uri, _EXPORT_FOLDER)
            result = self.export_and_read(
                client, wanted, spec, folder, examples.uri, candidates.uri
            )
        else:
            use_storage_api = bool(exec_properties[USE_STORAGE_API_KEY])
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "rows.parquet")
                job.fetch(client, wanted, path, use_storage_api)
                with _named_in_problems(path, wanted.source):
                    result = in_process.make_examples([path], spec, examples.uri, candidates.uri)
        describe.describe(examples, spec.split.names, result)
        describe.describe_columns(examples, spec)
        describe.describe(candidates, (CANDIDATES,), result)

    def export_and_read(
        self,
        client: bigquery.Client,
        wanted: job.QueryJob,
        spec: TableSpec,
        folder: str,
        examples_uri: str,
        candidates_uri: str,
    ) -> report.Report:
        """Lets BigQuery write the rows to Cloud Storage, and Beam workers read them from there.

        Args:
            client: A BigQuery client.
            wanted: The query.
            spec: What to make of its rows.
            folder: Where BigQuery writes; removed at the end.
            examples_uri: Where the splits of interactions go.
            candidates_uri: Where the split of candidates goes.

        Returns:
            What was made.

        Raises:
            InputError: The folder is not on Cloud Storage, the query is refused, or its rows do
                not fit the spec.
        """
        if not folder.startswith("gs://"):
            raise InputError(
                Problem(
                    "engine",
                    f"'beam' with artifacts in {os.path.dirname(folder)}",
                    "a pipeline root in Cloud Storage, where BigQuery can write",
                    "On one machine, use the engine 'in_process'.",
                )
            )
        try:
            job.export(client, wanted, query.export_sql(wanted.sql, folder))
            with _named_in_problems(folder, wanted.source):
                return beam_engine.make_examples(
                    [os.path.join(folder, "part-*.parquet")],
                    spec,
                    examples_uri,
                    candidates_uri,
                    self._make_beam_pipeline,
                )
        finally:
            if fileio.exists(folder):
                fileio.rmtree(folder)


def query_job(exec_properties: dict[str, Any], spec: TableSpec) -> job.QueryJob:
    """Returns the query that the component's parameters describe.

    Args:
        exec_properties: The component's parameters.
        spec: What to make of the table.

    Raises:
        InputError: If the source, a column's name or a query parameter is wrong.
    """
    source = query.Source(exec_properties.get(TABLE_KEY), exec_properties.get(QUERY_KEY))
    return job.QueryJob(
        source,
        query.select_sql(source, [column.source for column in spec.columns]),
        query.parse_parameters(exec_properties.get(QUERY_PARAMETERS_KEY) or ""),
        int(exec_properties[MAXIMUM_BYTES_BILLED_KEY]),
    )


@contextlib.contextmanager
def _named_in_problems(path: str, source: query.Source) -> Iterator[None]:
    """Lets problems name the source in place of the files that its rows passed through."""
    try:
        yield
    except InputError as error:
        pattern = re.compile(rf"{re.escape(path)}\S*?(?=[:,\s]|$)")
        raise InputError(
            dataclasses.replace(problem, where=pattern.sub(str(source), problem.where))
            for problem in error.problems
        ) from error
