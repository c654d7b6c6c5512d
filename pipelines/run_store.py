"""Reads what the runs of a pipeline left in its metadata store; imports no TFX."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

_OUTPUT_EVENTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INTERNAL_OUTPUT)
_FINISHED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "done",
    metadata_store_pb2.Execution.CACHED: "reused",
    metadata_store_pb2.Execution.FAILED: "failed",
}


@dataclasses.dataclass(frozen=True)
class Step:
    """The latest execution of one component.

    Attributes:
        component: The component's id.
        state: `done`, `reused`, `failed` or `unfinished`.
        seconds: Time from its start to its end.
        reads: Ids of the components whose outputs it read, in alphabetical order.
        outputs: URI of each output artifact by output key; several by one key in order.
    """

    component: str
    state: str
    seconds: float
    reads: tuple[str, ...]
    outputs: dict[str, tuple[str, ...]]


class RunStore:
    """Finds the latest executions of each node and what they left."""

    def __init__(self, path: str | os.PathLike[str]):
        """Names the store; it is opened with each question, so runners can write meanwhile.

        Args:
            path: SQLite file of the metadata store.
        """
        self._path = os.fspath(path)

    def steps(self) -> list[Step]:
        """Returns the latest execution of each node, in the order in which they started."""
        store = self._open()
        latest = self._latest(store, lambda execution: True)
        identifiers = [execution.id for execution in latest.values()]
        events = store.get_events_by_execution_ids(identifiers) if identifiers else []
        artifacts = store.get_artifacts_by_id(sorted({event.artifact_id for event in events}))
        uris = {artifact.id: artifact.uri for artifact in artifacts}
        nodes = {execution.id: node for node, execution in latest.items()}
        makers = {
            event.artifact_id: nodes[event.execution_id]
            for event in events
            if event.type in _OUTPUT_EVENTS
        }
        started = sorted(latest.items(), key=lambda item: item[1].create_time_since_epoch)
        return [_step(node, execution, events, uris, makers) for node, execution in started]

    def artifact(self, node: str, key: str) -> metadata_store_pb2.Artifact:
        """Returns an output artifact of a node's latest finished execution.

        Args:
            node: Id of the node.
            key: Key of the output.

        Raises:
            LookupError: The node has not finished, or has no such output.
        """
        store = self._open()
        execution = self._finished(store, [node])[node]
        ids = [
            event.artifact_id
            for event in store.get_events_by_execution_ids([execution.id])
            if event.type in _OUTPUT_EVENTS and event.path.steps[0].key == key
        ]
        if not ids:
            raise LookupError(f"node {node} of {self._path} has no output {key!r}")
        return store.get_artifacts_by_id(ids)[-1]

    def artifact_uri(self, node: str, key: str) -> str:
        """Returns the URI of an output artifact; see `artifact`."""
        return self.artifact(node, key).uri

    def read_json(self, node: str, key: str, file_name: str) -> Any:
        """Returns the content of a JSON file within an output artifact."""
        from tfx.dsl.io import fileio

        with fileio.open(os.path.join(self.artifact_uri(node, key), file_name), "rb") as file:
            return json.loads(file.read())

    def is_blessed(self, node: str) -> bool:
        """Returns whether the `blessing` of a node is one."""
        return self.artifact(node, "blessing").custom_properties["blessed"].int_value == 1

    def timings(self, nodes: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """Returns state and seconds of the latest finished execution of each node.

        Args:
            nodes: Ids of the nodes; by default all that ever finished.

        Raises:
            LookupError: One of `nodes` has not finished.
        """
        timings = {}
        for node, execution in self._finished(self._open(), nodes).items():
            state = _STATES[execution.last_known_state]
            seconds = 0.0 if state == "reused" else _seconds(execution)
            timings[node] = {"seconds": seconds, "state": state}
        return timings

    def _open(self) -> metadata_store.MetadataStore:
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = self._path
        config.sqlite.connection_mode = config.sqlite.READONLY
        return metadata_store.MetadataStore(config)

    def _finished(
        self, store: metadata_store.MetadataStore, nodes: Iterable[str] | None
    ) -> dict[str, metadata_store_pb2.Execution]:
        found = self._latest(store, lambda execution: execution.last_known_state in _FINISHED)
        wanted = list(found) if nodes is None else list(nodes)
        missing = [node for node in wanted if node not in found]
        if missing:
            raise LookupError(f"node {missing[0]} has not finished in {self._path}")
        return {node: found[node] for node in wanted}

    def _latest(
        self,
        store: metadata_store.MetadataStore,
        counts: Callable[[metadata_store_pb2.Execution], bool],
    ) -> dict[str, metadata_store_pb2.Execution]:
        """Returns the newest execution that counts of each node, by node id."""
        latest = {}
        for context in store.get_contexts_by_type("node"):
            executions = filter(counts, store.get_executions_by_context(context.id))
            newest = max(executions, key=lambda execution: execution.id, default=None)
            if newest is not None:
                # TFX names a node's context `<pipeline>.<node>`; a pipeline's name has no dot.
                latest[context.name.split(".", 1)[-1]] = newest
        return latest


def _step(
    node: str,
    execution: metadata_store_pb2.Execution,
    events: Sequence[metadata_store_pb2.Event],
    uris: Mapping[int, str],
    makers: Mapping[int, str],
) -> Step:
    own = [event for event in events if event.execution_id == execution.id]
    outputs: dict[str, list[str]] = {}
    for event in own:
        if event.type in _OUTPUT_EVENTS:
            outputs.setdefault(event.path.steps[0].key, []).append(uris[event.artifact_id])
    reads = {
        makers[event.artifact_id]
        for event in own
        if event.type not in _OUTPUT_EVENTS and event.artifact_id in makers
    }
    return Step(
        component=node,
        state=_STATES.get(execution.last_known_state, "unfinished"),
        seconds=_seconds(execution),
        reads=tuple(sorted(reads)),
        outputs={key: tuple(found) for key, found in outputs.items()},
    )


def _seconds(execution: metadata_store_pb2.Execution) -> float:
    elapsed = execution.last_update_time_since_epoch - execution.create_time_since_epoch
    return elapsed / 1000
