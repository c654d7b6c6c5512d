"""What the offline Vertex remembers between runs: artifacts and finished executions.

Stands in for Vertex ML Metadata, as far as TFX pipelines ask anything of it.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_retrieval.pipelines.vertex.spec import type_title

_CLAUSE = re.compile(
    r"schema_title=\"(?P<title>[^\"]+)\""
    r"|state=(?P<state>\w+)"
    r"|metadata\.(?P<key>\w+)\.number_value=(?P<number>-?\d+(?:\.\d+)?)"
    r"|name=\"(?P<name>[^\"]*)\""
)
_NAME_PREFIX = "projects/offline/locations/local/metadataStores/default/artifacts/"


class FilterError(ValueError):
    """A resolver's filter has a clause that TFX does not write."""


@dataclasses.dataclass(frozen=True)
class ArtifactRecord:
    """An artifact as the metadata store knows it.

    Attributes:
        name: Resource name; unique in the store.
        uri: Where its content is.
        type_schema: The type, as it stands in the compiled pipeline.
        metadata: Properties and custom properties; numbers are floats, as in JSON.
        pipeline: Name of the pipeline that made it.
        sequence: Rank by creation; a later artifact has a higher one.
    """

    name: str
    uri: str
    type_schema: Mapping[str, Any]
    metadata: Mapping[str, Any]
    pipeline: str
    sequence: int

    @property
    def title(self) -> str:
        """Title of the artifact's type, such as `tfx.Model`."""
        return type_title(self.type_schema)

    def to_runtime(self) -> dict[str, Any]:
        """Returns the `RuntimeArtifact` that a container is given."""
        return {
            "name": self.name,
            "uri": self.uri,
            "type": dict(self.type_schema),
            "metadata": dict(self.metadata),
        }


@dataclasses.dataclass(frozen=True)
class ExecutionRecord:
    """A finished execution of a task.

    Attributes:
        fingerprint: Hash of all that the outcome depends on.
        outputs: Names of the artifacts by output key.
        parameters: Output parameters by name.
        written: Names of the artifacts that had content; some have properties alone.
    """

    fingerprint: str
    outputs: Mapping[str, Sequence[str]]
    parameters: Mapping[str, Any]
    written: Sequence[str]


class OfflineStore:
    """Artifacts and executions of all runs below one root, kept in one JSON file."""

    def __init__(self, path: str):
        """Opens a store.

        Args:
            path: The file; read if it exists. Any file system that TFX knows.
        """
        from tfx.dsl.io import fileio

        self._path = path
        self._artifacts: dict[str, ArtifactRecord] = {}
        self._executions: dict[str, ExecutionRecord] = {}
        self._runs = 0
        self._sequence = 0
        if fileio.exists(path):
            with fileio.open(path, "r") as file:
                content = json.loads(file.read())
            self._runs = content["runs"]
            self._sequence = content["sequence"]
            for item in content["artifacts"]:
                self._artifacts[item["name"]] = ArtifactRecord(**item)
            for item in content["executions"]:
                self._executions[item["fingerprint"]] = ExecutionRecord(**item)

    def save(self) -> None:
        """Writes the store to its file."""
        from tfx.dsl.io import fileio

        content = {
            "runs": self._runs,
            "sequence": self._sequence,
            "artifacts": [dataclasses.asdict(item) for item in self._artifacts.values()],
            "executions": [dataclasses.asdict(item) for item in self._executions.values()],
        }
        partial = f"{self._path}.partial"
        with fileio.open(partial, "w") as file:
            file.write(json.dumps(content, indent=1, sort_keys=True))
        fileio.rename(partial, self._path, overwrite=True)

    def new_run(self) -> int:
        """Returns the number of a new run."""
        self._runs += 1
        return self._runs

    def next_sequence(self) -> int:
        """Returns a number higher than all it returned before."""
        self._sequence += 1
        return self._sequence

    def draft(
        self, uri: str, type_schema: Mapping[str, Any], metadata: Mapping[str, Any], pipeline: str
    ) -> ArtifactRecord:
        """Returns a new artifact that no query finds until it is added."""
        sequence = self.next_sequence()
        return ArtifactRecord(
            f"{_NAME_PREFIX}{sequence}", uri, type_schema, metadata, pipeline, sequence
        )

    def add(self, artifact: ArtifactRecord) -> None:
        """Adds an artifact, or replaces the one of the same name."""
        self._artifacts[artifact.name] = artifact

    def get(self, name: str) -> ArtifactRecord:
        """Returns the artifact of a name."""
        return self._artifacts[name]

    def find(self, text: str, pipeline: str) -> list[ArtifactRecord]:
        """Returns the newest artifact that a resolver's filter describes.

        Args:
            text: The filter, without placeholders.
            pipeline: Only artifacts of this pipeline are looked at.

        Returns:
            One artifact, or none.

        Raises:
            FilterError: If the filter has a clause that TFX does not write.
        """
        clauses = []
        for part in text.split(" AND "):
            match = _CLAUSE.fullmatch(part.strip())
            if match is None:
                raise FilterError(f"{part.strip()!r} in {text!r}")
            clauses.append(match)
        found = [
            artifact
            for artifact in self._artifacts.values()
            if artifact.pipeline == pipeline and all(_holds(clause, artifact) for clause in clauses)
        ]
        return sorted(found, key=lambda artifact: artifact.sequence)[-1:]

    def find_imported(
        self, uri: str, type_schema: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> ArtifactRecord | None:
        """Returns the newest artifact with this URI, type and metadata, if there is one."""
        wanted = (uri, dict(type_schema), dict(metadata))
        found = [
            artifact
            for artifact in self._artifacts.values()
            if (artifact.uri, dict(artifact.type_schema), dict(artifact.metadata)) == wanted
        ]
        return max(found, key=lambda artifact: artifact.sequence, default=None)

    def cached(self, fingerprint: str) -> ExecutionRecord | None:
        """Returns the finished execution of a fingerprint, if its artifacts are still there."""
        record = self._executions.get(fingerprint)
        if record is None or not all(map(self._is_written, record.written)):
            return None
        return record

    def remember(
        self,
        fingerprint: str,
        outputs: Mapping[str, Sequence[ArtifactRecord]],
        parameters: Mapping[str, Any],
    ) -> None:
        """Adds the artifacts of a finished execution, and the execution."""
        for group in outputs.values():
            for artifact in group:
                self.add(artifact)
        names = {key: [artifact.name for artifact in group] for key, group in outputs.items()}
        written = [name for group in names.values() for name in group if self._is_written(name)]
        self._executions[fingerprint] = ExecutionRecord(fingerprint, names, parameters, written)

    def _is_written(self, name: str) -> bool:
        from tfx.dsl.io import fileio

        return fileio.exists(self._artifacts[name].uri)


def _holds(clause: re.Match[str], artifact: ArtifactRecord) -> bool:
    if clause["title"] is not None:
        return artifact.title == clause["title"]
    if clause["state"] is not None:
        # Every artifact in the store is of a finished task.
        return clause["state"] == "LIVE"
    if clause["key"] is not None:
        value = artifact.metadata.get(clause["key"])
        return isinstance(value, (int, float)) and float(value) == float(clause["number"])
    return artifact.name == clause["name"]
