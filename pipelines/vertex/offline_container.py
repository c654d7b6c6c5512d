"""Runs one container of a compiled pipeline as a process on this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{\$(?P<path>[^{}]*)\}\}")
_STEP = re.compile(r"\.(?P<name>\w+)|\['(?P<key>[^']+)'\]")
_ENTRY_POINT = ("-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor")
_LOG_LINES = 30
_LOG_LINE_LENGTH = 300


class PlaceholderError(ValueError):
    """A placeholder refers to nothing in the executor input."""


class ContainerError(RuntimeError):
    """A container could not be started, or ended with an error.

    Attributes:
        log: The end of what it printed.
    """

    def __init__(self, message: str, log: str = ""):
        """Takes a sentence and the log's end."""
        super().__init__(message)
        self.log = log


def resolve_placeholders(text: str, executor_input: Mapping[str, Any]) -> str:
    """Replaces KFP placeholders such as `{{$}}` and `{{$.inputs.artifacts['model'].uri}}`.

    Args:
        text: A container argument or a resolver's filter.
        executor_input: The `ExecutorInput` of the task as JSON objects.

    Returns:
        The text with each placeholder's value; values other than text are written as JSON.

    Raises:
        PlaceholderError: If a placeholder refers to nothing.
    """

    def value(match: re.Match[str]) -> str:
        found = _lookup(match["path"], executor_input)
        return found if isinstance(found, str) else json.dumps(found, sort_keys=True)

    return _PLACEHOLDER.sub(value, text)


def _lookup(path: str, executor_input: Mapping[str, Any]) -> Any:
    position = 0
    current: Any = executor_input
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise PlaceholderError(f"{{{{${path}}}}} is not understood")
        name = match["name"] or match["key"]
        # In placeholders, parameters go by their old name, and an artifact is the first of a list.
        if name == "parameters" and "parameterValues" in current:
            name = "parameterValues"
        if isinstance(current, Mapping) and set(current) == {"artifacts"} and name != "artifacts":
            current = current["artifacts"][0] if current["artifacts"] else {}
        if not isinstance(current, Mapping) or name not in current:
            raise PlaceholderError(f"{{{{${path}}}}} refers to nothing: there is no {name!r}")
        current = current[name]
        position = match.end()
    return current


def command_line(
    command: Sequence[str], arguments: Sequence[str], executor_input: Mapping[str, Any]
) -> list[str]:
    """Returns the command that a container runs, for this machine.

    Args:
        command: The container's command; empty stands for the image's entry point.
        arguments: The container's arguments.
        executor_input: The `ExecutorInput` of the task.

    Returns:
        The command, with this Python in place of the image's and placeholders replaced.

    Raises:
        ContainerError: If the command is no Python.
        PlaceholderError: If a placeholder refers to nothing.
    """
    if not command:
        command = ("python", *_ENTRY_POINT)
    if command[0] not in ("python", "python3"):
        raise ContainerError(
            f"the command {command[0]!r} of another image cannot be run on this machine"
        )
    rest = [resolve_placeholders(item, executor_input) for item in (*command[1:], *arguments)]
    return [sys.executable, *rest]


def run_container(
    command: Sequence[str],
    arguments: Sequence[str],
    environment: Sequence[Mapping[str, str]],
    executor_input: Mapping[str, Any],
    log_uri: str,
) -> None:
    """Runs a container's command and waits for its end.

    It runs in an empty folder, so that it finds installed code only, as in an image.

    Args:
        command: The container's command.
        arguments: The container's arguments.
        environment: The container's variables, each with `name` and `value`.
        executor_input: The `ExecutorInput` of the task.
        log_uri: Where to write what it prints.

    Raises:
        ContainerError: If it could not be started or ended with an error.
        PlaceholderError: If a placeholder refers to nothing.
    """
    line = command_line(command, arguments, executor_input)
    variables = {**os.environ, **{item["name"]: item.get("value", "") for item in environment}}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                line, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise ContainerError(
                f"its command could not be started: {error.strerror} "
                f"({sum(map(len, line)):,} characters of arguments)"
            ) from error
        try:
            code = process.wait()
        finally:
            # Without this, an interrupt would leave the container running.
            if process.poll() is None:
                process.kill()
                process.wait()
            output.seek(0)
            log = output.read().decode(errors="replace")
            _write(log_uri, log)
    if code:
        ending = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        raise ContainerError(f"its command {ending}", _log_end(log))


def _log_end(log: str) -> str:
    # TFX logs whole configs in one line.
    return "\n".join(
        line if len(line) <= _LOG_LINE_LENGTH else f"{line[: _LOG_LINE_LENGTH - 3]}..."
        for line in log.splitlines()[-_LOG_LINES:]
    )


def _write(uri: str, text: str) -> None:
    from tfx.dsl.io import fileio

    fileio.makedirs(os.path.dirname(uri))
    with fileio.open(uri, "w") as file:
        file.write(text)
