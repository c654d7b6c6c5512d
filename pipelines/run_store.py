"""Reads what the latest run of a pipeline left in its metadata store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.io import fileio

_OUTPUT_EVENTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INTERNAL_OUTPUT)
_FINISHED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)


class RunStore:
    """Finds the outputs of the latest finished execution of each node."""

    def __init__(self, path: str):
        """Names the store; it is opened with each question, so runners can write meanwhile.

        Args:
            path: SQLite file of the metadata store.
        """
        self._path = path

    def artifact(self, node: str, key: str) -> metadata_store_pb2.Artifact:
        """Returns the output artifact of a node.

        Args:
            node: Id of the node.
            key: Key of the output.

        Raises:
            LookupError: The node has not finished, or has no such output.
        """
        store = self._open()
        execution = self._latest(store, node)
        events = store.get_events_by_execution_ids([execution.id])
        ids = [
            event.artifact_id
            for event in events
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
        with fileio.open(os.path.join(self.artifact_uri(node, key), file_name), "rb") as file:
            return json.loads(file.read())

    def is_blessed(self, node: str) -> bool:
        """Returns whether the `blessing` of a node is one."""
        return self.artifact(node, "blessing").custom_properties["blessed"].int_value == 1

    def timings(self, nodes: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """Returns state and seconds of the latest execution of each node.

        Args:
            nodes: Ids of the nodes; by default all that ever ran.
        """
        store = self._open()
        if nodes is None:
            contexts = store.get_contexts_by_type("node")
            nodes = [context.name.split(".", 1)[-1] for context in contexts]
        timings = {}
        for node in nodes:
            execution = self._latest(store, node)
            elapsed = execution.last_update_time_since_epoch - execution.create_time_since_epoch
            reused = execution.last_known_state == metadata_store_pb2.Execution.CACHED
            timings[node] = {
                "seconds": 0.0 if reused else elapsed / 1000,
                "state": "reused" if reused else "done",
            }
        return timings

    def _open(self) -> metadata_store.MetadataStore:
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = self._path
        config.sqlite.connection_mode = config.sqlite.READONLY
        return metadata_store.MetadataStore(config)

    def _latest(
        self, store: metadata_store.MetadataStore, node: str
    ) -> metadata_store_pb2.Execution:
        executions = [
            execution
            for context in store.get_contexts_by_type("node")
            if context.name.split(".", 1)[-1] == node
            for execution in store.get_executions_by_context(context.id)
            if execution.last_known_state in _FINISHED
        ]
        if not executions:
            raise LookupError(f"node {node} has not finished in {self._path}")
        return max(executions, key=lambda execution: execution.id)
