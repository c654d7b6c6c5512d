"""Reads a compiled pipeline job (KFP pipeline spec 2.1, JSON); needs neither TFX nor KFP."""

from __future__ import annotations

import dataclasses
import heapq
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_retrieval.errors import InputError, Problem

# One line of the YAML schema that stands in the spec for each artifact type.
_TITLE = re.compile(r"^title:\s*['\"]?([^'\"\s]+)['\"]?\s*$", re.MULTILINE)

PARAMETER_TYPES: Mapping[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


@dataclasses.dataclass(frozen=True)
class PipelineJob:
    """A compiled pipeline job.

    Attributes:
        source: Where it was read from, for messages.
        document: The whole document.
    """

    source: str
    document: Mapping[str, Any]

    @property
    def spec(self) -> Mapping[str, Any]:
        """The pipeline spec."""
        return self.document["pipelineSpec"]

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.spec["pipelineInfo"]["name"]

    @property
    def root(self) -> str:
        """The pipeline root that was set at compile time, or an empty string."""
        return self.document.get("runtimeConfig", {}).get("gcsOutputDirectory", "")

    @property
    def tasks(self) -> Mapping[str, Any]:
        """Tasks by name."""
        return self.spec.get("root", {}).get("dag", {}).get("tasks", {})

    @property
    def components(self) -> Mapping[str, Any]:
        """Component definitions by name."""
        return self.spec.get("components", {})

    @property
    def executors(self) -> Mapping[str, Any]:
        """Executor definitions by label."""
        return self.spec.get("deploymentSpec", {}).get("executors", {})

    @property
    def parameter_definitions(self) -> Mapping[str, Any]:
        """Definitions of the parameters of a run, by name."""
        definitions = self.spec.get("root", {}).get("inputDefinitions", {})
        return definitions.get("parameters", {})

    def with_parameters(self, values: Mapping[str, Any]) -> PipelineJob:
        """Returns the same job with these values of its parameters."""
        config = {**self.document.get("runtimeConfig", {}), "parameterValues": dict(values)}
        return PipelineJob(self.source, {**self.document, "runtimeConfig": config})

    def component_of(self, task: str) -> Mapping[str, Any]:
        """Returns the component definition of a task."""
        return self.components[self.tasks[task]["componentRef"]["name"]]

    def executor_of(self, task: str) -> Mapping[str, Any]:
        """Returns the executor definition of a task."""
        return self.executors[self.component_of(task)["executorLabel"]]


def parse_job(text: str, source: str) -> PipelineJob:
    """Parses a compiled pipeline job.

    Args:
        text: JSON.
        source: Where it comes from, for messages.

    Returns:
        The job.

    Raises:
        InputError: If it is not JSON, or no pipeline job, or of another schema version.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            Problem(f"{source}: line {error.lineno}", error.msg, "JSON from 'compile'")
        ) from error
    expected = "a pipeline job from 'tfx-retrieval compile'"
    if not isinstance(document, dict) or not isinstance(document.get("pipelineSpec"), dict):
        raise InputError(Problem(f"{source}: $.pipelineSpec", "nothing", expected))
    spec = document["pipelineSpec"]
    version = str(spec.get("schemaVersion", ""))
    if not version.startswith("2.1"):
        raise InputError(Problem(f"{source}: $.pipelineSpec.schemaVersion", repr(version), "2.1.0"))
    if not isinstance(spec.get("pipelineInfo", {}).get("name"), str):
        raise InputError(Problem(f"{source}: $.pipelineSpec.pipelineInfo.name", "nothing", "text"))
    return PipelineJob(source, document)


def load_job(path: str) -> PipelineJob:
    """Reads a compiled pipeline job from a local file or any file system that TFX knows.

    Args:
        path: The file.

    Returns:
        The job.

    Raises:
        InputError: If there is no such file, or it holds something else.
    """
    try:
        text = _read(path)
    except OSError as error:
        raise InputError(
            Problem(path, "no readable file", "a file from 'tfx-retrieval compile'")
        ) from error
    return parse_job(text, path)


def _read(path: str) -> str:
    if "://" not in path:
        with open(path, encoding="utf-8") as file:
            return file.read()
    # Only a remote file needs TFX's file systems, whose import costs seconds.
    from tfx.dsl.io import fileio

    with fileio.open(path, "r") as file:
        return file.read()


def type_title(schema: Mapping[str, Any]) -> str:
    """Returns the title of an artifact type schema, such as `tfx.Examples`.

    Args:
        schema: An `ArtifactTypeSchema` with `schemaTitle` or `instanceSchema`.

    Returns:
        The title; an empty string if there is none.
    """
    if "schemaTitle" in schema:
        return schema["schemaTitle"]
    match = _TITLE.search(schema.get("instanceSchema", ""))
    return match[1] if match else ""


def producers(task: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the tasks that a task waits for.

    Args:
        task: A task spec.

    Yields:
        The JSON path below the task and the name of the task that stands there.
    """
    for name in task.get("dependentTasks", ()):
        yield "dependentTasks", name
    inputs = task.get("inputs", {})
    for key, value in inputs.get("artifacts", {}).items():
        if "taskOutputArtifact" in value:
            yield f"inputs.artifacts.{key}", value["taskOutputArtifact"]["producerTask"]
    for key, value in inputs.get("parameters", {}).items():
        if "taskOutputParameter" in value:
            yield f"inputs.parameters.{key}", value["taskOutputParameter"]["producerTask"]


def topological_order(tasks: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Orders tasks so that each comes after those it waits for; by name where that leaves a choice.

    Args:
        tasks: Task specs by name. Producers that are no tasks are passed over.

    Returns:
        The order, and the tasks left over because they wait for each other.
    """
    waits_for = {
        name: {producer for _, producer in producers(task) if producer in tasks}
        for name, task in tasks.items()
    }
    waiting: dict[str, list[str]] = {name: [] for name in tasks}
    for name, names in waits_for.items():
        for producer in names:
            waiting[producer].append(name)
    missing = {name: len(names) for name, names in waits_for.items()}
    ready = sorted(name for name, count in missing.items() if count == 0)
    order: list[str] = []
    while ready:
        name = heapq.heappop(ready)
        order.append(name)
        for consumer in waiting[name]:
            missing[consumer] -= 1
            if missing[consumer] == 0:
                heapq.heappush(ready, consumer)
    return order, sorted(set(tasks) - set(order))
