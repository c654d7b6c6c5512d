"""Loading embedding tables into BigQuery."""

from __future__ import annotations

import logging
import os
import tempfile
from typing import Any

from google.cloud import bigquery
from tfx.dsl.io import fileio

_logger = logging.getLogger("tfx_retrieval.embedding_exporter")


def make_client(table: str, location: str | None) -> bigquery.Client:
    """Returns a client with the default credentials that bills the table's project.

    Args:
        table: `project.dataset.table`.
        location: Location of the data set, or None for the default one.
    """
    return bigquery.Client(project=table.rsplit(".", 2)[0], location=location)


def side_table(table: str, side: str) -> str:
    """Returns the table of a side, e.g. `project.dataset.embeddings_query`."""
    return f"{table}_{side}"


def load_table(client: bigquery.Client, path: str, table: str, run_date: str, id_type: str) -> int:
    """Loads a Parquet file into the day partition of `run_date` and waits for the end.

    The table is made if need be, partitioned by day of ingestion (`_PARTITIONDATE`); the partition
    is replaced, so that a repeated run does not double its rows. `embedding` is a REPEATED FLOAT,
    as VECTOR_SEARCH wants it.

    Args:
        client: A BigQuery client.
        path: A file as `tables.write_table` writes it; `gs://` files are read by BigQuery itself,
            others are uploaded.
        table: `project.dataset.table`.
        run_date: `YYYY-MM-DD`.
        id_type: `STRING` or `INTEGER`.

    Returns:
        The rows loaded.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused the request or the job
            failed.
    """
    destination = f"{table}${run_date.replace('-', '')}"
    if path.startswith("gs://"):
        job = client.load_table_from_uri(path, destination, job_config=_job_config(id_type))
    else:
        with tempfile.TemporaryDirectory() as folder:
            local = os.path.join(folder, "table.parquet")
            fileio.copy(path, local)
            with open(local, "rb") as file:
                job = client.load_table_from_file(
                    file, destination, job_config=_job_config(id_type)
                )
    job.result()
    _logger.info("loaded %s rows into %s", f"{job.output_rows:,}", destination)
    return job.output_rows


def _job_config(id_type: str) -> bigquery.LoadJobConfig:
    options = bigquery.ParquetOptions()
    # Without it lists become records of records.
    options.enable_list_inference = True
    config: dict[str, Any] = {
        "source_format": bigquery.SourceFormat.PARQUET,
        "parquet_options": options,
        "schema": [
            bigquery.SchemaField("id", id_type, mode="REQUIRED"),
            bigquery.SchemaField("embedding", "FLOAT", mode="REPEATED"),
            bigquery.SchemaField("model_version", "STRING"),
            bigquery.SchemaField("run_id", "STRING"),
        ],
        "time_partitioning": bigquery.TimePartitioning(type_=bigquery.TimePartitioningType.DAY),
        "create_disposition": bigquery.CreateDisposition.CREATE_IF_NEEDED,
        "write_disposition": bigquery.WriteDisposition.WRITE_TRUNCATE,
    }
    return bigquery.LoadJobConfig(**config)
