"""`run` and `quick-test` on rows in BigQuery, over HTTP against a local server."""

from __future__ import annotations

import json
import pathlib

import pyarrow as pa
import pytest

FEATURES = {
    "version": 1,
    "name": "shop",
    "query": {"id": "customer", "features": [{"column": "customer", "type": "categorical"}]},
    "candidate": {"id": "sku", "features": [{"column": "sku", "type": "categorical"}]},
}
MODEL = {"version": 1, "name": "small", "output_embedding_dim": 8, "batch_size": 64, "epochs": 1}


@pytest.fixture
def arguments(tmp_path: pathlib.Path) -> list[object]:
    """Configs, and a folder that no run has used."""
    (tmp_path / "features.json").write_text(json.dumps(FEATURES))
    (tmp_path / "model.json").write_text(json.dumps(MODEL))
    return [
        *("--features", tmp_path / "features.json", "--model", tmp_path / "model.json"),
        *("--output", tmp_path / "run"),
    ]


@pytest.mark.slow
def test_a_run_on_a_query(invoke, arguments, fake_bigquery, tmp_path) -> None:
    fake_bigquery.table = pa.table(
        {
            "customer": [f"c{row % 30}" for row in range(400)],
            "sku": [(row % 30) * 2 + row * 7 % 11 for row in range(400)],
            "unused": list(range(400)),
        }
    )
    sql = "SELECT * FROM shop.orders WHERE day >= @since -- of late"
    (tmp_path / "orders.sql").write_text(sql)
    given = (
        *("--query", f"@{tmp_path}/orders.sql", "--query-parameters", '{"since": "2026-01-01"}'),
        *("--maximum-bytes-billed", "5000", "--no-bigquery-storage-api"),
    )

    done = invoke("quick-test", *arguments, *given)

    assert done.exit_code == 0, done.stderr
    assert "recall@10" in done.stdout
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["args"]["data"]["query"] == sql
    assert metrics["data"]["rows_read"] == 400
    sent = [job["configuration"] for job in fake_bigquery.jobs]
    # The command asks before TensorFlow is loaded, the component once more.
    assert [configuration.get("dryRun", False) for configuration in sent] == [True, True, False]
    assert sent[2]["query"]["query"] == f"SELECT `customer`, `sku`\nFROM (\n{sql}\n)"
    assert sent[2]["query"]["maximumBytesBilled"] == "5000"
    (parameter,) = sent[2]["query"]["queryParameters"]
    assert (parameter["name"], parameter["parameterValue"]["value"]) == ("since", "2026-01-01")

    again = invoke("quick-test", *arguments, *given)

    assert again.exit_code == 0, again.stderr
    # A folder that holds the rows needs BigQuery no more.
    assert len(fake_bigquery.jobs) == 3


@pytest.mark.parametrize("command", ["run", "quick-test"])
@pytest.mark.parametrize(
    ("given", "messages"),
    [
        ([], ["--data, --query\n  expected one of the two, but got neither"]),
        (["--data", "rows.csv", "--query", "SELECT 1"], ["one of the two, but got both"]),
        (["--data", "bq://orders"], ["--data bq://orders\n  expected PROJECT.DATASET.TABLE"]),
        (
            ["--query", "@absent.sql", "--query-parameters", '{"a b": 1}'],
            ["--query @absent.sql\n  expected a text file", "--query-parameters: a b\n"],
        ),
        (
            [
                *("--data", "rows.csv", "--bigquery-project", "some-project"),
                *("--bigquery-location", "EU", "--maximum-bytes-billed", "1"),
                *("--no-bigquery-storage-api", "--query-parameters", "{}"),
            ],
            [
                *("--bigquery-project\n", "--bigquery-location\n", "--maximum-bytes-billed\n"),
                *("--bigquery-storage-api\n", "--query-parameters\n", "5 problems"),
            ],
        ),
    ],
)
def test_wrong_options_are_named_together(
    invoke, arguments, tmp_path, command, given, messages
) -> None:
    done = invoke(command, *arguments, *given)

    assert done.exit_code == 2
    assert all(message in done.stderr for message in messages), done.stderr
    assert not (tmp_path / "run").exists()


def test_wrong_options_are_named_beside_wrong_configs(invoke, arguments, tmp_path) -> None:
    (tmp_path / "model.json").write_text('{"version": 1, "epoch": 3}')

    done = invoke("run", *arguments, "--query", " ")

    assert done.exit_code == 2
    assert "--query\n  expected a SELECT statement" in done.stderr
    assert "$.epoch" in done.stderr


def test_a_query_that_costs_too_much_is_refused_before_anything_is_written(
    invoke, arguments, fake_bigquery, tmp_path
) -> None:
    fake_bigquery.total_bytes = 10_000

    done = invoke(
        *("run", *arguments, "--data", "bq://some-project.shop.orders"),
        *("--maximum-bytes-billed", "9999"),
    )

    assert done.exit_code == 2
    assert "a query that reads 10,000 bytes" in done.stderr
    assert "Loading" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_what_bigquery_refuses_is_told(invoke, arguments, fake_bigquery, tmp_path) -> None:
    fake_bigquery.dry_refusal = (400, "Unrecognized name: sku at [1:20]")

    done = invoke("run", *arguments, "--query", "SELECT customer FROM shop.orders")

    assert done.exit_code == 2
    assert "BigQuery query\n  expected a query that BigQuery accepts" in done.stderr
    assert "Unrecognized name: sku" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_credentials_and_a_project_are_asked_for(invoke, arguments, monkeypatch, tmp_path) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")

    done = invoke("run", *arguments, "--query", "SELECT 1")

    assert done.exit_code == 2
    assert "gcloud auth application-default login" in done.stderr
    assert not (tmp_path / "run").exists()

    user = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    (tmp_path / "user.json").write_text(json.dumps(user))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "user.json"))

    done = invoke("run", *arguments, "--query", "SELECT 1")

    assert done.exit_code == 2
    assert "BigQuery project\n" in done.stderr
    assert "--bigquery-project" in done.stderr
