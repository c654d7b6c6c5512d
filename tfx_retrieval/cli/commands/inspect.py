"""`evaluate`, `view`, `graph` and `timings`: look inside a run."""

from __future__ import annotations

import json
import pathlib

import click

from tfx_retrieval.cli import files, graph_drawing, reports, run_directory

_PATH = click.Path(path_type=pathlib.Path)
_RUN = click.option("--run", "run_path", type=_PATH, required=True, help="Folder of a run.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")

# Which component's output holds the records of each stage.
_STAGES = {
    "raw": ("InteractionExampleGen", "examples"),
    "transformed": ("Transform", "transformed_examples"),
}


@click.command(short_help="Show metrics beside the baseline.")
@_RUN
@_JSON
def evaluate(run_path: pathlib.Path, as_json: bool) -> None:
    """Show the metrics of a run beside a popularity baseline."""
    metrics = run_directory.RunDirectory(run_path).metrics()
    if as_json:
        click.echo(json.dumps(metrics, indent=2, sort_keys=True))
        return
    reports.print_metrics(metrics)


@click.command(short_help="Show raw or transformed rows.")
@click.argument("stage", type=click.Choice(sorted(_STAGES)))
@_RUN
@click.option("--split", default="train", show_default=True, help="Split to read.")
@click.option(
    "-n", "--number", type=click.IntRange(min=1), default=3, show_default=True, help="Rows."
)
@_JSON
def view(stage: str, run_path: pathlib.Path, split: str, number: int, as_json: bool) -> None:
    """Show the first rows of a run, as read (raw) or as trained on (transformed)."""
    from tfx_retrieval.cli import records

    examples = run_directory.RunDirectory(run_path).artifact(*_STAGES[stage])
    rows = records.read(examples, split, number)
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    console = reports.output_console()
    for number, table in enumerate(reports.rows_tables(rows, console.width)):
        if number:
            console.print()
        console.print(table)


@click.command(short_help="Draw the pipeline of a run as SVG.")
@_RUN
@click.option("-o", "--output", type=_PATH, required=True, help="SVG file to write.")
def graph(run_path: pathlib.Path, output: pathlib.Path) -> None:
    """Draw the components of a run, their order and their times."""
    steps = run_directory.RunDirectory(run_path).steps()
    files.write_file(output, graph_drawing.draw(steps))
    click.echo(f"wrote {output}", err=True)


@click.command(short_help="Show how long each component took.")
@_RUN
@_JSON
def timings(run_path: pathlib.Path, as_json: bool) -> None:
    """Show how long each component of a run took and what it read from.

    The times are those of the latest execution; a reused step took its time in an earlier run.
    """
    steps = run_directory.RunDirectory(run_path).steps()
    if as_json:
        keys = ("component", "state", "seconds", "reads")
        click.echo(json.dumps([{key: getattr(step, key) for key in keys} for step in steps]))
        return
    reports.output_console().print(reports.timings_table(steps))
