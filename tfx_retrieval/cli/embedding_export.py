"""Runs EmbeddingExporter on a finished run."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

from tfx.types import artifact_utils, standard_artifacts

from tfx_retrieval.artifacts import Embeddings
from tfx_retrieval.cli import files
from tfx_retrieval.cli.run_directory import RunDirectory
from tfx_retrieval.components.embedding_exporter import executor


def export(
    directory: RunDirectory, output: pathlib.Path, parameters: Mapping[str, Any]
) -> list[pathlib.Path]:
    """Writes the embedding tables of a run.

    Args:
        directory: The run.
        output: Folder for the tables; a partition that is there already is replaced.
        parameters: Execution properties of EmbeddingExporter.

    Returns:
        The files.

    Raises:
        InputError: If the run is not finished, a parameter is wrong or `output` cannot be written.
    """
    model = standard_artifacts.Model()
    model.uri = str(directory.artifact("TwoTowerTrainer", "model"))
    inputs = {
        "model": [model],
        "examples": [_examples(directory.artifact("InteractionExampleGen", "examples"))],
        "candidates": [_examples(directory.artifact("InteractionExampleGen", "candidates"))],
    }
    files.make_folder(output)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=output) as folder:
        embeddings = Embeddings()
        embeddings.uri = folder
        executor.Executor().Do(inputs, {"embeddings": [embeddings]}, dict(parameters))
        written = []
        for path in sorted(pathlib.Path(folder).rglob("*.parquet")):
            target = output / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
            written.append(target)
    return written


def _examples(path: pathlib.Path) -> standard_artifacts.Examples:
    """Returns the artifact of the Examples in a folder."""
    examples = standard_artifacts.Examples()
    examples.uri = str(path)
    examples.split_names = artifact_utils.encode_split_names(
        sorted(split.name.removeprefix("Split-") for split in path.glob("Split-*"))
    )
    return examples
