"""`init`, `validate` and `import-config`: make configs and check them."""

from __future__ import annotations

import json
import pathlib
import textwrap
from collections.abc import Mapping
from typing import Any

import click

from tfx_retrieval.cli import data as data_checks
from tfx_retrieval.cli import files, inputs

_PATH = click.Path(path_type=pathlib.Path)
_FEATURES = "features.json"
_MODEL = "model.json"
_ROWS_TO_LOOK_AT = 1_000_000
_FORCE = click.option("--force", is_flag=True, help="Replace files that are there.")
_OUTPUT = click.option("--output", type=_PATH, required=True, help="Folder for both files.")


@click.command(short_help="Propose configs for a table.")
@click.argument("data")
@_OUTPUT
@_FORCE
def init(data: str, output: pathlib.Path, force: bool) -> None:
    """Write features.json and model.json to start from, for the table DATA (CSV or Parquet)."""
    from tfx_retrieval.config import starter

    read = data_checks.read_table(data, _ROWS_TO_LOOK_AT)
    feature_config, model_config, explanations = starter.propose(read.table, data)
    feature_config["name"] = pathlib.PurePath(data).name.split(".")[0][:128] or "features"
    explanations += [f"{name or 'column'}: left out: {why}" for name, why in read.left_out.items()]
    click.echo(f"looked at {read.table.num_rows:,} rows of {data}:", err=True)
    for explanation in explanations:
        wrapped = textwrap.fill(
            explanation, 78, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False
        )
        click.echo(wrapped, err=True)
    _write(output, feature_config, model_config, force)
    click.echo(f"Read {output / _FEATURES} before a run: it is a guess.", err=True)


@click.command(short_help="Check configs; report all errors at once.")
@click.argument("features", type=_PATH)
@click.argument("model", type=_PATH, required=False)
@click.option("--data", help="Table to check the columns against.")
def validate(features: pathlib.Path, model: pathlib.Path | None, data: str | None) -> None:
    """Check FEATURES, and MODEL if given; report everything that is wrong at once."""
    from tfx_retrieval import config

    problems = inputs.Problems()
    feature_config = model_config = None
    with problems.collected():
        feature_config = config.read_feature_config(features)
    if model is not None:
        with problems.collected():
            model_config = config.read_model_config(model)
            if feature_config is not None:
                config.check_pair(feature_config, model_config, str(features), str(model))
    if feature_config is not None:
        with problems.collected():
            config.check_run(feature_config, str(features))
            if data is not None:
                data_checks.check_rows(feature_config, data, model_config)
    problems.raise_if_any()
    click.echo("valid: " + ", ".join(str(item) for item in (features, model, data) if item))


@click.command("import-config", short_help="Convert another system's config.")
@click.argument("file", type=_PATH)
@_OUTPUT
@_FORCE
def import_config(file: pathlib.Path, output: pathlib.Path, force: bool) -> None:
    """Convert another system's config FILE into features.json and model.json.

    Reads buyer_model_features / product_model_features (JSON), user_embedding_layers /
    item_embedding_layers (JSON) and dataset_features / model.features (YAML). What cannot be
    carried over is reported by its path.
    """
    from tfx_retrieval.config import importers

    imported = importers.import_config(file)
    _write(output, imported.feature_config, imported.model_config, force)
    for note in imported.notes:
        click.echo(f"not carried over as it was: {note}", err=True)


def _write(
    folder: pathlib.Path,
    feature_config: Mapping[str, Any] | None,
    model_config: Mapping[str, Any] | None,
    force: bool,
) -> None:
    """Writes the configs that there are and says where."""
    documents = {_FEATURES: feature_config, _MODEL: model_config}
    contents = {
        folder / name: json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        for name, document in documents.items()
        if document is not None
    }
    written = files.write_files(contents, overwrite=force)
    for path in contents:
        click.echo(f"{'wrote' if path in written else 'unchanged:'} {path}", err=True)
