"""Executor of EmbeddingExporter."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import os
import re
from typing import Any

import numpy as np
import tensorflow as tf
from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_retrieval.components.embedding_exporter import tables
from tfx_retrieval.components.scann_indexer import embed, reading
from tfx_retrieval.errors import InputError, Problem

TODAY = "today"
"""Value of `run_date` that stands for the day, in UTC, on which the component runs."""

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
            input_dict: `model`, `examples`, `candidates`, optionally `model_blessing`.
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
        if run_date == TODAY:
            run_date = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        model_version = exec_properties.get("model_version") or model_uri
        run_id = exec_properties.get("run_id") or self._run_id(embeddings.uri)
        table = exec_properties.get("bigquery_table")
        if table and not _may_be_used(input_dict.get("model_blessing")):
            _logger.warning("the model is not blessed, so nothing is loaded into %s", table)
            table = None
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
                model_version,
                run_id,
            )
            _logger.info("wrote %s %s embeddings", f"{len(selection.ids):,}", side.name)
            embeddings.set_int_custom_property(f"{side.name}_rows", len(selection.ids))
            if table:
                location = exec_properties.get("bigquery_location") or None
                _load(table, location, side.name, path, run_date, selection.ids)
        embeddings.set_string_custom_property("run_date", run_date)
        embeddings.set_string_custom_property("model_version", model_version)
        embeddings.set_string_custom_property("run_id", run_id)

    def _run_id(self, uri: str) -> str:
        """Returns the id of the pipeline run.

        TFX's entry point on Vertex AI does not tell it, but artifacts there are in
        `ROOT/PROJECT_NUMBER/JOB/TASK/KEY`.
        """
        told = self._context and self._context.pipeline_run_id
        return told or os.path.basename(os.path.dirname(os.path.dirname(uri.rstrip("/"))))


def _may_be_used(blessings: list[types.Artifact] | None) -> bool:
    """Returns whether the model is blessed, or nobody has judged it."""
    if not blessings:
        return True
    return model_utils.is_model_blessed(artifact_utils.get_single_instance(blessings))


def _load(
    table: str, location: str | None, side: str, path: str, run_date: str, ids: np.ndarray
) -> None:
    """Loads a side's table into BigQuery."""
    # Only who loads into BigQuery waits for its client's import.
    from tfx_retrieval.components.embedding_exporter import bigquery_load

    bigquery_load.load_table(
        bigquery_load.make_client(table, location),
        path,
        bigquery_load.side_table(table, side),
        run_date,
        "STRING" if ids.dtype == object else "INTEGER",
    )


def check_parameters(parameters: dict[str, Any]) -> list[Problem]:
    """Returns what is wrong with parameters; those that are no text yet are not looked at."""
    problems = []
    run_date = parameters.get("run_date")
    if isinstance(run_date, str) and run_date != TODAY and not _is_date(run_date):
        problems.append(
            Problem(
                "EmbeddingExporter(run_date=...)", repr(run_date), f"a date YYYY-MM-DD or {TODAY}"
            )
        )
    problems.extend(
        Problem(f"EmbeddingExporter({name}=...)", repr(parameters[name]), "a text of its own")
        for name in ("query_id", "candidate_id")
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
