"""Puts work of this machine in place of cloud services in a compiled pipeline, to check the rest.

Executors are named by path here, so that nothing needs to be imported.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tfx_retrieval.pipelines.vertex.lint_imports import executor_class_path
from tfx_retrieval.pipelines.vertex.spec import PipelineJob

_COMPONENTS = "tfx_retrieval.components"
_BIGQUERY_READER = f"{_COMPONENTS}.bigquery_example_gen.executor.Executor"
_FILE_READER = f"{_COMPONENTS}.interaction_example_gen.executor.Executor"
_EXPORTER = f"{_COMPONENTS}.embedding_exporter.executor.Executor"
_CUSTOM_JOB_TRAINER = "tfx_retrieval.pipelines.vertex.custom_training.CustomJobExecutor"
_TRAINER = f"{_COMPONENTS}.two_tower_trainer.executor.Executor"
_BEAM_FLAG = re.compile(r"--\w+=")


def with_stand_ins(
    job: PipelineJob, folder: str, file_name: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Returns a pipeline job that needs no BigQuery, no Dataflow and no custom job.

    Args:
        job: The compiled job.
        folder: Local folder of the table that takes the place of rows in BigQuery.
        file_name: The table's file.

    Returns:
        The job document, and a sentence for each task that was changed.
    """
    document = copy.deepcopy(dict(job.document))
    changed = PipelineJob(job.source, document)
    changes: Mapping[str, Callable[[PipelineJob, str], str | None]] = {
        _BIGQUERY_READER: lambda made, task: _read_file(made, task, folder, file_name),
        _EXPORTER: _load_nothing,
        _CUSTOM_JOB_TRAINER: _train_here,
    }
    notes: list[str | None] = []
    for task in changed.tasks:
        notes.append(_run_beam_here(changed, task))
        change = changes.get(executor_class_path(changed.executor_of(task)) or "")
        if change is not None:
            notes.append(change(changed, task))
    return document, tuple(note for note in notes if note)


def _read_file(job: PipelineJob, task: str, folder: str, file_name: str) -> str:
    _set_executor(job, task, _FILE_READER)
    pattern = json.dumps({"splits": [{"name": "single_split", "pattern": file_name}]})
    definitions = job.component_of(task)["inputDefinitions"]["parameters"]
    given = job.tasks[task]["inputs"]["parameters"]
    for name, value in {"input_base": folder, "input_config": pattern}.items():
        definitions[name] = {"parameterType": "STRING"}
        given[name] = {"runtimeValue": {"constant": value}}
    return f"{task} read the sample in place of BigQuery; the query was not sent"


def _load_nothing(job: PipelineJob, task: str) -> str | None:
    given = job.tasks[task]["inputs"]["parameters"]
    table = given.pop("bigquery_table", None)
    if table is None:
        return None
    return f"{task} wrote its tables as Parquet and loaded nothing into BigQuery"


def _train_here(job: PipelineJob, task: str) -> str:
    _set_executor(job, task, _TRAINER)
    return f"{task} trained on this machine in place of a custom job"


def _run_beam_here(job: PipelineJob, task: str) -> str | None:
    """Takes Beam's arguments off a container that would send its work to a service."""
    container = job.executor_of(task).get("container", {})
    arguments = container.get("args", [])
    runners = [item.partition("=")[2] for item in arguments if item.startswith("--runner=")]
    if not runners or "DirectRunner" in runners:
        return None
    # TFX's own arguments stand first, each flag and its value apart.
    first = next(place for place, item in enumerate(arguments) if _BEAM_FLAG.match(item))
    container["args"] = arguments[:first]
    return f"{task} ran Beam on this machine in place of {runners[-1]}"


def _set_executor(job: PipelineJob, task: str, path: str) -> None:
    arguments = job.executor_of(task)["container"]["args"]
    arguments[arguments.index("--executor_class_path") + 1] = path
