"""`run`, `quick-test` and `demo`: the main job."""

from __future__ import annotations

import math
import pathlib
import resource
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tfx_retrieval.cli import data as data_checks
from tfx_retrieval.cli import imports, inputs, progress, reports, run_directory, table_options
from tfx_retrieval.cli.commands import recommend
from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.pipelines import run_lock

if TYPE_CHECKING:
    from tfx_retrieval.demo import Customer
    from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig

_PATH = click.Path(path_type=pathlib.Path)


class _LearningRate(click.FloatRange):
    """A finite number above 0; not-a-number passes every comparison of click's own type."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


_POSITIVE = click.IntRange(min=1)
_LOG = "run.log"


def _job_options(output_default: str | None) -> Callable[[Any], Any]:
    """Returns a decorator that adds the options of a job on a table."""
    options = [
        click.option(
            "--data", help="CSV or Parquet table of interactions, or bq://PROJECT.DATASET.TABLE."
        ),
        click.option("--features", type=_PATH, required=True, help="FeatureConfig (JSON)."),
        click.option("--model", type=_PATH, required=True, help="ModelConfig (JSON)."),
        click.option(
            "--output",
            type=_PATH,
            required=output_default is None,
            default=output_default,
            show_default=output_default is not None,
            help="Folder of the run; the same command again reuses every finished step.",
        ),
        click.option(
            "--split",
            type=click.Choice(["random", "temporal", "leave-one-out"]),
            default="random",
            show_default=True,
            help="How rows are divided between training and evaluation.",
        ),
        click.option(
            "--warm-start",
            is_flag=True,
            help="Start from the latest blessed model of the run folder.",
        ),
        *_override_options(),
        *table_options.bigquery_options(),
    ]
    return lambda command: table_options.apply(options, command)


def _override_options() -> list[Callable[[Any], Any]]:
    return [
        click.option("--epochs", type=_POSITIVE, help="In place of the ModelConfig's."),
        click.option(
            "--batch-size", type=click.IntRange(min=2), help="In place of the ModelConfig's."
        ),
        click.option(
            "--learning-rate",
            type=_LearningRate(min=0, min_open=True),
            help="In place of the ModelConfig's.",
        ),
        click.option(
            "--runner",
            type=click.Choice(["local", "beam"]),
            default="local",
            show_default=True,
            help="LocalDagRunner or BeamDagRunner.",
        ),
    ]


@click.command(short_help="Train, measure and index: the main job.")
@_job_options(output_default=None)
def run(**options: Any) -> None:
    """Train a model on a table, measure it and build its index.

    The table is in files (--data), or in BigQuery (--data bq://... or --query).
    """
    _run(table_options.from_arguments(options), **options)


@click.command("quick-test", short_help="The main job on a sample.")
@_job_options(output_default="runs/quick-test")
@click.option("--rows", type=_POSITIVE, default=5000, show_default=True, help="Rows of the sample.")
def quick_test(rows: int, **options: Any) -> None:
    """Run the whole job on a sample, to try configs before a full run.

    One epoch unless --epochs says otherwise. The metrics of a sample say little; what counts is
    that every step passes.
    """
    options["epochs"] = options["epochs"] or 1
    _run(table_options.from_arguments(options), sample_rows=rows, **options)


@click.command(short_help="The main job on bundled data.")
@click.option(
    "--output",
    type=_PATH,
    default="runs/demo",
    show_default=True,
    help="Folder of the run; the same command again reuses every finished step.",
)
@click.option("--customer", type=int, help="CustomerID to recommend to.")
@_override_options()[0]
def demo(output: pathlib.Path, customer: int | None, epochs: int | None) -> None:
    """Run the main job on the bundled data set, then recommend.

    The data set is UCI Online Retail (D. Chen, CC BY 4.0): 541,909 transactions of a shop.
    """
    from tfx_retrieval import demo as bundled

    buyer = bundled.customer(bundled.CUSTOMER if customer is None else customer)
    if buyer is None:
        raise InputError(
            Problem(
                "--customer", repr(customer), "a CustomerID that bought something, such as 12866"
            )
        )
    _run(
        table_options.TableOptions(data=str(bundled.DATA)),
        features=bundled.FEATURES,
        model=bundled.MODEL,
        output=output,
        split="temporal",
        epochs=epochs,
        batch_size=None,
        learning_rate=None,
        runner="local",
    )
    _recommend(output, buyer)


def _run(
    table: table_options.TableOptions,
    features: pathlib.Path,
    model: pathlib.Path,
    output: pathlib.Path,
    split: str,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    runner: str,
    sample_rows: int | None = None,
    warm_start: bool = False,
) -> None:
    start = time.monotonic()
    problems = inputs.Problems()
    with problems.collected():
        table = table.checked()
    with problems.collected():
        feature_config, model_config = inputs.read_pair(features, model)
        inputs.check_split(feature_config, split, str(features))
    problems.raise_if_any()
    run_lock.check(output)
    _check_table(table, feature_config, split, output)
    with (
        progress.quiet_libraries(output / _LOG) as terminal,
        progress.Progress(terminal.console) as shown,
    ):
        with shown.step("Loading TensorFlow and TFX"), imports.without_collections():
            from tfx_retrieval.pipelines import local
        local.run(
            table.files or table.bigquery_source(),
            feature_config,
            model_config,
            str(output),
            split=split,
            runner=runner,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            sample_rows=sample_rows,
            warm_start=warm_start,
            on_progress=shown.on_progress,
        )
    reports.print_metrics(run_directory.RunDirectory(output).metrics())
    click.echo(f"\nrun folder: {output} ({_cost(start)})", err=True)


def _check_table(
    table: table_options.TableOptions,
    feature_config: FeatureConfig,
    split: str,
    output: pathlib.Path,
) -> None:
    """Says in a second or two what a component would say much later."""
    if table.files is not None:
        if "://" not in table.files:
            data_checks.check_columns(feature_config, table.files, split)
    elif not (output / run_directory.METADATA).exists():
        # A folder with an earlier run may hold the rows already, which takes no credentials.
        with (
            progress.temporary_log("run") as log,
            progress.quiet_libraries(log) as terminal,
            progress.Progress(terminal.console) as shown,
            shown.step("Asking BigQuery for the cost"),
        ):
            table.ask_bigquery(feature_config, split)


def _cost(start: float) -> str:
    """Returns the time since `start` and the memory that this process took, for people."""
    seconds = round(time.monotonic() - start)
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return f"{seconds // 60} min {seconds % 60} s, at most {peak_gib:.1f} GiB of memory"


def _recommend(output: pathlib.Path, customer: Customer) -> None:
    """Shows ten recommendations for a customer of the bundled data set, beside what they bought."""
    answer = recommend.find(output, {"CustomerID": customer.id}, 10, exclude_seen=True)
    console = reports.output_console()
    console.print(f"\nCustomer {customer.id} bought {len(customer.products)} products, lately:")
    for title in customer.products[:5]:
        console.print(f"  {title}")
    console.print("\nTen recommendations, without products bought before:")
    console.print(reports.recommendations_table(answer.found))
