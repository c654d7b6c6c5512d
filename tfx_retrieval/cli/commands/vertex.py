"""`compile` and `submit`: Vertex AI Pipelines."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import click

from tfx_retrieval.cli import data as data_checks
from tfx_retrieval.cli import files, inputs, progress

if TYPE_CHECKING:
    from tfx_retrieval.pipelines.vertex.submit import Progress, Submission

_PATH = click.Path(path_type=pathlib.Path)


@click.command("compile", short_help="Compile the pipeline for Vertex AI.")
@click.option("--features", type=_PATH, required=True, help="FeatureConfig (JSON).")
@click.option("--model", type=_PATH, required=True, help="ModelConfig (JSON).")
@click.option(
    "--data",
    help="Table that a run reads by default: gs://… (a file, a folder, or a pattern, also with "
    "{SPAN} or {YYYY}-{MM}-{DD}), or bq://PROJECT.DATASET.TABLE.",
)
@click.option("--query", help="GoogleSQL that reads the table from BigQuery; @FILE reads a file.")
@click.option("--query-parameters", help="Parameters of the query: a JSON object.")
@click.option("--bigquery-project", "project", help="Project that pays for reading BigQuery.")
@click.option("--bigquery-location", "location", help="Location of the BigQuery data.")
@click.option(
    "--maximum-bytes-billed",
    type=click.IntRange(min=1),
    help="Most that reading BigQuery may cost, in bytes.  [default: 100000000000]",
)
@click.option("--pipeline-root", required=True, help="Folder for artifacts: gs://…")
@click.option("--image", required=True, help="Container image that has this package.")
@click.option("--output", type=_PATH, required=True, help="Pipeline job file to write (.json).")
@click.option("--name", help="Name of the pipeline.  [default: the FeatureConfig's name]")
@click.option(
    "--split",
    type=click.Choice(["random", "temporal", "leave-one-out"]),
    default="random",
    show_default=True,
    help="How rows are divided between training and evaluation.",
)
@click.option("--serving-model-dir", help="Folder that a blessed index is pushed to: gs://…")
@click.option(
    "--warm-start", is_flag=True, help="Start each run from the latest model that was blessed."
)
@click.option("--export-embeddings", is_flag=True, help="Also write the embeddings as Parquet.")
@click.option(
    "--embeddings-table",
    help="PROJECT.DATASET.TABLE: also load them into TABLE_query and TABLE_candidate.",
)
@click.option(
    "--machine",
    "machines",
    multiple=True,
    metavar="COMPONENT=TYPE",
    help="Machine of a component, such as TwoTowerTrainer=n1-standard-8; may be given again.",
)
@click.option(
    "--accelerator",
    "accelerators",
    multiple=True,
    metavar="COMPONENT=TYPE",
    help="Accelerator of a component, such as TwoTowerTrainer=NVIDIA_L4; may be given again.",
)
@click.option("--dataflow-project", help="Run Beam's work on Dataflow in this project …")
@click.option("--dataflow-region", help="… and this region.")
@click.option(
    "--check", is_flag=True, help="Run the file on this machine, with SAMPLE in place of the data."
)
@click.option("--sample", type=_PATH, help="Local table for --check: CSV or Parquet.")
def compile_(
    features: pathlib.Path,
    model: pathlib.Path,
    output: pathlib.Path,
    split: str,
    check: bool,
    sample: pathlib.Path | None,
    machines: tuple[str, ...],
    accelerators: tuple[str, ...],
    **options: Any,
) -> None:
    """Compile the pipeline into a pipeline job file for Vertex AI Pipelines.

    Needs no cloud account. Epochs, batch size and learning rate stay parameters of the job, and so
    do the table, if DATA is a folder or in BigQuery, and the query's parameters;
    `tfx-retrieval submit --parameter` sets them for one run.

    With Dataflow, the table is read and transformed by its workers.

    --check then runs every task of the file on this machine the way Vertex AI does, for one epoch
    on SAMPLE, with folders in place of Cloud Storage, and reports task by task.
    """
    if check != (sample is not None):
        raise click.UsageError("--check needs --sample, and --sample is for --check")
    if (options["dataflow_project"] is None) != (options["dataflow_region"] is None):
        raise click.UsageError("--dataflow-project and --dataflow-region need one another")
    machine_types = inputs.parse_assignments("--machine", machines)
    accelerator_types = inputs.parse_assignments("--accelerator", accelerators)
    feature_config, model_config = inputs.read_pair(features, model)
    inputs.check_split(feature_config, split, str(features))
    files.make_folder(output.parent)
    if sample is not None:
        # A container would say the same, but minutes later.
        data_checks.check_columns(feature_config, str(sample), split)
    with (
        progress.temporary_log("compile") as log,
        progress.quiet_libraries(log) as terminal,
        progress.Progress(terminal.console) as shown,
    ):
        with shown.step("Compiling"):
            from tfx_retrieval.cli import vertex_job

            job = vertex_job.JobOptions(
                feature_config,
                model_config,
                split=split,
                machines=machine_types,
                accelerators=accelerator_types,
                **options,
            )
            vertex_job.compile_job(job, str(output))
        if sample is not None:
            vertex_job.check_job(job, str(output), str(sample), terminal, shown)
    click.echo(f"wrote {output}", err=True)


@click.command(short_help="Run a compiled pipeline on Vertex AI.")
@click.argument("job_file", type=_PATH)
@click.option("--project", help="Project id.  [default: GOOGLE_CLOUD_PROJECT]")
@click.option("--region", help="Region.  [default: GOOGLE_CLOUD_REGION]")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of this run, such as epochs=10; may be given again.",
)
@click.option("--display-name", help="Title of the job.  [default: the pipeline's name]")
@click.option("--job-id", help="Id of the job.  [default: the pipeline's name and the time]")
@click.option("--pipeline-root", help="Folder for artifacts, in place of the compiled one.")
@click.option("--service-account", help="Account that the tasks run as.")
@click.option("--network", help="Full name of the VPC network to peer with.")
@click.option("--encryption-key", help="Full name of the Cloud KMS key for what the job makes.")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="Label; may be given again."
)
@click.option("--cache/--no-cache", default=None, help="Whether to reuse earlier tasks' outputs.")
@click.option("--fail-fast", is_flag=True, help="Start no further task once one has failed.")
@click.option("--wait", is_flag=True, help="Follow the job to its end.")
@click.option("--cron", help="""Run on a schedule, such as "0 3 * * *"; UTC unless TZ=… leads.""")
@click.option("--start-time", help="No scheduled run before it (RFC 3339).")
@click.option("--end-time", help="No scheduled run after it (RFC 3339).")
@click.option("--max-runs", type=click.IntRange(min=1), help="Scheduled runs at most.")
def submit(
    job_file: pathlib.Path,
    parameters: tuple[str, ...],
    labels: tuple[str, ...],
    cache: bool | None,
    wait: bool,
    cron: str | None,
    start_time: str | None,
    end_time: str | None,
    max_runs: int | None,
    **options: Any,
) -> None:
    """Run JOB_FILE, which `compile` wrote, on Vertex AI Pipelines: once, or on a schedule.

    Prints the resource name of the job or schedule.
    """
    _check_schedule_options(cron, wait, start_time, end_time, max_runs)
    problems = inputs.Problems()
    values: dict[str, str] = {}
    named: dict[str, str] = {}
    with problems.collected():
        values = inputs.parse_assignments("--parameter", parameters)
    with problems.collected():
        named = inputs.parse_assignments("--label", labels)
    problems.raise_if_any()
    with progress.temporary_log("submit") as log, progress.quiet_libraries(log) as terminal:
        from tfx_retrieval.pipelines.vertex import spec, submit_options
        from tfx_retrieval.pipelines.vertex import submit as vertex_submit
        from tfx_retrieval.pipelines.vertex.parameters import parse_assignments

        job = spec.load_job(str(job_file))
        submitted = submit_options.SubmitOptions(
            parameters=parse_assignments(job, values),
            labels=named,
            enable_caching=cache,
            **options,
        )
        if cron is not None:
            schedule = submit_options.Schedule(cron, start_time, end_time, max_runs)
            submission = vertex_submit.create_schedule(str(job_file), schedule, submitted)
        else:
            submission = vertex_submit.submit(str(job_file), submitted)
        terminal.console.print(submission.console_url)
        if wait:
            _follow(submission, terminal)
    click.echo(submission.name)


def _check_schedule_options(cron: str | None, wait: bool, *only_with_cron: object) -> None:
    """Refuses options that contradict each other.

    Raises:
        click.UsageError: If they do.
    """
    if cron is None and any(value is not None for value in only_with_cron):
        raise click.UsageError("--start-time, --end-time and --max-runs need --cron")
    if cron is not None and wait:
        raise click.UsageError("--wait follows one job; a schedule (--cron) has no end to wait for")


def _follow(submission: Submission, terminal: progress.Terminal) -> None:
    from tfx_retrieval.pipelines.vertex import submit as vertex_submit

    def show(change: Progress) -> None:
        terminal.console.print(f"[{change.finished}/{change.total}] {change.task}: {change.state}")

    vertex_submit.wait(submission, show)
