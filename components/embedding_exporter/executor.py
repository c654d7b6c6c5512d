"""Executor of EmbeddingExporter."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import re
from typing import Any

import numpy as np
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_retrieval.components.embedding_exporter import tables
from tfx_retrieval.components.scann_indexer import embed, reading
from tfx_retrieval.errors import InputError, Problem

_TABLE = re.compile(r"[\w.:-]+\.\w+\.[\w-]+", re.ASCII)

_logger = logging.getLogger("tfx_retrieval.embedding_exporter")


@dataclasses.dataclass(frozen=True)
class _Side:
    """One of the two tables.

    Attributes:
        name: `query` or `candidate`.
        source: Rows to embed.
        id_column: Column of the ids.
        timestamp: Column that tells the latest row of an id, or None.
    """

    name: str
    source: reading.Source
    id_column: str
    timestamp: str | None

    @property
    def signature(self) -> str:
        """The model's signature that embeds the rows."""
        return f"embed_{self.name}_examples"


class Executor(base_executor.BaseExecutor):
    """Writes the embedding tables; see `EmbeddingExporter`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the component.

        Args:
            input_dict: `model`, `examples`, `candidates`.
            output_dict: `embeddings`.
            exec_properties: See the parameters of `EmbeddingExporter`.

        Raises:
            InputError: The model, the rows or a parameter is wrong.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        problems = check_parameters(exec_properties)
        if problems:
            raise InputError(problems)
        embeddings = artifact_utils.get_single_instance(output_dict["embeddings"])
        model_uri = artifact_utils.get_single_uri(input_dict["model"])
        model = tf.saved_model.load(path_utils.serving_model_path(model_uri))
        run_date = exec_properties["run_date"]
        sides = (
            _Side(
                "query",
                reading.split_source(input_dict["examples"]),
                exec_properties["query_id"],
                exec_properties.get("timestamp") or None,
            ),
            _Side(
                "candidate",
                reading.candidate_source(input_dict["candidates"]),
                exec_properties["candidate_id"],
                None,
            ),
        )
        for side in sides:
            embedder = embed.embedder(model, side.signature, model_uri)
            selection = reading.select_rows(side.source, side.id_column, timestamp=side.timestamp)
            path = tables.table_path(embeddings.uri, side.name, run_date)
            tables.write_table(
                side.source,
                selection,
                embedder,
                path,
                exec_properties["model_version"],
                exec_properties["run_id"],
            )
            _logger.info("wrote %s %s embeddings", f"{len(selection.ids):,}", side.name)
            embeddings.set_int_custom_property(f"{side.name}_rows", len(selection.ids))
            if exec_properties.get("bigquery_table"):
                _load(exec_properties, side.name, path, selection.ids)
        embeddings.set_string_custom_property("run_date", run_date)
        embeddings.set_string_custom_property("model_version", exec_properties["model_version"])
        embeddings.set_string_custom_property("run_id", exec_properties["run_id"])


def _load(exec_properties: dict[str, Any], side: str, path: str, ids: np.ndarray) -> None:
    """Loads a side's table into BigQuery."""
    # Only who loads into BigQuery waits for its client's import.
    from tfx_retrieval.components.embedding_exporter import bigquery_load

    table = exec_properties["bigquery_table"]
    bigquery_load.load_table(
        bigquery_load.make_client(table, exec_properties.get("bigquery_location") or None),
        path,
        bigquery_load.side_table(table, side),
        exec_properties["run_date"],
        "STRING" if ids.dtype == object else "INTEGER",
    )


def check_parameters(parameters: dict[str, Any]) -> list[Problem]:
    """Returns what is wrong with parameters; those that are no text yet are not looked at."""
    problems = []
    run_date = parameters.get("run_date")
    if isinstance(run_date, str) and not _is_date(run_date):
        problems.append(
            Problem("EmbeddingExporter(run_date=...)", repr(run_date), "a date YYYY-MM-DD")
        )
    problems.extend(
        Problem(f"EmbeddingExporter({name}=...)", repr(parameters[name]), "a text of its own")
        for name in ("query_id", "candidate_id", "model_version", "run_id")
        if parameters.get(name) == ""
    )
    table = parameters.get("bigquery_table")
    if isinstance(table, str) and table and not _TABLE.fullmatch(table):
        problems.append(
            Problem("EmbeddingExporter(bigquery_table=...)", repr(table), "project.dataset.table")
        )
    return problems


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
