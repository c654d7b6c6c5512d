"""`compile` and `submit`: Vertex AI Pipelines."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from tfx_retrieval.cli import data as data_checks
from tfx_retrieval.cli import files, imports, inputs, progress, table_options
from tfx_retrieval.errors import Problem

if TYPE_CHECKING:
    from tfx_retrieval.pipelines.vertex.submit import Progress, Submission

_PATH = click.Path(path_type=pathlib.Path)


def _bigquery_options(command: Any) -> Any:
    return table_options.apply(table_options.bigquery_options(), command)


@click.command("compile", short_help="Compile the pipeline for Vertex AI.")
@click.option("--features", type=_PATH, required=True, help="FeatureConfig (JSON).")
@click.option("--model", type=_PATH, required=True, help="ModelConfig (JSON).")
@click.option(
    "--data",
    help="Table that a run reads by default: gs://… (a file, a folder, or a pattern, also with "
    "{SPAN} or {YYYY}-{MM}-{DD}), or bq://PROJECT.DATASET.TABLE.",
)
@_bigquery_options
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
    problems = inputs.Problems()
    table = table_options.from_arguments(options)
    with problems.collected():
        table = table.checked()
    machine_types = inputs.parse_assignments("--machine", machines, problems)
    accelerator_types = inputs.parse_assignments("--accelerator", accelerators, problems)
    with problems.collected():
        feature_config, model_config = inputs.read_pair(features, model)
        inputs.check_split(feature_config, split, str(features))
    problems.raise_if_any()
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
            with imports.without_collections():
                from tfx_retrieval.cli import vertex_job

            job = vertex_job.JobOptions(
                feature_config,
                model_config,
                table=table,
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
@click.option("--max-runs", type=int, help="Scheduled runs at most.")
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
    problems = inputs.Problems()
    values = inputs.parse_assignments("--parameter", parameters, problems)
    named = inputs.parse_assignments("--label", labels, problems)
    times = {"--start-time": start_time, "--end-time": end_time, "--max-runs": max_runs}
    _check_schedule_options(cron, wait, times, problems)
    with progress.temporary_log("submit") as log, progress.quiet_libraries(log) as terminal:
        with imports.without_collections():
            from tfx_retrieval.pipelines.vertex import submit as vertex_submit
            from tfx_retrieval.pipelines.vertex import submit_options

        submitted = submit_options.SubmitOptions(
            parameters=values, labels=named, enable_caching=cache, **options
        )
        schedule = None
        if cron is not None:
            schedule = submit_options.Schedule(cron, start_time, end_time, max_runs)
        with problems.collected():
            vertex_submit.check(str(job_file), submitted, schedule)
        problems.raise_if_any()
        if schedule is not None:
            submission = vertex_submit.create_schedule(str(job_file), schedule, submitted)
        else:
            submission = vertex_submit.submit(str(job_file), submitted)
        terminal.console.print(submission.console_url)
        if wait:
            _follow(submission, terminal)
    click.echo(submission.name)


def _check_schedule_options(
    cron: str | None, wait: bool, only_with_cron: Mapping[str, object], problems: inputs.Problems
) -> None:
    """Adds what contradicts something else to `problems`."""
    if cron is None:
        for option, value in only_with_cron.items():
            if value is not None:
                problems.add(Problem(option, "no --cron", "a schedule (--cron) beside it"))
    elif wait:
        remedy = "A schedule has no end to wait for."
        problems.add(Problem("--wait", "--cron beside it", "a single job to follow", remedy))


def _follow(submission: Submission, terminal: progress.Terminal) -> None:
    from tfx_retrieval.pipelines.vertex import submit as vertex_submit

    def show(change: Progress) -> None:
        terminal.console.print(f"[{change.finished}/{change.total}] {change.task}: {change.state}")

    vertex_submit.wait(submission, show)
