"""Checks a compiled pipeline by running it on a sample, on this machine."""

from __future__ import annotations

import dataclasses
import json
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.pipelines.vertex.offline import run_offline
from tfx_retrieval.pipelines.vertex.offline_result import (
    OfflineResult,
    TaskEvent,
    TaskFailedError,
)
from tfx_retrieval.pipelines.vertex.spec import load_job
from tfx_retrieval.pipelines.vertex.stand_ins import with_stand_ins

_CLOUD_STORAGE = "gs://"
# What TFX's ExampleGens know of spans, and a value for each.
_SPAN = re.compile(r"\{(?P<name>SPAN|VERSION|YYYY|MM|DD)(?::(?P<width>\d+))?\}")
_SPAN_VALUES = {"SPAN": "1", "VERSION": "1", "YYYY": "2026", "MM": "01", "DD": "01"}


def check_pipeline(
    spec_path: str,
    data: str | None,
    sample: str,
    *,
    root: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    on_task: Callable[[TaskEvent], None] | None = None,
) -> OfflineResult:
    """Runs every task of a compiled pipeline on this machine, with a sample in place of its data.

    What the pipeline reads from and writes to Cloud Storage, the folder it pushes to included, is
    in a local folder instead; see `offline.run_offline`. BigQuery is neither read nor written, and
    no custom job is started: see `stand_ins`.

    Args:
        spec_path: A file that `compile.compile_pipeline` wrote.
        data: The table that the pipeline was compiled with, `gs://...`: a folder, a file or a
            pattern; None if it is in BigQuery.
        sample: A local file with rows of that table.
        root: Folder for artifacts and logs; None takes a temporary one, which is removed at the end
            unless a task fails.
        parameters: Values of the pipeline's parameters, such as fewer epochs.
        on_task: Called when a task starts and when it ends.

    Returns:
        The outcome of each task; its artifacts are gone if `root` is None.

    Raises:
        InputError: If a file or a parameter is wrong.
        TaskFailedError: If a task fails.
    """
    problems = []
    if data is not None and not data.startswith(_CLOUD_STORAGE):
        problems.append(Problem("data", repr(data), "a path on Cloud Storage, gs://..."))
    if not os.path.isfile(sample):
        problems.append(Problem("sample", repr(sample), "a file of this machine"))
    if problems:
        raise InputError(problems)
    job = load_job(spec_path)
    folder = root or tempfile.mkdtemp(prefix="tfx-retrieval-check-")
    keep = root is not None
    try:
        storage = os.path.join(folder, "cloud_storage")
        place = os.path.join(storage, _place(data or f"{_CLOUD_STORAGE}bigquery/", sample))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        # Unlike copy, this keeps the time of change, by which ExampleGen knows files it has read.
        shutil.copy2(sample, place)
        document, notes = with_stand_ins(job, *os.path.split(place))
        checked = os.path.join(folder, "job.json")
        with open(checked, "w", encoding="utf-8") as file:
            json.dump(document, file)
        result = run_offline(
            checked,
            os.path.join(folder, "pipeline_root"),
            parameters,
            on_task,
            cloud_storage=storage,
        )
    except TaskFailedError:
        # The message names a log in it.
        keep = True
        raise
    finally:
        if not keep:
            shutil.rmtree(folder)
    return dataclasses.replace(result, notes=notes)


def _place(data: str, sample: str) -> str:
    """Returns where below a stand-in for Cloud Storage the sample is found as `data`."""
    path = _SPAN.sub(_span_value, data.removeprefix(_CLOUD_STORAGE))
    folder, name = posixpath.split(path)
    if name in ("", "*"):
        name = os.path.basename(sample)
    elif not posixpath.splitext(name)[1] and not re.search(r"[*?\[]", name):
        folder, name = path, os.path.basename(sample)
    return re.sub(r"\[[^\]]+\]|[?*]", _match_of, posixpath.join(folder, name))


def _span_value(match: re.Match[str]) -> str:
    return _SPAN_VALUES[match["name"]].zfill(int(match["width"] or 0))


def _match_of(wildcard: re.Match[str]) -> str:
    """Returns a text that a wildcard of a file pattern matches."""
    text = wildcard[0]
    if text.startswith("["):
        return text[1]
    return "x" if text == "?" else "sample"
