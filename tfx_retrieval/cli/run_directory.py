"""Looks into the folder that a run leaves: metrics, metadata, artifacts."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import TYPE_CHECKING, Any

from tfx_retrieval.errors import InputError, Problem

if TYPE_CHECKING:
    from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
    from tfx_retrieval.proto.model_config_pb2 import ModelConfig

_METRICS = "metrics.json"
_METADATA = "metadata.db"
_REMEDY = "Name the folder that was given to `tfx-retrieval run` as --output."


@dataclasses.dataclass(frozen=True)
class Step:
    """The latest execution of one component.

    Attributes:
        component: The component's id.
        state: `done`, `reused`, `failed` or `unfinished`.
        seconds: Time from its start to its end.
        reads: Ids of the components whose outputs it read, in alphabetical order.
        outputs: Path of each output artifact by output key; several by one key in order.
    """

    component: str
    state: str
    seconds: float
    reads: tuple[str, ...]
    outputs: dict[str, tuple[str, ...]]


class RunDirectory:
    """A folder made by `tfx-retrieval run`.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: pathlib.Path):
        """Opens the folder at `path`.

        Raises:
            InputError: If there is no such folder or no run was made in it.
        """
        self.path = path
        if not path.is_dir():
            received = "a file" if path.exists() else "no such folder"
            raise InputError(Problem(f"--run {path}", received, "a run's folder", _REMEDY))
        if not (path / _METADATA).exists():
            raise InputError(
                Problem(f"--run {path}", f"a folder without {_METADATA}", "a run's folder", _REMEDY)
            )

    def log(self, command: str) -> pathlib.Path:
        """Returns the file for the libraries' output while `command` looks into the run."""
        return self.path / "logs" / f"{command}.log"

    def metrics(self) -> dict[str, Any]:
        """Reads `metrics.json`.

        Raises:
            InputError: If the run did not get as far.
        """
        path = self.path / _METRICS
        if not path.exists():
            raise InputError(
                Problem(
                    str(path),
                    "no such file: the run did not finish",
                    "the metrics of a finished run",
                    f"Run the same `tfx-retrieval run` again; {self.path / 'run.log'} says more.",
                )
            )
        return json.loads(path.read_text(encoding="utf-8"))

    def configs(self) -> tuple[FeatureConfig, ModelConfig]:
        """Returns the configs that the run was made with.

        Raises:
            InputError: If the run did not finish.
        """
        from tfx_retrieval import config

        texts = self.metrics()["config"]
        source = str(self.path / _METRICS)
        return (
            config.parse_feature_config(json.dumps(texts["features"]), source),
            config.parse_model_config(json.dumps(texts["model"]), source),
        )

    def steps(self) -> list[Step]:
        """Returns the latest execution of each component, in the order in which they started."""
        return _MetadataReader(self.path / _METADATA).steps()

    def artifact(self, component: str, output: str) -> pathlib.Path:
        """Returns the folder of a component's latest output artifact.

        Args:
            component: The component's id.
            output: The output's key.

        Raises:
            InputError: If the run did not get as far.
        """
        for step in self.steps():
            if step.component == component and step.outputs.get(output):
                return pathlib.Path(step.outputs[output][-1])
        raise InputError(
            Problem(
                f"--run {self.path}",
                f"no {output} of {component}",
                f"a run in which {component} finished",
                f"Run the same `tfx-retrieval run` again; {self.path / 'run.log'} says more.",
            )
        )


class _MetadataReader:
    """Reads a run's ML Metadata store."""

    def __init__(self, path: pathlib.Path):
        from ml_metadata.metadata_store import metadata_store
        from ml_metadata.proto import metadata_store_pb2

        self._proto = metadata_store_pb2
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(path)
        connection.sqlite.connection_mode = connection.sqlite.READONLY
        self._store = metadata_store.MetadataStore(connection)
        self._outputs = (self._proto.Event.OUTPUT, self._proto.Event.INTERNAL_OUTPUT)

    def steps(self) -> list[Step]:
        """See `RunDirectory.steps`."""
        latest = self._latest_executions()
        identifiers = [execution.id for execution in latest.values()]
        events = self._store.get_events_by_execution_ids(identifiers) if identifiers else []
        artifact_ids = sorted({event.artifact_id for event in events})
        uris = {
            artifact.id: artifact.uri for artifact in self._store.get_artifacts_by_id(artifact_ids)
        }
        names = {execution.id: name for name, execution in latest.items()}
        makers = {
            event.artifact_id: names[event.execution_id]
            for event in events
            if event.type in self._outputs
        }
        steps = [
            self._step(name, execution, events, uris, makers) for name, execution in latest.items()
        ]
        order = {name: execution.create_time_since_epoch for name, execution in latest.items()}
        return sorted(steps, key=lambda step: order[step.component])

    def _latest_executions(self) -> dict[str, Any]:
        """Returns the newest execution of each node, by node id."""
        latest = {}
        for context in self._store.get_contexts_by_type("node"):
            executions = self._store.get_executions_by_context(context.id)
            if executions:
                # TFX names a node's context `<pipeline>.<node>`; a pipeline's name has no dot.
                latest[context.name.split(".", 1)[-1]] = max(
                    executions, key=lambda execution: execution.id
                )
        return latest

    def _step(
        self,
        name: str,
        execution: Any,
        events: list[Any],
        uris: dict[int, str],
        makers: dict[int, str],
    ) -> Step:
        own = [event for event in events if event.execution_id == execution.id]
        outputs: dict[str, list[str]] = {}
        for event in own:
            if event.type in self._outputs:
                outputs.setdefault(event.path.steps[0].key, []).append(uris[event.artifact_id])
        reads = {
            makers[event.artifact_id]
            for event in own
            if event.type not in self._outputs and event.artifact_id in makers
        }
        state = self._proto.Execution.State.Name(execution.last_known_state)
        elapsed = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        return Step(
            component=name,
            state={"COMPLETE": "done", "CACHED": "reused", "FAILED": "failed"}.get(
                state, "unfinished"
            ),
            seconds=elapsed / 1000,
            reads=tuple(sorted(reads)),
            outputs={key: tuple(found) for key, found in outputs.items()},
        )
