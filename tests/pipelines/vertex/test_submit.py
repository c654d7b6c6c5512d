"""Submitting over the wire, against a local server that speaks the REST methods in use."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse

import pytest
from google.oauth2.credentials import Credentials

from tfx_retrieval.errors import InputError
from tfx_retrieval.pipelines.vertex.submit import (
    PipelineFailedError,
    create_schedule,
    submit,
    wait,
)
from tfx_retrieval.pipelines.vertex.submit_options import Connection, Schedule, SubmitOptions

PARENT = "projects/some-project/locations/europe-west4"
KEY = f"{PARENT}/keyRings/ring/cryptoKeys/key"
NETWORK = "projects/123456/global/networks/vpc"
ACCOUNT = "pipelines@some-project.iam.gserviceaccount.com"


class VertexServer(http.server.ThreadingHTTPServer):
    """Answers like aiplatform.googleapis.com and storage.googleapis.com, and keeps the requests.

    `states` are the job's states and its tasks' states, one pair for each time it is asked for.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests = []
        self.authorizations = set()
        self.refusal = None
        self.unavailable = 0
        self.states = []
        self.created = {}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def posted(self):
        (request,) = [request for request in self.requests if request[0] == "POST"]
        return request[1:]


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def record(self):
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.server.requests.append((self.command, url.path, query, body))
        self.server.authorizations.add(self.headers.get("Authorization"))
        return url.path, query, body

    def do_POST(self):
        path, query, body = self.record()
        if self.server.refusal is not None:
            code, message = self.server.refusal
            self.answer(code, {"error": {"code": code, "message": message}})
        elif path == f"/v1/{PARENT}/pipelineJobs":
            name = f"projects/123456/locations/europe-west4/pipelineJobs/{query['pipelineJobId']}"
            self.server.created = {**body, "name": name, "state": "PIPELINE_STATE_PENDING"}
            self.answer(200, self.server.created)
        elif path == f"/v1/{PARENT}/schedules":
            name = "projects/123456/locations/europe-west4/schedules/77"
            self.answer(200, {**body, "name": name, "state": "ACTIVE"})
        else:
            self.answer(404, {"error": {"code": 404, "message": f"POST {path}"}})

    def do_GET(self):
        path, _, _ = self.record()
        if path.startswith("/storage/v1/b/some-bucket"):
            self.answer(200, {"name": "some-bucket", "kind": "storage#bucket"})
        elif self.server.unavailable:
            self.server.unavailable -= 1
            self.answer(503, {"error": {"code": 503, "message": "try later"}})
        elif path == f"/v1/{self.server.created.get('name')}":
            states = self.server.states
            state, tasks = states.pop(0) if len(states) > 1 else states[0]
            details = [{"taskName": task, "state": value, **extra} for task, value, extra in tasks]
            self.answer(
                200,
                {
                    **self.server.created,
                    "state": f"PIPELINE_STATE_{state}",
                    "jobDetail": {"taskDetails": details},
                },
            )
        else:
            self.answer(404, {"error": {"code": 404, "message": f"GET {path}"}})


@pytest.fixture
def server(monkeypatch):
    with VertexServer() as started:
        # The client looks for the pipeline root's bucket before it creates a job.
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", started.url)
        thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield started
        started.shutdown()
        thread.join()


@pytest.fixture
def connection(server):
    return Connection(Credentials("some-token"), server.url, "rest")


@pytest.fixture
def path(job_builder, tmp_path):
    job_builder.spec["root"]["inputDefinitions"] = {
        "parameters": {
            "data": {"parameterType": "STRING", "defaultValue": "gs://some-bucket/data"},
            "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 2},
        }
    }
    job_builder.add_python("Make", "", outputs={"model": "tfx.Model"})
    job_builder.add_python("Use", "", inputs={"model": ("Make", "model", "tfx.Model")})
    return job_builder.write(tmp_path / "job.json")


def options(**changes):
    return SubmitOptions(project="some-project", region="europe-west4", **changes)


