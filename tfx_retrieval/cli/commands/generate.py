"""`generate`: shows the modules that a pipeline would run."""

from __future__ import annotations

import pathlib

import click

from tfx_retrieval.cli import files

_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=pathlib.Path),
    help="File to write; stdout without it.",
)


@click.group(short_help="Write the generated Python modules.")
def generate() -> None:
    """Write the Python modules that a pipeline would run.

    They need TensorFlow, TensorFlow Transform and TensorFlow Recommenders only, so the stock TFX
    Transform and Trainer take them too.
    """


@generate.command(short_help="The Transform module (preprocessing_fn).")
@click.argument("features", type=click.Path(path_type=pathlib.Path))
@_OUTPUT
def transform(features: pathlib.Path, output: pathlib.Path | None) -> None:
    """Write the Transform module (preprocessing_fn) for FEATURES."""
    from tfx_retrieval import config
    from tfx_retrieval.components import config_codegen

    _emit(config_codegen.generate_transform_module(config.read_feature_config(features)), output)


@generate.command(short_help="The Trainer module (run_fn).")
@click.argument("features", type=click.Path(path_type=pathlib.Path))
@click.argument("model", type=click.Path(path_type=pathlib.Path))
@_OUTPUT
def trainer(features: pathlib.Path, model: pathlib.Path, output: pathlib.Path | None) -> None:
    """Write the Trainer module (run_fn) for FEATURES and MODEL."""
    from tfx_retrieval.cli import inputs
    from tfx_retrieval.components import config_codegen

    feature_config, model_config = inputs.read_pair(features, model)
    _emit(config_codegen.generate_trainer_module(feature_config, model_config), output)


def _emit(source: str, output: pathlib.Path | None) -> None:
    if output is None:
        click.echo(source, nl=False)
    else:
        files.write_file(output, source)
