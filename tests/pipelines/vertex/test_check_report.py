"""What `compile --check` shows of a run, and what it leaves."""

from __future__ import annotations

import io
import pathlib

import pytest
import rich.console

from tfx_retrieval import config, demo
from tfx_retrieval.cli import progress, table_options, vertex_job
from tfx_retrieval.pipelines.vertex.offline_result import TaskFailedError


@pytest.fixture
def check(job_builder, tmp_path):
    """Checks the job in `job_builder`; returns its file and what was shown."""
    job_builder.spec["root"]["inputDefinitions"] = {
        "parameters": {"epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 12}}
    }
    sample = tmp_path / "rows.csv"
    sample.write_text("a,b")
    shown = io.StringIO()

    def call():
        path = pathlib.Path(job_builder.write(tmp_path / "job.json"))
        console = rich.console.Console(file=shown, soft_wrap=True)
        options = vertex_job.JobOptions(
            config.read_feature_config(demo.FEATURES),
            config.read_model_config(demo.MODEL),
            "gs://some-bucket/root",
            "image",
            table_options.TableOptions(data="gs://some-bucket/rows.csv"),
        )
        terminal = progress.Terminal(console, tmp_path / "log")
        with progress.Progress(console) as steps:
            vertex_job.check_job(options, str(path), str(sample), terminal, steps)

    return tmp_path / "job.json", shown, call


def test_each_task_is_reported(job_builder, check):
    path, shown, call = check
    job_builder.add_python(
        "Judge",
        """
        assert executor_input["inputs"]["parameterValues"]["epochs"] == 1
        metadata["blessing"] = {"blessed": 0.0}
        """,
        outputs={"blessing": "tfx.ModelBlessing"},
        parameters={"epochs": {"componentInputParameter": "epochs"}},
        types={"epochs": "NUMBER_INTEGER"},
    )
    job_builder.add_python(
        "Push",
        "",
        inputs={"blessing": ("Judge", "blessing", "tfx.ModelBlessing")},
        triggerPolicy={
            "condition": "(inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0)"
        },
    )
    call()
    lines = [line.strip() for line in shown.getvalue().splitlines()]
    assert lines[0] == "[1/2] Judge"
    assert lines[1].startswith("done in")
    assert lines[2] == "[2/2] Push"
    assert "skipped: its condition does not hold" in lines
    assert lines[-1] == "checked: 2 tasks ran as they do on Vertex AI"
    assert path.exists()


def test_a_failed_task_is_shown_and_its_file_removed(job_builder, check):
    path, shown, call = check
    job_builder.add_python("Bad", 'raise RuntimeError("no more memory")')
    with pytest.raises(TaskFailedError):
        call()
    text = shown.getvalue()
    assert "[1/1] Bad" in text
    assert "failed after" in text
    assert "task Bad failed: its command ended with code 1" in text
    assert "RuntimeError: no more memory" in text
    assert not path.exists()
