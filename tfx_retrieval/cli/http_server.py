"""Serves a run's recommendations over HTTP, in the shape of TensorFlow Serving's REST API.

`POST /v1/models/recommender:predict` takes `{"instances": [{column: value, ...}, ...]}` and
answers `{"predictions": [{"ids": [...], "scores": [...], "titles": [...]}, ...]}`. Beyond
TensorFlow Serving it understands `"k"` (how many) and `"exclude"` (a list of ids for each
instance). `GET /v1/models/recommender` says what is served.
"""

from __future__ import annotations

import http.server
import json
import logging
from http import HTTPStatus
from typing import Any

from tfx_retrieval.cli.recommending import RunRecommender
from tfx_retrieval.errors import InputError, Problem

MODEL_PATH = "/v1/models/recommender"
_PREDICT_PATH = f"{MODEL_PATH}:predict"
_MAX_BODY = 8 << 20
_TIMEOUT_SECONDS = 60
_KEYS = ("instances", "k", "exclude", "signature_name")

_LOGGER = logging.getLogger(__name__)


def make_server(
    recommender: RunRecommender, host: str, port: int
) -> http.server.ThreadingHTTPServer:
    """Returns a server that is bound to its address and waits for `serve_forever`.

    Args:
        recommender: What answers.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.

    Raises:
        InputError: If the address cannot be had.
    """

    class Handler(_Handler):
        pass

    Handler.recommender = recommender
    return _bind(host, port, Handler)


def check_address(host: str, port: int) -> None:
    """Checks that an address can be had, before an index is loaded, which takes a while.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for any.

    Raises:
        InputError: If it cannot.
    """
    _bind(host, port, http.server.BaseHTTPRequestHandler).server_close()


def _bind(
    host: str, port: int, handler: type[http.server.BaseHTTPRequestHandler]
) -> http.server.ThreadingHTTPServer:
    try:
        return http.server.ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        received = error.strerror or str(error)
        expected = "an address of this machine with a free port"
        raise InputError(Problem(f"{host}:{port}", received, expected)) from error


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    # A client that sends no more must not keep a thread for ever.
    timeout = _TIMEOUT_SECONDS
    recommender: RunRecommender

    def do_GET(self) -> None:
        """Says what is served."""
        if self.path != MODEL_PATH:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"expected {MODEL_PATH}"})
            return
        self._answer(
            HTTPStatus.OK,
            {
                "model_version_status": [{"version": "1", "state": "AVAILABLE"}],
                "metadata": dict(self.recommender.index.metadata),
            },
        )

    def do_POST(self) -> None:
        """Recommends."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _MAX_BODY:
            # Without reading the body the connection cannot be used again.
            self.close_connection = True
            self._answer(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE if length else HTTPStatus.LENGTH_REQUIRED,
                {"error": f"expected a body of at most {_MAX_BODY} bytes with Content-Length"},
            )
            return
        body = self.rfile.read(int(length))
        if self.path != _PREDICT_PATH:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"expected {_PREDICT_PATH}"})
            return
        try:
            self._answer(HTTPStatus.OK, self._predict(body))
        except InputError as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except Exception:
            _LOGGER.exception("a request failed")
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "see the server's log"})

    def log_message(self, format: str, *args: Any) -> None:
        """Logs a request."""
        _LOGGER.info("%s %s", self.address_string(), format % args)

    def _predict(self, body: bytes) -> dict[str, Any]:
        request = _parse(body)
        answers = self.recommender.recommend(
            request["instances"], request.get("k"), request.get("exclude")
        )
        return {
            "predictions": [
                {
                    "ids": [item.id for item in answer],
                    "scores": [item.score for item in answer],
                    "titles": [item.title for item in answer],
                }
                for answer in answers
            ]
        }

    def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        payload = json.dumps(content).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def _parse(body: bytes) -> dict[str, Any]:
    """Parses a request and checks its shape."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(Problem("request", str(error), "JSON")) from error
    if not isinstance(request, dict):
        raise InputError(Problem("request", type(request).__name__, "a JSON object"))
    problems = [
        Problem(f"request: {key!r}", "an unknown key", f"one of {', '.join(_KEYS)}")
        for key in request
        if key not in _KEYS
    ]
    instances = request.get("instances")
    if not isinstance(instances, list) or not all(isinstance(row, dict) for row in instances):
        problems.append(
            Problem("request: 'instances'", repr(instances)[:100], "a list of JSON objects")
        )
    k = request.get("k")
    if k is not None and (isinstance(k, bool) or not isinstance(k, int)):
        problems.append(Problem("request: 'k'", repr(k)[:100], "a whole number"))
    exclude = request.get("exclude")
    if exclude is not None and not (
        isinstance(exclude, list) and all(isinstance(ids, list) for ids in exclude)
    ):
        problems.append(
            Problem("request: 'exclude'", repr(exclude)[:100], "a list of ids for each instance")
        )
    if request.get("signature_name", "serving_default") != "serving_default":
        problems.append(
            Problem("request: 'signature_name'", repr(request["signature_name"]), "serving_default")
        )
    if problems:
        raise InputError(problems)
    return request
