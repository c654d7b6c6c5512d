"""`compile` and `submit`, as far as they go without a cloud."""

import json

import pytest

from tfx_retrieval import demo

CONFIGS = ("--features", demo.FEATURES, "--model", demo.MODEL)
PLACES = ("--pipeline-root", "gs://bucket/root", "--image", "europe-docker.pkg.dev/p/i/x:1")


def test_compile_writes_a_job_whose_training_options_and_table_can_change(invoke, tmp_path) -> None:
    output = tmp_path / "job.json"

    done = invoke(*("compile", *CONFIGS, *PLACES, "--data", "gs://bucket/rows", "--output", output))

    assert done.exit_code == 0, done.stderr
    job = json.loads(output.read_text())
    assert set(job["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]) == {
        *("data", "epochs", "batch_size", "learning_rate"),
    }
    assert job["pipelineSpec"]["pipelineInfo"]["name"] == "online-retail"


def test_compile_fixes_a_table_that_is_one_file(invoke, tmp_path) -> None:
    output = tmp_path / "job.json"

    done = invoke(
        *("compile", *CONFIGS, *PLACES, "--data", "gs://bucket/rows.parquet", "--output", output),
        *("--name", "shop", "--serving-model-dir", "gs://bucket/serving", "--split", "temporal"),
    )

    assert done.exit_code == 0, done.stderr
    text = output.read_text()
    assert "rows.parquet" in text
    assert "gs://bucket/serving" in text
    assert "data" not in json.loads(text)["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]


def test_compile_refuses_a_local_root_and_writes_nothing(invoke, tmp_path) -> None:
    done = invoke(
        *("compile", *CONFIGS, "--data", "gs://bucket/rows", "--pipeline-root", tmp_path),
        *("--image", "europe-docker.pkg.dev/p/i/x:1", "--output", tmp_path / "job.json"),
    )

    assert done.exit_code == 2
    assert "gs://" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-runs", "3"], "need --cron"),
        (["--cron", "0 3 * * *", "--wait"], "--wait follows one job"),
        (["--parameter", "epochs"], "NAME=VALUE"),
        (["--label", "a=1", "--label", "a=2"], "a for a second time"),
        ([], "job.json"),
    ],
)
def test_submit_names_what_is_wrong(invoke, tmp_path, options, message) -> None:
    done = invoke("submit", tmp_path / "job.json", *options)

    assert done.exit_code == 2
    assert message in done.stderr
