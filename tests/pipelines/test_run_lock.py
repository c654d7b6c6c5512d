"""One run at a time in a run directory."""

import os
import subprocess
import sys

import pytest

from tfx_retrieval.errors import InputError
from tfx_retrieval.pipelines import run_lock

HOLDER = """
import pathlib, sys
from tfx_retrieval.pipelines import run_lock
with run_lock.held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_until_the_first_has_ended(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == b"held\n"
        for refused in (run_lock.check, lambda path: run_lock.held(path).__enter__()):
            with pytest.raises(InputError, match=f"process {first.pid} runs a pipeline"):
                refused(tmp_path)
        # However the first run ends.
        first.kill()
        first.wait()
    run_lock.check(tmp_path)
    with run_lock.held(tmp_path):
        assert (tmp_path / run_lock.LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_folder_that_is_not_there_is_free(tmp_path):
    run_lock.check(tmp_path / "run")
    assert not (tmp_path / "run").exists()
