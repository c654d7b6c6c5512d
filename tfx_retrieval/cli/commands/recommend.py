"""`recommend`: the best candidates for a query."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from tfx_retrieval.cli import inputs, progress, recommending, reports, run_directory

if TYPE_CHECKING:
    from tfx_retrieval.cli.recommending import Answer


@click.command(short_help="Show the best candidates for a query.")
@click.option(
    "--run",
    "run_path",
    type=click.Path(path_type=pathlib.Path),
    required=True,
    help="Folder of a run.",
)
@click.option(
    "--query",
    required=True,
    help="""JSON object of query columns, such as '{"user": "u17"}', or @FILE that holds one.""",
)
@click.option(
    "-k", "--number", type=click.IntRange(min=1), default=10, show_default=True, help="How many."
)
@click.option("--exclude-seen", is_flag=True, help="Leave out what the query's id met in the data.")
@click.option(
    "--complete/--no-complete",
    default=True,
    show_default=True,
    help="Take columns that are left out from the run's data.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines instead of a table.")
def recommend(
    run_path: pathlib.Path,
    query: str,
    number: int,
    exclude_seen: bool,
    complete: bool,
    as_json: bool,
) -> None:
    """Show the best candidates for one query: ids, scores and titles.

    If the run's data knows the query's id, columns that are left out are taken from its latest row
    and its history from all its rows; for any other id they count as missing values.
    """
    answer = find(
        run_path,
        inputs.parse_query(query),
        number,
        complete=complete,
        exclude_seen=exclude_seen,
    )
    if answer.known is False:
        click.echo("the run's data has no row of that id; it counts as a new one", err=True)
    if answer.completed:
        click.echo(f"from the run's data: {', '.join(answer.completed)}", err=True)
    if as_json:
        for item in answer.found:
            click.echo(json.dumps(dataclasses.asdict(item), ensure_ascii=False))
        return
    reports.output_console().print(reports.recommendations_table(answer.found))


def find(
    run_path: pathlib.Path,
    query: Mapping[str, Any],
    number: int,
    *,
    complete: bool = True,
    exclude_seen: bool,
) -> Answer:
    """Loads a run's index and asks it, while stderr shows that it takes a moment.

    Args:
        run_path: Folder of the run.
        query: Raw query columns.
        number: How many candidates to return.
        complete: Whether to take columns that are left out from the data.
        exclude_seen: Whether to leave out what the query's id met in the data.

    Raises:
        InputError: If the folder, the query or the number is wrong.
    """
    directory = run_directory.RunDirectory(run_path)
    feature_config, _ = directory.configs()
    recommending.check_query(query, feature_config, exclude_seen=exclude_seen)
    with (
        progress.quiet_libraries(directory.log("recommend")) as terminal,
        progress.Progress(terminal.console) as shown,
        shown.step("Loading the index"),
    ):
        recommender = recommending.RunRecommender(directory)
        return recommender.answer(query, number, complete=complete, exclude_seen=exclude_seen)
