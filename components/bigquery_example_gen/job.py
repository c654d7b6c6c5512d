"""Runs a query in BigQuery: asks what it would cost first, then fetches or exports its rows."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from tfx_retrieval.components.bigquery_example_gen.query import QueryParameter, Source
from tfx_retrieval.errors import InputError, Problem

if TYPE_CHECKING:
    from google.cloud import bigquery

_logger = logging.getLogger("tfx_retrieval.bigquery_example_gen")

# Google's client would go on for ten minutes without a network.
_ANSWER_SECONDS = 60.0

_LABELS = {"created-by": "tfx-retrieval"}


@dataclasses.dataclass(frozen=True)
class QueryJob:
    """A query with what belongs to it.

    Attributes:
        source: What messages name.
        sql: The statement that reads the rows.
        parameters: Its parameters.
        maximum_bytes_billed: BigQuery refuses the query if it would bill more.
    """

    source: Source
    sql: str
    parameters: Sequence[QueryParameter]
    maximum_bytes_billed: int


def make_client(project: str | None, location: str | None) -> bigquery.Client:
    """Makes a BigQuery client with the application default credentials.

    Args:
        project: Project that pays for queries; None takes the credentials'.
        location: Location of the data; None lets BigQuery find it.

    Returns:
        The client.

    Raises:
        InputError: If the client is not installed, or there are no credentials or no project.
    """
    try:
        from google.cloud import bigquery
    except ModuleNotFoundError as error:
        raise InputError(
            Problem(
                "BigQuery",
                "an installation without google-cloud-bigquery",
                "the client of BigQuery",
                "Install it with: pip install 'tfx-retrieval[gcp]'",
            )
        ) from error
    from google.auth import exceptions

    try:
        return bigquery.Client(project=project, location=location)
    except exceptions.DefaultCredentialsError as error:
        # A file that was named, and is missing or none of Google's, is what to tell of.
        named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        received = f"GOOGLE_APPLICATION_CREDENTIALS={named}: {error}" if named else "none"
        remedy = "Run `gcloud auth application-default login`."
        raise InputError(
            Problem("Google credentials", received, "application default credentials", remedy)
        ) from error
    except OSError as error:
        remedy = "Name it (--bigquery-project), or set GOOGLE_CLOUD_PROJECT."
        raise InputError(
            Problem("BigQuery project", "nothing", "the project that pays", remedy)
        ) from error


def check_cost(client: bigquery.Client, job: QueryJob) -> int:
    """Asks BigQuery how many bytes a query would read, without running it.

    Args:
        client: A BigQuery client.
        job: The query.

    Returns:
        The number of bytes.

    Raises:
        InputError: If they are more than allowed, or BigQuery refuses the query.
        google.api_core.exceptions.RetryError: BigQuery does not answer.
    """
    from google.cloud import bigquery

    config = bigquery.QueryJobConfig(
        dry_run=True, use_query_cache=False, query_parameters=_parameters(job), labels=_LABELS
    )
    with _refusals_explained(job):
        answer = client.query(
            job.sql,
            job_config=config,
            retry=bigquery.DEFAULT_RETRY.with_timeout(_ANSWER_SECONDS),
            job_retry=None,
            timeout=_ANSWER_SECONDS,
        )
        size = answer.total_bytes_processed or 0
    if size > job.maximum_bytes_billed:
        raise InputError(
            Problem(
                str(job.source),
                f"a query that reads {size:,} bytes",
                f"at most {job.maximum_bytes_billed:,} bytes (maximum_bytes_billed)",
                "Allow more, or read less: a query over some partitions, fewer features.",
            )
        )
    _logger.info("%s: %s bytes to read", job.source, f"{size:,}")
    return size


def fetch(client: bigquery.Client, job: QueryJob, path: str, use_storage_api: bool) -> int:
    """Runs a query and writes its rows to a Parquet file, page by page.

    Args:
        client: A BigQuery client.
        job: The query.
        path: Local file to write.
        use_storage_api: Whether to fetch rows over the BigQuery Storage API, which is faster by
            far for large results and needs roles/bigquery.readSessionUser.

    Returns:
        The number of rows.

    Raises:
        InputError: If BigQuery refuses the query or it gives no rows.
    """
    storage_client = None
    if use_storage_api:
        from google.cloud import bigquery_storage

        storage_client = bigquery_storage.BigQueryReadClient()
    rows = 0
    writer: pq.ParquetWriter | None = None
    with _refusals_explained(job), contextlib.ExitStack() as stack:
        result = client.query(job.sql, job_config=_config(job)).result()
        for batch in result.to_arrow_iterable(bqstorage_client=storage_client):
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(path, batch.schema))
            writer.write_batch(batch)
            rows += batch.num_rows
    if not rows:
        raise InputError(Problem(str(job.source), "no rows", "at least one row"))
    _logger.info("fetched %s rows, %s bytes", f"{rows:,}", f"{os.path.getsize(path):,}")
    return rows


def export(client: bigquery.Client, job: QueryJob, sql: str) -> None:
    """Runs an EXPORT DATA statement, by which BigQuery itself writes the rows to Cloud Storage.

    Args:
        client: A BigQuery client.
        job: The query whose rows are exported.
        sql: The statement.

    Raises:
        InputError: If BigQuery refuses.
    """
    with _refusals_explained(job):
        client.query(sql, job_config=_config(job)).result()
    _logger.info("%s: exported", job.source)


def _config(job: QueryJob) -> Any:
    from google.cloud import bigquery

    return bigquery.QueryJobConfig(
        maximum_bytes_billed=job.maximum_bytes_billed,
        query_parameters=_parameters(job),
        labels=_LABELS,
    )


def _parameters(job: QueryJob) -> list[Any]:
    from google.cloud import bigquery

    return [
        bigquery.ArrayQueryParameter(parameter.name, parameter.type, parameter.value)
        if isinstance(parameter.value, list)
        else bigquery.ScalarQueryParameter(parameter.name, parameter.type, parameter.value)
        for parameter in job.parameters
    ]


@contextlib.contextmanager
def _refusals_explained(job: QueryJob) -> Iterator[None]:
    """Turns what BigQuery answers to a wrong query into `InputError`."""
    from google.api_core import exceptions
    from google.auth import exceptions as auth_exceptions

    try:
        yield
    except (auth_exceptions.RefreshError, exceptions.Unauthorized) as error:
        remedy = "Run `gcloud auth application-default login`."
        raise InputError(
            Problem("Google credentials", str(error), "credentials that BigQuery accepts", remedy)
        ) from error
    except exceptions.Forbidden as error:
        raise InputError(
            Problem(
                str(job.source),
                f"the answer 403, {error.message}",
                "leave to read it",
                "You need roles/bigquery.jobUser in the project that pays, "
                "roles/bigquery.dataViewer on the data and roles/bigquery.readSessionUser.",
            )
        ) from error
    except (exceptions.BadRequest, exceptions.NotFound) as error:
        raise InputError(
            Problem(
                str(job.source),
                f"the answer {error.code}, {error.message}",
                "a query that BigQuery accepts",
                f"The query was:\n{job.sql}",
            )
        ) from error
