"""What the offline Vertex reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx_retrieval.pipelines.vertex.offline_store import ArtifactRecord

RUNNING = "running"
SUCCEEDED = "succeeded"
CACHED = "cached"
SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True)
class TaskEvent:
    """What `on_task` is told when a task starts and when it ends.

    Attributes:
        task: The task's name.
        state: `running`, `succeeded`, `cached` or `skipped`.
        number: Rank of the task in the run, from 1.
        total: Number of tasks.
        seconds: How long it took; 0 at its start.
    """

    task: str
    state: str
    number: int
    total: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """The outcome of a task.

    Attributes:
        state: `succeeded`, `cached` or `skipped`.
        seconds: How long it took.
        log: File with what its containers printed; empty if none ran.
        outputs: Artifacts by output key.
        parameters: Output parameters by name.
    """

    state: str
    seconds: float = 0.0
    log: str = ""
    outputs: Mapping[str, tuple[ArtifactRecord, ...]] = dataclasses.field(default_factory=dict)
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class OfflineResult:
    """The outcome of a run.

    Attributes:
        tasks: Outcomes by task, in the order of the run.
        folder: The folder of the run.
        notes: Where the run differed from one on Vertex AI.
    """

    tasks: Mapping[str, TaskResult]
    folder: str
    notes: tuple[str, ...] = ()

    @property
    def artifacts(self) -> Mapping[tuple[str, str], ArtifactRecord]:
        """Artifacts by task and output key."""
        return {
            (name, key): artifacts[0]
            for name, task in self.tasks.items()
            for key, artifacts in task.outputs.items()
            if artifacts
        }


class TaskFailedError(RuntimeError):
    """A task failed; says which and shows the end of its log.

    Attributes:
        task: The task's name.
        log: File with all that its containers printed; empty if none ran.
    """

    def __init__(self, task: str, reason: str, log: str = "", log_end: str = ""):
        """Takes the task, a clause that goes on from its name, and its log."""
        self.task = task
        self.log = log
        text = f"task {task} failed: {reason}"
        if log_end:
            indented = "\n".join(f"  | {line}" for line in log_end.splitlines())
            text = f"{text}; its log ends:\n{indented}\nAll of it is in {log}"
        super().__init__(text)
