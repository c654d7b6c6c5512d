"""`compile` and `submit`, as far as they go without a cloud."""

import json

import pytest

from tfx_retrieval import demo
from tfx_retrieval.pipelines.vertex import spec

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


def test_compile_names_a_place_that_cannot_be_written_at_once(invoke, tmp_path) -> None:
    (tmp_path / "file").write_text("")

    done = invoke(
        *("compile", *CONFIGS, *PLACES, "--data", "gs://bucket/rows"),
        *("--output", tmp_path / "file" / "job.json"),
    )

    assert done.exit_code == 2
    assert "file, which is a file" in done.stderr
    assert "Compiling" not in done.stderr


def test_compile_refuses_a_local_root_and_writes_nothing(invoke, tmp_path) -> None:
    done = invoke(
        *("compile", *CONFIGS, "--data", "gs://bucket/rows", "--pipeline-root", tmp_path),
        *("--image", "europe-docker.pkg.dev/p/i/x:1", "--output", tmp_path / "job.json"),
    )

    assert done.exit_code == 2
    assert "gs://" in done.stderr
    assert list(tmp_path.iterdir()) == []


def compiled(invoke, tmp_path, *options):
    output = tmp_path / "job.json"
    done = invoke("compile", *CONFIGS, *PLACES, "--output", output, *options)
    assert done.exit_code == 0, done.stderr
    return spec.load_job(str(output))


def test_compile_reads_bigquery(invoke, tmp_path) -> None:
    job = compiled(
        invoke,
        tmp_path,
        *("--data", "bq://some-project.shop.orders", "--bigquery-location", "EU"),
        *("--maximum-bytes-billed", "1000000"),
    )

    assert job.parameter_definitions["table"]["defaultValue"] == "some-project.shop.orders"
    given = job.tasks["InteractionExampleGen"]["inputs"]["parameters"]
    assert given["table"] == {"componentInputParameter": "table"}
    assert given["location"]["runtimeValue"]["constant"] == "EU"
    assert given["maximum_bytes_billed"]["runtimeValue"]["constant"] == 1000000


def test_compile_reads_a_query_from_a_file(invoke, tmp_path) -> None:
    sql = "SELECT *\nFROM shop.orders WHERE day >= @since"
    (tmp_path / "orders.sql").write_text(sql)
    parameters = '{"since": {"type": "DATE", "value": "2026-01-01"}}'

    job = compiled(
        invoke,
        tmp_path,
        *("--query", f"@{tmp_path}/orders.sql", "--query-parameters", parameters),
        *("--bigquery-project", "some-project"),
    )

    given = job.tasks["InteractionExampleGen"]["inputs"]["parameters"]
    assert given["query"]["runtimeValue"]["constant"] == sql
    assert given["query_parameters"] == {"componentInputParameter": "query_parameters"}
    assert job.parameter_definitions["query_parameters"]["defaultValue"] == parameters


def test_compile_adds_an_export_and_a_warm_start(invoke, tmp_path) -> None:
    job = compiled(
        invoke,
        tmp_path,
        *("--data", "gs://bucket/day-{SPAN}/*", "--warm-start"),
        *("--embeddings-table", "some-project.shop.vectors"),
    )

    export = job.tasks["EmbeddingExporter"]["inputs"]
    assert export["parameters"]["bigquery_table"]["runtimeValue"]["constant"] == (
        "some-project.shop.vectors"
    )
    assert job.parameter_definitions["run_date"]["defaultValue"] == "today"
    assert "model_blessing" in export["artifacts"]
    assert "LatestBlessedModel-model-resolver" in job.tasks
    # A pattern is no folder that another run could replace.
    assert "data" not in job.parameter_definitions


