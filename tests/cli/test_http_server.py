"""The HTTP server, with a recommender that needs no model."""

import json
import socket
import threading
import types
import urllib.error
import urllib.request

import pytest

from tfx_retrieval.cli import http_server
from tfx_retrieval.cli.recommending import Recommendation
from tfx_retrieval.errors import InputError, Problem


class Shop:
    """Recommends i0, i1, ... to everybody, but not to `broken` and `unknown`."""

    index = types.SimpleNamespace(metadata={"algorithm": "brute_force"})

    def recommend(self, queries, k=None, exclude=None):
        if any(query.get("user") == "unknown" for query in queries):
            raise InputError(Problem("query 0: column 'user'", "'unknown'", "a user"))
        if any(query.get("user") == "broken" for query in queries):
            raise KeyError("secret detail")
        excluded = exclude or [[]] * len(queries)
        return [
            [Recommendation(f"i{n}", 1 - n / 10, "é") for n in range(5) if f"i{n}" not in out][:k]
            for out in excluded
        ]


@pytest.fixture(scope="module")
def address():
    server = http_server.make_server(Shop(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(url: str, content: object | bytes | None = None) -> tuple[int, dict]:
    body = (
        content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
    )
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body)) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_predictions_for_several_instances(address) -> None:
    status, answer = ask(
        f"{address}/v1/models/recommender:predict",
        {"instances": [{"user": "a"}, {"user": "b"}], "k": 2, "exclude": [["i0"], []]},
    )

    assert status == 200
    assert answer == {
        "predictions": [
            {"ids": ["i1", "i2"], "scores": [0.9, 0.8], "titles": ["é", "é"]},
            {"ids": ["i0", "i1"], "scores": [1.0, 0.9], "titles": ["é", "é"]},
        ]
    }


def test_status(address) -> None:
    status, answer = ask(f"{address}/v1/models/recommender")

    assert status == 200
    assert answer["model_version_status"][0]["state"] == "AVAILABLE"
    assert answer["metadata"] == {"algorithm": "brute_force"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "expected JSON"),
        (b"\xff", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        ([], "a JSON object, but got list"),
        ({}, "'instances'"),
        ({"instances": ["a"]}, "a list of JSON objects"),
        ({"instances": [], "k": True}, "a whole number"),
        ({"instances": [], "k": 1.5}, "a whole number"),
        ({"instances": [], "exclude": ["i1"]}, "a list of ids for each instance"),
        ({"instances": [], "limit": 3}, "'limit'"),
        ({"instances": [], "signature_name": "train"}, "serving_default"),
        ({"instances": [{"user": "unknown"}]}, "a user, but got 'unknown'"),
    ],
)
def test_wrong_requests_say_what_was_expected(address, content, message) -> None:
    status, answer = ask(f"{address}/v1/models/recommender:predict", content)

    assert status == 400
    assert message in answer["error"]


def test_a_failure_tells_the_client_nothing_about_the_inside(address) -> None:
    status, answer = ask(
        f"{address}/v1/models/recommender:predict", {"instances": [{"user": "broken"}]}
    )

    assert status == 500
    assert answer == {"error": "see the server's log"}


@pytest.mark.parametrize(("path", "body"), [("/", None), ("/v1/models/other:predict", b"{}")])
def test_other_paths_do_not_exist(address, path, body) -> None:
    assert ask(address + path, body)[0] == 404


def test_a_body_without_end_is_refused(address) -> None:
    request = urllib.request.Request(
        f"{address}/v1/models/recommender:predict", b"{}", {"Content-Length": str(1 << 40)}
    )

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)

    assert caught.value.code == 413


def test_an_address_in_use_is_wrong_input() -> None:
    server = http_server.make_server(Shop(), "127.0.0.1", 0)
    port = server.server_address[1]
    with server, pytest.raises(InputError, match=f"127.0.0.1:{port}"):
        http_server.make_server(Shop(), "127.0.0.1", port)


def test_an_address_is_checked_without_a_model() -> None:
    with http_server.make_server(Shop(), "127.0.0.1", 0) as server:
        port = server.server_address[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}"):
            http_server.check_address("127.0.0.1", port)
    http_server.check_address("127.0.0.1", port)
    with pytest.raises(InputError, match="an address of this machine"):
        http_server.check_address("no.such.host.invalid", 0)


def test_a_client_that_stops_sending_is_let_go(monkeypatch) -> None:
    monkeypatch.setattr(http_server._Handler, "timeout", 0.2)
    with http_server.make_server(Shop(), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with socket.create_connection(server.server_address) as client:
                client.settimeout(10)
                client.sendall(b"POST /v1/models/recommender:predict HTTP/1.1\r\n")
                assert client.recv(100) == b""
        finally:
            server.shutdown()
            thread.join()
