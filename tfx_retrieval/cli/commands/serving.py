"""`serve` and `export-embeddings`: use what a run made."""

from __future__ import annotations

import datetime
import pathlib

import click

from tfx_retrieval.cli import files, imports, progress, run_directory

_PATH = click.Path(path_type=pathlib.Path)
_RUN = click.option("--run", "run_path", type=_PATH, required=True, help="Folder of a run.")


@click.command(short_help="Answer requests over HTTP.")
@_RUN
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8501,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
def serve(run_path: pathlib.Path, host: str, port: int) -> None:
    """Answer recommendation requests over HTTP until Ctrl-C.

    The API is that of TensorFlow Serving: POST {"instances": [{"user": "u17"}]} to
    /v1/models/recommender:predict. It has no authentication: listen on 127.0.0.1 or put it behind
    something that has.
    """
    from tfx_retrieval.cli import http_server, recommending

    directory = run_directory.RunDirectory(run_path)
    # Says at once what is wrong; loading the index takes a while.
    directory.metrics()
    http_server.check_address(host, port)
    with (
        progress.quiet_libraries(directory.log("serve")) as terminal,
        progress.Progress(terminal.console) as shown,
    ):
        with shown.step("Loading the index"):
            recommender = recommending.RunRecommender(directory)
            server = http_server.make_server(recommender, host, port)
        terminal.console.print(
            f"serving on http://{host}:{server.server_port}{http_server.MODEL_PATH}:predict; "
            f"log: {terminal.log}; stop with Ctrl-C"
        )
        with server:
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                terminal.console.print("stopped")


@click.command("export-embeddings", short_help="Write embeddings as Parquet.")
@_RUN
@click.option("--output", type=_PATH, required=True, help="Folder for the tables.")
@click.option(
    "--run-date",
    type=click.DateTime(["%Y-%m-%d"]),
    default=lambda: datetime.date.today().isoformat(),
    help="Date of the partition.  [default: today]",
)
@click.option("--model-version", help="Value of that column.  [default: the model's name]")
@click.option("--run-id", help="Value of that column.  [default: the run folder's name]")
@click.option("--bigquery-table", help="project.dataset.table: also load into BigQuery.")
@click.option("--bigquery-location", help="Location of the BigQuery data set.")
def export_embeddings(
    run_path: pathlib.Path,
    output: pathlib.Path,
    run_date: datetime.datetime,
    model_version: str | None,
    run_id: str | None,
    bigquery_table: str | None,
    bigquery_location: str | None,
) -> None:
    """Write one embedding for each query id and each candidate id, as Parquet.

    The tables are query/run_date=DATE/part-0.parquet and candidate/run_date=DATE/part-0.parquet in
    the folder, with the columns id, embedding, model_version and run_id.
    """
    directory = run_directory.RunDirectory(run_path)
    feature_config, model_config = directory.configs()
    files.make_folder(output)
    parameters = {
        "query_id": feature_config.query.id,
        "candidate_id": feature_config.candidate.id,
        "timestamp": feature_config.interaction.timestamp or None,
        "run_date": run_date.date().isoformat(),
        "model_version": model_version or model_config.name,
        "run_id": run_id or run_path.resolve().name,
        "bigquery_table": bigquery_table,
        "bigquery_location": bigquery_location,
    }
    with (
        progress.quiet_libraries(directory.log("export-embeddings")) as terminal,
        progress.Progress(terminal.console) as shown,
        shown.step("Exporting embeddings"),
    ):
        with imports.without_collections():
            from tfx_retrieval.cli import embedding_export

        written = embedding_export.export(directory, output, parameters)
    for path in written:
        click.echo(path)