def test_compile_chooses_machines_and_dataflow(invoke, tmp_path) -> None:
    job = compiled(
        invoke,
        tmp_path,
        *("--data", "gs://bucket/rows", "--machine", "TwoTowerTrainer=n1-standard-8"),
        *("--accelerator", "TwoTowerTrainer=NVIDIA_TESLA_T4"),
        *("--machine", "InteractionExampleGen=n1-highmem-4"),
        *("--dataflow-project", "some-project", "--dataflow-region", "europe-west4"),
    )

    def container(task):
        return job.executor_of(task)["container"]

    assert container("TwoTowerTrainer")["resources"] == {
        "cpuLimit": 8.0,
        "memoryLimit": 30.0,
        "accelerator": {"type": "NVIDIA_TESLA_T4", "count": "1"},
    }
    assert container("InteractionExampleGen")["resources"] == {
        "cpuLimit": 4.0,
        "memoryLimit": 26.0,
    }
    for task in ("InteractionExampleGen", "Transform"):
        arguments = container(task)["args"]
        assert "--runner=DataflowRunner" in arguments
        assert "--temp_location=gs://bucket/root/beam/temp" in arguments
    engine = job.tasks["InteractionExampleGen"]["inputs"]["parameters"]["engine"]
    assert engine["runtimeValue"]["constant"] == "beam"


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ([], ["--data, --query", "neither"]),
        (["--data", "gs://bucket/rows", "--machine", "TwoTower=n1-highmem-8"], ["TwoTowerTrainer"]),
        (["--data", "gs://bucket/rows", "--machine", "TwoTowerTrainer=big"], ["machine type"]),
        (["--data", "gs://bucket/rows", "--dataflow-project", "p"], ["--dataflow-region"]),
        (["--data", "bq://a"], ["--data bq://a\n", "PROJECT.DATASET.TABLE"]),
        (["--query", "SELECT 1", "--query-parameters", "{"], ["--query-parameters\n", "no JSON"]),
        (["--query", "@absent.sql"], ["--query @absent.sql"]),
        (
            [
                *("--data", "gs://bucket/rows", "--query-parameters", "{}"),
                *("--bigquery-location", "EU"),
            ],
            ["--query-parameters", "--bigquery-location"],
        ),
        (["--data", "gs://bucket/rows", "--check"], ["--check needs --sample"]),
        (["--data", "gs://bucket/rows", "--check", "--sample", "absent.csv"], ["absent.csv"]),
        (["--data", "gs://bucket/rows", "--embeddings-table", "x"], ["project.dataset.table"]),
    ],
)
def test_compile_names_what_is_wrong(invoke, tmp_path, options, messages) -> None:
    done = invoke("compile", *CONFIGS, *PLACES, "--output", tmp_path / "job.json", *options)

    assert done.exit_code == 2
    assert all(message in done.stderr for message in messages), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-runs", "3"], "--max-runs\n  expected a schedule (--cron) beside it"),
        (["--cron", "0 3 * * *", "--wait"], "--wait\n  expected a single job to follow"),
        (["--parameter", "epochs"], "NAME=VALUE"),
        (["--label", "a=1", "--label", "a=2"], "a for a second time"),
        ([], "job.json"),
    ],
)
def test_submit_names_what_is_wrong(invoke, tmp_path, options, message) -> None:
    done = invoke("submit", tmp_path / "job.json", *options)

    assert done.exit_code == 2
    assert message in done.stderr


def test_submit_names_everything_that_is_wrong_at_once(invoke, tmp_path) -> None:
    compiled(invoke, tmp_path, "--data", "gs://bucket/rows")

    done = invoke(
        *("submit", tmp_path / "job.json", "--project", "Some Project", "--region", "europe"),
        *("--parameter", "epoch=3", "--parameter", "batch_size=many", "--parameter", "data"),
        *("--parameter", "learning_rate=-1", "--label", "Team=shop", "--label", "x"),
        *("--cron", "0 25 * * *", "--wait", "--start-time", "soon", "--max-runs", "0"),
    )

    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert [line.removeprefix("error: ") for line in lines if line.startswith("error: ")] == [
        "--parameter data",
        "--label x",
        "--wait",
        "parameter 'batch_size'",
        "parameter 'learning_rate'",
        "parameter 'epoch'",
        "--project",
        "--region",
        "--label Team",
        "--cron: hour",
        "--start-time",
        "--max-runs",
    ]
    assert "  Did you mean 'epochs'?" in lines
    assert lines[-1] == "12 problems"


def test_submit_names_wrong_options_beside_a_missing_file(invoke, tmp_path) -> None:
    done = invoke("submit", tmp_path / "job.json", "--region", "europe", "--label", "Team=shop")

    assert done.exit_code == 2
    assert "job.json\n  expected a file from" in done.stderr
    assert "--region" in done.stderr
    assert "--label Team" in done.stderr
