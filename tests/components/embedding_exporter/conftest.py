"""A local server that speaks the part of BigQuery's REST API that a load uses."""

import http.server
import json
import re
import threading
import urllib.parse

import pytest


class FakeBigQuery:
    """Records requests and answers like BigQuery.

    Attributes:
        url: Where it listens.
        jobs: Configuration of each load job received, in order.
        uploads: Bytes uploaded for each job; None for jobs that load from a uri.
        requests: Method and path of each request.
        error: An error that jobs shall end with.
    """

    def __init__(self):
        self.jobs, self.uploads, self.requests = [], [], []
        self.error = None
        self.url = ""

    def job_resource(self, number, state):
        job = self.jobs[number]
        status = {"state": state}
        if state == "DONE" and self.error:
            status |= {"errorResult": self.error, "errors": [self.error]}
        return {
            "kind": "bigquery#job",
            "id": "some-project:EU.job",
            "jobReference": {**job["jobReference"], "location": "EU"},
            "configuration": job["configuration"],
            "status": status,
            "statistics": {"load": {"outputRows": "3"}},
        }


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def _answer(self, body, status=200, **headers):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            raise AssertionError("the client is expected to send whole bodies")
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    @property
    def _path(self):
        return urllib.parse.urlsplit(self.path)

    def do_POST(self):
        fake = self.server.fake
        fake.requests.append(("POST", self._path.path))
        fake.jobs.append(json.loads(self._body()))
        number = len(fake.jobs) - 1
        if self._path.path == "/upload/bigquery/v2/projects/some-project/jobs":
            assert urllib.parse.parse_qs(self._path.query) == {"uploadType": ["resumable"]}
            fake.uploads.append(b"")
            self._answer({}, Location=f"{fake.url}/session/{number}")
        elif self._path.path == "/bigquery/v2/projects/some-project/jobs":
            fake.uploads.append(None)
            self._answer(fake.job_resource(number, "RUNNING"))
        else:
            self._answer({"error": {"message": f"no such path {self.path}"}}, 404)

    def do_PUT(self):
        fake = self.server.fake
        fake.requests.append(("PUT", self._path.path))
        number = int(self._path.path.rsplit("/", 1)[1])
        chunk = self._body()
        first, last, total = re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+|\*)", self.headers["Content-Range"]
        ).groups()
        assert int(first) == len(fake.uploads[number])
        assert int(last) == int(first) + len(chunk) - 1
        fake.uploads[number] += chunk
        if total == "*":
            self._answer({}, 308, Range=f"bytes=0-{last}")
        else:
            assert int(total) == len(fake.uploads[number])
            self._answer(fake.job_resource(number, "RUNNING"))

    def do_GET(self):
        fake = self.server.fake
        fake.requests.append(("GET", self._path.path))
        job_id = self._path.path.rsplit("/", 1)[1]
        [number] = [n for n, job in enumerate(fake.jobs) if job["jobReference"]["jobId"] == job_id]
        self._answer(fake.job_resource(number, "DONE"))


@pytest.fixture
def fake_bigquery(monkeypatch):
    """A fake BigQuery that clients made by default talk to, without credentials."""
    from google.auth import credentials

    fake = FakeBigQuery()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.fake = fake
    fake.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", fake.url)
    monkeypatch.setattr(
        "google.auth.default", lambda *args, **kwargs: (credentials.AnonymousCredentials(), None)
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()