def test_sends_the_job_as_vertex_expects_it(path, job_builder, server, connection):
    submission = submit(
        path,
        options(
            parameters={"epochs": 7},
            display_name="Nightly",
            job_id="nightly-1",
            pipeline_root="gs://some-bucket/other",
            service_account=ACCOUNT,
            network=NETWORK,
            encryption_key=KEY,
            labels={"team": "shop"},
            enable_caching=False,
            fail_fast=True,
        ),
        connection,
    )
    sent_path, query, body = server.posted()
    assert sent_path == f"/v1/{PARENT}/pipelineJobs"
    assert query["pipelineJobId"] == "nightly-1"
    spec = body.pop("pipelineSpec")
    assert body == {
        "displayName": "Nightly",
        "labels": {"team": "shop"},
        "runtimeConfig": {
            "gcsOutputDirectory": "gs://some-bucket/other",
            "parameterValues": {"data": "gs://some-bucket/data", "epochs": 7.0},
            # The client sends enums as numbers: PIPELINE_FAILURE_POLICY_FAIL_FAST.
            "failurePolicy": 2,
        },
        "encryptionSpec": {"kmsKeyName": KEY},
        "serviceAccount": ACCOUNT,
        "network": NETWORK,
    }
    expected = job_builder.spec
    for task in expected["root"]["dag"]["tasks"].values():
        task["cachingOptions"] = {"enableCache": False}
    assert spec == json.loads(json.dumps(expected))
    assert server.authorizations == {"Bearer some-token"}
    assert submission.name.endswith("/pipelineJobs/nightly-1")
    assert submission.console_url == (
        "https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines/runs/nightly-1"
        "?project=123456"
    )


def test_takes_project_and_region_from_the_environment(path, server, connection, monkeypatch):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "some-project")
    monkeypatch.setenv("GOOGLE_CLOUD_REGION", "europe-west4")
    submit(path, SubmitOptions(), connection)
    sent_path, query, body = server.posted()
    assert sent_path == f"/v1/{PARENT}/pipelineJobs"
    assert query["pipelineJobId"].startswith("light-")
    assert body["displayName"] == "light"
    assert body["runtimeConfig"]["gcsOutputDirectory"] == "gs://some-bucket/root"
    assert "serviceAccount" not in body


def test_another_pipeline_root_takes_the_place_of_a_local_one(
    path, job_builder, server, connection, tmp_path
):
    job_builder.document["runtimeConfig"]["gcsOutputDirectory"] = str(tmp_path)
    path = job_builder.write(path)
    with pytest.raises(InputError, match="pipeline root\n  expected a Cloud Storage folder"):
        submit(path, options(), connection)
    submit(path, options(pipeline_root="gs://some-bucket/root"), connection)
    assert server.posted()[2]["runtimeConfig"]["gcsOutputDirectory"] == "gs://some-bucket/root"


def test_a_local_path_is_refused_whatever_the_pipeline_root(path, server, connection):
    with pytest.raises(InputError, match="a path that every container can read"):
        submit(
            path,
            options(pipeline_root="gs://some-bucket/root", parameters={"data": "/data/rows"}),
            connection,
        )
    assert server.requests == []


def test_reports_each_change_of_a_task(path, server, connection):
    server.states = [
        ("RUNNING", [("light-1", "RUNNING", {}), ("Make", "RUNNING", {})]),
        ("RUNNING", [("Make", "SUCCEEDED", {}), ("Use", "PENDING", {})]),
        ("RUNNING", [("Make", "SUCCEEDED", {}), ("Use", "PENDING", {})]),
        ("SUCCEEDED", [("Make", "SUCCEEDED", {}), ("Use", "SKIPPED", {})]),
    ]
    submission = submit(path, options(), connection)
    # Two answers that the service is away do not end the waiting.
    server.unavailable = 2
    progress = []
    wait(submission, progress.append, poll_seconds=0.01)
    assert [(item.task, item.state, item.finished, item.total) for item in progress] == [
        ("Make", "running", 0, 2),
        ("Make", "succeeded", 1, 2),
        ("Use", "pending", 1, 2),
        ("Use", "skipped", 2, 2),
    ]


def test_a_failed_job_names_its_failed_tasks(path, server, connection):
    error = {"error": {"code": 9, "message": "The replica ran out of memory"}}
    server.states = [
        ("FAILED", [("light-1", "FAILED", {}), ("Make", "FAILED", error), ("Use", "PENDING", {})])
    ]
    submission = submit(path, options(), connection)
    with pytest.raises(PipelineFailedError) as caught:
        wait(submission, poll_seconds=0.01)
    assert caught.value.tasks == {"Make": "The replica ran out of memory"}
    assert "ended as failed" in str(caught.value)
    assert "task Make failed: The replica ran out of memory" in str(caught.value)
    assert submission.console_url in str(caught.value)


