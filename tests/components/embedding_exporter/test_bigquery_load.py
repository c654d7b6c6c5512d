"""Loading into BigQuery: what is sent."""

import pytest
from google.api_core import exceptions

from tfx_retrieval.components.embedding_exporter import bigquery_load

TABLE = "some-project.some_data.embeddings_query"

LOAD = {
    "sourceFormat": "PARQUET",
    "parquetOptions": {"enableListInference": True},
    "schema": {
        "fields": [
            {"name": "id", "type": "STRING", "mode": "REQUIRED"},
            {"name": "embedding", "type": "FLOAT", "mode": "REPEATED"},
            {"name": "model_version", "type": "STRING", "mode": "NULLABLE"},
            {"name": "run_id", "type": "STRING", "mode": "NULLABLE"},
        ]
    },
    "timePartitioning": {"type": "DAY"},
    "createDisposition": "CREATE_IF_NEEDED",
    "writeDisposition": "WRITE_TRUNCATE",
    "destinationTable": {
        "projectId": "some-project",
        "datasetId": "some_data",
        "tableId": "embeddings_query$20240131",
    },
}


def load(path, id_type="STRING"):
    client = bigquery_load.make_client(TABLE, "EU")
    return bigquery_load.load_table(client, str(path), TABLE, "2024-01-31", id_type)


@pytest.mark.parametrize("size", [5, 3_000_000])
def test_local_files_are_uploaded(tmp_path, fake_bigquery, monkeypatch, size):
    # Chunks of 1 MB, so that three million bytes are several.
    monkeypatch.setattr("google.cloud.bigquery.client._DEFAULT_CHUNKSIZE", 1024 * 1024)
    content = bytes(range(256)) * (size // 256) + b"tail!"
    path = tmp_path / "part.parquet"
    path.write_bytes(content)

    rows = load(path)

    assert rows == 3
    [job] = fake_bigquery.jobs
    assert job["configuration"] == {"load": LOAD}
    assert job["jobReference"]["location"] == "EU"
    assert fake_bigquery.uploads == [content]
    puts = [path for method, path in fake_bigquery.requests if method == "PUT"]
    assert len(puts) == (1 if size < 1000 else 3)
    assert fake_bigquery.requests[-1][0] == "GET"


def test_files_on_cloud_storage_are_read_by_bigquery(fake_bigquery):
    rows = load("gs://bucket/query/run_date=2024-01-31/part-0.parquet", "INTEGER")

    assert rows == 3
    [job] = fake_bigquery.jobs
    fields = [{**LOAD["schema"]["fields"][0], "type": "INTEGER"}, *LOAD["schema"]["fields"][1:]]
    assert job["configuration"] == {
        "load": {
            **LOAD,
            "schema": {"fields": fields},
            "sourceUris": ["gs://bucket/query/run_date=2024-01-31/part-0.parquet"],
        }
    }
    assert fake_bigquery.uploads == [None]


def test_a_failed_job_is_an_error(tmp_path, fake_bigquery):
    fake_bigquery.error = {"reason": "invalid", "message": "Field id has changed type"}
    path = tmp_path / "part.parquet"
    path.write_bytes(b"x")

    with pytest.raises(exceptions.BadRequest, match="Field id has changed type"):
        load(path)


@pytest.mark.parametrize(
    ("table", "project"), [("p.d.t", "p"), ("example.com:my-project.d.t", "example.com:my-project")]
)
def test_the_client_works_in_the_table_s_project(fake_bigquery, table, project):
    assert bigquery_load.make_client(table, None).project == project
