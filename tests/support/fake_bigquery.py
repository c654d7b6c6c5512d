"""A local server that speaks the part of BigQuery's REST API that queries use."""

from __future__ import annotations

import datetime
import decimal
import http.server
import json
import re
import threading
import traceback
import urllib.parse

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rsa

_FIELD_TYPES = {
    pa.string(): "STRING",
    pa.int64(): "INTEGER",
    pa.float64(): "FLOAT",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", "UTC"): "TIMESTAMP",
    pa.decimal128(38, 9): "NUMERIC",
}
_PAGE_ROWS = 40


def _field(field):
    if pa.types.is_list(field.type):
        return {"name": field.name, "type": _FIELD_TYPES[field.type.value_type], "mode": "REPEATED"}
    return {"name": field.name, "type": _FIELD_TYPES[field.type], "mode": "NULLABLE"}


def _cell(value):
    if value is None:
        return {"v": None}
    if isinstance(value, list):
        return {"v": [_cell(element) for element in value]}
    if isinstance(value, bool):
        return {"v": "true" if value else "false"}
    if isinstance(value, datetime.datetime):
        return {"v": str(round(value.timestamp() * 1_000_000))}
    if isinstance(value, (int, float, str, datetime.date, decimal.Decimal)):
        return {"v": str(value)}
    raise TypeError(type(value))


class FakeBigQuery(http.server.ThreadingHTTPServer):
    """Holds one table, answers each query with the columns it selects, and keeps the requests.

    Attributes:
        table: The rows.
        total_bytes: Size that a dry run tells.
        refusal: Code and message of the answer to queries that are no dry run, or None.
        dry_refusal: The same for dry runs.
        jobs: Bodies of the jobs received.
        authorizations: Authorization headers of all requests but those for tokens.
        export_folder: Directory that stands for Cloud Storage in EXPORT DATA.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.table = pa.table({})
        self.total_bytes = 1000
        self.refusal = self.dry_refusal = None
        self.jobs = []
        self.authorizations = set()
        self.export_folder = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def selected(self, sql):
        names = re.search(r"SELECT (`.*`)\nFROM", sql)[1]
        return self.table.select(re.findall(r"`([^`]*)`", names))

    def export(self, sql):
        uri = re.search(r"uri = 'gs://([^']*)'", sql)[1]
        rows = self.selected(sql)
        half = rows.num_rows // 2
        for number, part in enumerate((rows.slice(0, half), rows.slice(half))):
            path = self.export_folder / uri.replace("*", f"{number:012}")
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(part, path)


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def answer(self, content, status=200):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_one_request(self):
        # The client would take a broken connection for an outage and go on asking.
        try:
            super().handle_one_request()
        except Exception:
            self.refuse((400, traceback.format_exc()))

    def refuse(self, refusal):
        code, message = refusal
        self.answer({"error": {"code": code, "message": message}}, code)

    def job(self, number):
        body = self.server.jobs[number]
        return {
            "kind": "bigquery#job",
            "jobReference": {"projectId": "some-project", "jobId": str(number), "location": "EU"},
            "configuration": {
                **body["configuration"],
                "query": {
                    **body["configuration"]["query"],
                    "destinationTable": {
                        "projectId": "some-project",
                        "datasetId": "_anonymous",
                        "tableId": f"result{number}",
                    },
                },
            },
            "status": {"state": "DONE"},
            "statistics": {
                "totalBytesProcessed": str(self.server.total_bytes),
                "query": {
                    "totalBytesProcessed": str(self.server.total_bytes),
                    "statementType": "SELECT",
                },
            },
        }

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = urllib.parse.urlsplit(self.path).path
        if path == "/token":
            self.answer({"access_token": "some-token", "expires_in": 3600, "token_type": "Bearer"})
            return
        self.server.authorizations.add(self.headers["Authorization"])
        assert path == "/bigquery/v2/projects/some-project/jobs"
        job = json.loads(body)
        self.server.jobs.append(job)
        dry = job["configuration"].get("dryRun", False)
        refusal = self.server.dry_refusal if dry else self.server.refusal
        if refusal is not None:
            self.refuse(refusal)
            return
        sql = job["configuration"]["query"]["query"]
        if sql.startswith("EXPORT") and not dry:
            self.server.export(sql)
        self.answer(self.job(len(self.server.jobs) - 1))

    def do_GET(self):
        self.server.authorizations.add(self.headers["Authorization"])
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        match = re.fullmatch(r"/bigquery/v2/projects/some-project/(jobs|queries)/(\d+)", url.path)
        if match is None:
            match = re.fullmatch(r".*/datasets/_anonymous/tables/(result)(\d+)/data", url.path)
        kind, number = match[1], int(match[2])
        if kind == "jobs":
            self.answer(self.job(number))
            return
        sql = self.server.jobs[number]["configuration"]["query"]["query"]
        rows = self.server.selected(sql)
        start = int(query.get("pageToken", 0))
        size = min(_PAGE_ROWS, int(query.get("maxResults", _PAGE_ROWS)))
        page = rows.slice(start, size)
        content = {
            "totalRows": str(rows.num_rows),
            "rows": [{"f": [_cell(value) for value in row.values()]} for row in page.to_pylist()],
        }
        if kind == "queries":
            content |= {
                "jobComplete": True,
                "jobReference": self.job(number)["jobReference"],
                "schema": {"fields": [_field(field) for field in rows.schema]},
            }
        if start + size < rows.num_rows:
            content["pageToken"] = str(start + size)
        self.answer(content)


@pytest.fixture(scope="session")
def key_text():
    """A private key for a service account of the tests."""
    return rsa.newkeys(1024)[1].save_pkcs1().decode()


@pytest.fixture
def fake_bigquery(monkeypatch, tmp_path, key_text):
    """The server; Google's clients find it, and credentials that it accepts, by the environment."""
    with FakeBigQuery() as server:
        key_file = tmp_path / "key.json"
        key_file.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": "some-project",
                    "client_email": "reader@some-project.iam.gserviceaccount.com",
                    "private_key": key_text,
                    "token_uri": f"{server.url}/token",
                }
            )
        )
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
        server.export_folder = tmp_path / "cloud"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
