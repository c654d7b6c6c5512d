"""An offline Vertex: runs a compiled pipeline on this machine, from the compiled file alone.

Each task runs the way Vertex AI Pipelines runs it: its own container command, in a process of its
own, with a resolved `ExecutorInput`, artifacts below a root that the service assigns, and outputs
read back from `executor_output.json`. Conditions, importers, resolvers, the driver of file-based
ExampleGens and caching are honoured. Left out: images (this Python environment stands in for
them), machine sizes, retries and running tasks side by side.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from tfx_retrieval.pipelines.vertex import conditions
from tfx_retrieval.pipelines.vertex.lint import lint
from tfx_retrieval.pipelines.vertex.lint_imports import executor_class_path
from tfx_retrieval.pipelines.vertex.names import raise_problems
from tfx_retrieval.pipelines.vertex.offline_container import (
    ContainerError,
    PlaceholderError,
    resolve_placeholders,
    run_container,
)
from tfx_retrieval.pipelines.vertex.offline_result import (
    CACHED,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    OfflineResult,
    TaskEvent,
    TaskFailedError,
    TaskResult,
)
from tfx_retrieval.pipelines.vertex.offline_store import (
    ArtifactRecord,
    FilterError,
    OfflineStore,
)
from tfx_retrieval.pipelines.vertex.parameters import resolve_parameters
from tfx_retrieval.pipelines.vertex.spec import (
    PipelineJob,
    load_job,
    producers,
    topological_order,
)

_LOGGER = logging.getLogger("tfx_retrieval.vertex")


def run_offline(
    spec_path: str,
    root: str,
    parameters: Mapping[str, Any] | None = None,
    on_task: Callable[[TaskEvent], None] | None = None,
    *,
    enable_caching: bool | None = None,
    cloud_storage: str | None = None,
) -> OfflineResult:
    """Runs a compiled pipeline on this machine.

    Args:
        spec_path: A file that `compile.compile_pipeline` wrote.
        root: Folder for artifacts, logs and the metadata store; local or on a file system that
            TFX knows. Later runs below the same root find earlier artifacts and executions.
        parameters: Values of the pipeline's parameters for this run.
        on_task: Called when a task starts and when it ends.
        enable_caching: Whether tasks may reuse earlier executions; None keeps what was compiled.
        cloud_storage: Local folder that stands for Cloud Storage: in the parameters of tasks,
            `gs://BUCKET/PATH` becomes `BUCKET/PATH` below it. None leaves such paths as they are.

    Returns:
        The outcome of each task.

    Raises:
        InputError: If the file or a parameter is wrong.
        TaskFailedError: If a task fails; the tasks before it stay in the store.
    """
    from tfx.dsl.io import fileio

    job = load_job(spec_path)
    # Classes are left to the containers that need them, as on Vertex AI.
    raise_problems(lint(job, allow_local_root=True, check_imports=False))
    values = resolve_parameters(job, parameters)
    if "://" not in root:
        root = os.path.abspath(root)
    fileio.makedirs(root)
    store = OfflineStore(os.path.join(root, "metadata.json"))
    folder = os.path.join(root, job.name, f"run-{store.new_run():04d}")
    run = _Run(job, values, store, folder, enable_caching, cloud_storage)
    order, _ = topological_order(job.tasks)
    for number, name in enumerate(order, start=1):
        if on_task is not None:
            on_task(TaskEvent(name, RUNNING, number, len(order), 0.0))
        result = run.run_task(name)
        store.save()
        if on_task is not None:
            on_task(TaskEvent(name, result.state, number, len(order), result.seconds))
        else:
            _LOGGER.info("%s %s in %.1f s", name, result.state, result.seconds)
    return OfflineResult(run.results, folder)


@dataclasses.dataclass
class _Run:
    """One run of a pipeline, task after task."""

    job: PipelineJob
    parameters: Mapping[str, Any]
    store: OfflineStore
    folder: str
    enable_caching: bool | None
    cloud_storage: str | None
    results: dict[str, TaskResult] = dataclasses.field(default_factory=dict)

    def run_task(self, name: str) -> TaskResult:
        """Runs a task whose producers have all run."""
        start = time.monotonic()
        try:
            result = self._run_task(name)
        except (conditions.ConditionError, PlaceholderError, FilterError) as error:
            raise TaskFailedError(name, str(error)) from error
        result = dataclasses.replace(result, seconds=time.monotonic() - start)
        self.results[name] = result
        return result

    def _run_task(self, name: str) -> TaskResult:
        task = self.job.tasks[name]
        if any(self.results[producer].state == SKIPPED for _, producer in producers(task)):
            return TaskResult(SKIPPED)
        inputs = self._input_artifacts(name)
        condition = task.get("triggerPolicy", {}).get("condition")
        if condition is not None and not conditions.evaluate(
            condition,
            {key: [item.to_runtime() for item in items] for key, items in inputs.items()},
        ):
            return TaskResult(SKIPPED)
        executor_input = self._executor_input(name, inputs)
        executor = self.job.executor_of(name)
        if "importer" in executor:
            return self._import(name, executor["importer"], executor_input)
        if "resolver" in executor:
            return self._resolve(executor["resolver"], executor_input)
        if "container" in executor:
            return self._run_container(name, executor["container"], executor_input)
        raise TaskFailedError(name, f"executors of kind {', '.join(executor)} are not supported")

    def _input_artifacts(self, name: str) -> dict[str, tuple[ArtifactRecord, ...]]:
        inputs = {}
        for key, value in self.job.tasks[name].get("inputs", {}).get("artifacts", {}).items():
            source = value["taskOutputArtifact"]
            outputs = self.results[source["producerTask"]].outputs
            inputs[key] = outputs.get(source["outputArtifactKey"], ())
        return inputs

    def _parameter_values(self, name: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        definitions = self.job.component_of(name).get("inputDefinitions", {}).get("parameters", {})
        for key, definition in definitions.items():
            if "defaultValue" in definition:
                values[key] = definition["defaultValue"]
        for key, value in self.job.tasks[name].get("inputs", {}).get("parameters", {}).items():
            if "componentInputParameter" in value:
                values[key] = self.parameters[value["componentInputParameter"]]
            elif "taskOutputParameter" in value:
                source = value["taskOutputParameter"]
                outputs = self.results[source["producerTask"]].parameters
                if source["outputParameterKey"] not in outputs:
                    raise TaskFailedError(
                        name,
                        f"{source['producerTask']} gave no output parameter "
                        f"{source['outputParameterKey']!r}",
                    )
                values[key] = outputs[source["outputParameterKey"]]
            else:
                values[key] = value["runtimeValue"]["constant"]
        return {key: self._stood_in(value) for key, value in values.items()}

    def _stood_in(self, value: Any) -> Any:
        if self.cloud_storage is None or not isinstance(value, str):
            return value
        return value.replace("gs://", os.path.join(os.path.abspath(self.cloud_storage), ""))

    def _executor_input(
        self, name: str, inputs: Mapping[str, tuple[ArtifactRecord, ...]]
    ) -> dict[str, Any]:
        outputs = self.job.component_of(name).get("outputDefinitions", {})
        folder = os.path.join(self.folder, f"{name}_{self.store.next_sequence()}")
        drafts = {
            key: self.store.draft(
                os.path.join(folder, key),
                definition["artifactType"],
                definition.get("metadata", {}),
                self.job.name,
            )
            for key, definition in sorted(outputs.get("artifacts", {}).items())
        }
        return {
            "inputs": {
                "artifacts": {
                    key: {"artifacts": [item.to_runtime() for item in items]}
                    for key, items in inputs.items()
                },
                "parameterValues": self._parameter_values(name),
            },
            "outputs": {
                "artifacts": {
                    key: {"artifacts": [item.to_runtime()]} for key, item in drafts.items()
                },
                "parameters": {
                    key: {"outputFile": os.path.join(folder, key)}
                    for key in sorted(outputs.get("parameters", {}))
                },
                "outputFile": os.path.join(folder, "executor_output.json"),
            },
        }

    def _import(
        self, name: str, importer: Mapping[str, Any], executor_input: Mapping[str, Any]
    ) -> TaskResult:
        (key,) = executor_input["outputs"]["artifacts"]
        # TFX gives the URI twice, as a parameter too; only that one follows runtime parameters.
        uri = executor_input["inputs"]["parameterValues"].get("artifact_uri")
        if uri is None:
            uri = self._stood_in(importer["artifactUri"]["constant"])
        metadata = importer.get("metadata", {})
        known = self.store.find_imported(uri, importer["typeSchema"], metadata)
        if known is None or importer.get("reimport"):
            known = self.store.draft(uri, importer["typeSchema"], metadata, self.job.name)
            self.store.add(known)
        return TaskResult(SUCCEEDED, outputs={key: (known,)})

    def _resolve(
        self, resolver: Mapping[str, Any], executor_input: Mapping[str, Any]
    ) -> TaskResult:
        outputs: dict[str, tuple[ArtifactRecord, ...]] = {}
        empty = [
            key
            for key, value in executor_input["inputs"]["artifacts"].items()
            if not value["artifacts"]
        ]
        for key, query in resolver["outputArtifactQueries"].items():
            # The second step of a search for a blessed model has nothing to go by if the first
            # found no blessing.
            if empty and "{{$" in query["filter"]:
                outputs[key] = ()
                continue
            text = resolve_placeholders(query["filter"], executor_input)
            outputs[key] = tuple(self.store.find(text, self.job.name))
        return TaskResult(SUCCEEDED, outputs=outputs)

    def _run_container(
        self, name: str, container: Mapping[str, Any], executor_input: dict[str, Any]
    ) -> TaskResult:
        output_file = executor_input["outputs"]["outputFile"]
        if "://" not in self.folder:
            # Cloud Storage has no folders to make; here executors would miss them.
            for value in executor_input["outputs"]["artifacts"].values():
                for artifact in value["artifacts"]:
                    os.makedirs(artifact["uri"], exist_ok=True)
        log = os.path.join(os.path.dirname(output_file), "log.txt")
        driver = container.get("lifecycle", {}).get("preCacheCheck")
        if driver is not None:
            self._start(name, driver, container, executor_input, f"{log}.driver")
            produced = _read_output(name, container, output_file)
            executor_input["inputs"]["parameterValues"].update(produced.get("parameterValues", {}))
            _merge_artifacts(executor_input["outputs"]["artifacts"], produced)
        fingerprint = self._fingerprint(name, container, executor_input)
        if self._may_cache(name):
            record = self.store.cached(fingerprint)
            if record is not None:
                outputs = {
                    key: tuple(map(self.store.get, names)) for key, names in record.outputs.items()
                }
                return TaskResult(CACHED, outputs=outputs, parameters=record.parameters)
        self._start(name, container, container, executor_input, log)
        produced = _read_output(name, container, output_file)
        _merge_artifacts(executor_input["outputs"]["artifacts"], produced)
        outputs = {
            key: tuple(_record(item, self.job.name) for item in value["artifacts"])
            for key, value in executor_input["outputs"]["artifacts"].items()
        }
        parameters = produced.get("parameterValues", {})
        self.store.remember(fingerprint, outputs, parameters)
        return TaskResult(SUCCEEDED, log=log, outputs=outputs, parameters=parameters)

    def _start(
        self,
        name: str,
        process: Mapping[str, Any],
        container: Mapping[str, Any],
        executor_input: Mapping[str, Any],
        log: str,
    ) -> None:
        try:
            run_container(
                process.get("command", ()),
                process.get("args", ()),
                container.get("env", ()),
                executor_input,
                log,
            )
        except ContainerError as error:
            raise TaskFailedError(name, str(error), log, error.log) from error

    def _may_cache(self, name: str) -> bool:
        if self.enable_caching is not None:
            return self.enable_caching
        return bool(self.job.tasks[name].get("cachingOptions", {}).get("enableCache"))

    def _fingerprint(
        self, name: str, container: Mapping[str, Any], executor_input: Mapping[str, Any]
    ) -> str:
        content = {
            "container": {key: value for key, value in container.items() if key != "resources"},
            "component": self.job.component_of(name),
            "parameters": executor_input["inputs"]["parameterValues"],
            "inputs": {
                key: [item["name"] for item in value["artifacts"]]
                for key, value in executor_input["inputs"]["artifacts"].items()
            },
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read_output(name: str, container: Mapping[str, Any], uri: str) -> Mapping[str, Any]:
    from tfx.dsl.io import fileio

    if not fileio.exists(uri):
        # Only TFX's entry point owes this file; other containers just write to their URIs.
        if executor_class_path({"container": container}) is None:
            return {}
        raise TaskFailedError(name, f"it ended without writing {uri}")
    with fileio.open(uri, "r") as file:
        return json.loads(file.read())


def _merge_artifacts(outputs: dict[str, Any], produced: Mapping[str, Any]) -> None:
    """Takes over the URIs and metadata that a container reported for its outputs."""
    for key, value in produced.get("artifacts", {}).items():
        if key not in outputs:
            continue
        for artifact, reported in zip(outputs[key]["artifacts"], value["artifacts"], strict=True):
            artifact["uri"] = reported.get("uri", artifact["uri"])
            artifact["metadata"] = {**artifact["metadata"], **reported.get("metadata", {})}


def _record(artifact: Mapping[str, Any], pipeline: str) -> ArtifactRecord:
    name = artifact["name"]
    return ArtifactRecord(
        name,
        artifact["uri"],
        artifact["type"],
        artifact["metadata"],
        pipeline,
        int(name.rpartition("/")[2]),
    )