def test_waiting_has_an_end(path, server, connection):
    server.states = [("RUNNING", [])]
    submission = submit(path, options(), connection)
    with pytest.raises(TimeoutError, match="is still running after 0 s; it goes on: https://"):
        wait(submission, poll_seconds=0.01, timeout_seconds=0.03)


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (403, "Permission denied", f"roles/iam.serviceAccountUser on {ACCOUNT}"),
        (401, "Token expired", "gcloud auth application-default login"),
        (404, "No such project", "the answer 404, .*No such project"),
        (400, "Bad spec", "the answer 400, .*Bad spec"),
        (409, "Exists already", "the answer 409, .*Exists already"),
    ],
)
def test_explains_refusals(path, server, connection, code, message, expected):
    server.refusal = (code, message)
    with pytest.raises(InputError, match=expected):
        submit(path, options(service_account=ACCOUNT), connection)


def test_sends_a_schedule(path, server, connection):
    submission = create_schedule(
        path,
        Schedule(
            cron="TZ=Europe/Berlin 30 3 * * 1-5",
            start_time="2027-01-01T00:00:00Z",
            max_runs=10,
            max_concurrent_runs=2,
            allow_queueing=True,
        ),
        options(service_account=ACCOUNT, network=NETWORK, encryption_key=KEY, labels={"a": "b"}),
        connection,
    )
    sent_path, _, body = server.posted()
    assert sent_path == f"/v1/{PARENT}/schedules"
    request = body.pop("createPipelineJobRequest")
    assert body == {
        "displayName": "light",
        "cron": "TZ=Europe/Berlin 30 3 * * 1-5",
        "startTime": "2027-01-01T00:00:00Z",
        "maxRunCount": "10",
        "maxConcurrentRunCount": "2",
        "allowQueueing": True,
    }
    assert request["parent"] == PARENT
    job = request["pipelineJob"]
    assert job["serviceAccount"] == ACCOUNT
    assert job["network"] == NETWORK
    assert job["encryptionSpec"] == {"kmsKeyName": KEY}
    assert job["labels"] == {"a": "b"}
    assert job["runtimeConfig"]["parameterValues"]["epochs"] == 2.0
    assert submission.console_url.endswith("/pipelines/schedules/77?project=123456")


def test_reports_every_wrong_option_and_sends_nothing(path, server, connection):
    with pytest.raises(InputError) as caught:
        submit(
            path,
            SubmitOptions(
                project="Some Project",
                region="europe",
                job_id="1st",
                pipeline_root="/tmp/root",
                service_account="someone",
                network="default",
                encryption_key="projects/p/locations/us-east1/keyRings/r/cryptoKeys/k",
                labels={"Team": "shop", "team": "My Shop"},
            ),
            connection,
        )
    text = str(caught.value)
    for part in (
        "--project\n  expected the id",
        "--region\n  expected a Google Cloud region",
        "--job-id\n",
        "--pipeline-root\n  expected a Cloud Storage folder",
        "--service-account\n  expected the address",
        "--network\n  expected the full name",
        "--encryption-key\n  expected a key in the job's region, 'europe', but got a key in 'us-ea",
        "--label Team\n  expected a key",
        "--label team\n  expected a value",
    ):
        assert part in text
    assert server.requests == []


def test_needs_a_region_and_knows_them(path, connection, monkeypatch):
    monkeypatch.delenv("GOOGLE_CLOUD_REGION", raising=False)
    with pytest.raises(InputError, match="--region\n  expected a region of Vertex AI, but got not"):
        submit(path, SubmitOptions(project="some-project"), connection)
    with pytest.raises(InputError, match="but got 'europe-nowhere9'"):
        submit(path, SubmitOptions(project="some-project", region="europe-nowhere9"), connection)


def test_needs_credentials(path, server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(InputError, match="gcloud auth application-default login"):
        submit(path, options(), Connection(None, server.url, "rest"))
    assert server.requests == []


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * *", "five fields"),
        ("60 * * * *", "--cron: minute\n  expected .* from 0 to 59, but got '60'"),
        ("0 0 1-40 * *", "--cron: day of month"),
        ("0 0 * 1,x *", "--cron: month\n  expected .*, but got 'x'"),
        ("TZ=Berlin! 0 0 * * *", "a time zone"),
        ("*/0 * * * *", "--cron: minute"),
    ],
)
def test_wrong_crons(path, server, connection, cron, expected):
    with pytest.raises(InputError, match=expected):
        create_schedule(path, Schedule(cron), options(), connection)


def test_wrong_schedules(path, server, connection):
    schedule = Schedule("0 0 * * *", "tomorrow", "2027-01-01", 0, 0)
    with pytest.raises(InputError) as caught:
        create_schedule(path, schedule, options(job_id="x"), connection)
    assert [problem.where for problem in caught.value.problems] == [
        "--start-time",
        "--end-time",
        "--max-runs",
        "--max-concurrent-runs",
        "--job-id",
    ]
    assert server.requests == []
