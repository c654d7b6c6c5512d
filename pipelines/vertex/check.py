"""Checks a compiled pipeline by running it on a sample, on this machine."""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.pipelines.vertex.offline import run_offline
from tfx_retrieval.pipelines.vertex.offline_result import OfflineResult, TaskEvent


def check_pipeline(
    spec_path: str,
    data: str,
    sample: str,
    *,
    root: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    on_task: Callable[[TaskEvent], None] | None = None,
) -> OfflineResult:
    """Runs every task of a compiled pipeline on this machine, with a sample in place of its data.

    What the pipeline reads from and writes to Cloud Storage, the folder it pushes to included, is
    in a local folder instead; see `offline.run_offline`.

    Args:
        spec_path: A file that `compile.compile_pipeline` wrote.
        data: The table that the pipeline was compiled with, `gs://...`: a folder, or a file.
        sample: A local file with rows of that table; if `data` is a file, in its format.
        root: Folder for artifacts and logs; None takes a temporary one, removed at the end.
        parameters: Values of the pipeline's parameters, such as fewer epochs.
        on_task: Called when a task starts and when it ends.

    Returns:
        The outcome of each task; its artifacts are gone if `root` is None.

    Raises:
        InputError: If a file or a parameter is wrong.
        TaskFailedError: If a task fails.
    """
    problems = []
    if not data.startswith("gs://"):
        problems.append(Problem("data", repr(data), "a path on Cloud Storage, gs://..."))
    if not os.path.isfile(sample):
        problems.append(Problem("sample", repr(sample), "a file of this machine"))
    if problems:
        raise InputError(problems)
    with contextlib.ExitStack() as stack:
        if root is None:
            root = stack.enter_context(tempfile.TemporaryDirectory())
        storage = os.path.join(root, "cloud_storage")
        place = os.path.join(storage, data.removeprefix("gs://").rstrip("/"))
        if not posixpath.splitext(data)[1]:
            place = os.path.join(place, os.path.basename(sample))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        # Unlike copy, this keeps the time of change, by which ExampleGen knows files it has read.
        shutil.copy2(sample, place)
        return run_offline(
            spec_path,
            os.path.join(root, "pipeline_root"),
            parameters,
            on_task,
            cloud_storage=storage,
        )
