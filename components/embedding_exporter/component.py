"""EmbeddingExporter: query and candidate embeddings as tables."""

from __future__ import annotations

from typing import TypeAlias

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts

from tfx_retrieval.artifacts import Embeddings
from tfx_retrieval.components.embedding_exporter import executor
from tfx_retrieval.errors import InputError

_Text: TypeAlias = "str | data_types.RuntimeParameter"


class EmbeddingExporterSpec(component_spec.ComponentSpec):
    """Specification of EmbeddingExporter."""

    PARAMETERS = {  # noqa: RUF012 - TFX's way.
        "query_id": component_spec.ExecutionParameter(type=str),
        "candidate_id": component_spec.ExecutionParameter(type=str),
        "run_date": component_spec.ExecutionParameter(type=str),
        "model_version": component_spec.ExecutionParameter(type=str, optional=True),
        "run_id": component_spec.ExecutionParameter(type=str, optional=True),
        "timestamp": component_spec.ExecutionParameter(type=str, optional=True),
        "bigquery_table": component_spec.ExecutionParameter(type=str, optional=True),
        "bigquery_location": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "candidates": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model_blessing": component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing, optional=True
        ),
    }
    OUTPUTS = {  # noqa: RUF012
        "embeddings": component_spec.ChannelParameter(type=Embeddings),
    }


class EmbeddingExporter(base_component.BaseComponent):
    """Writes one embedding for each distinct query id and candidate id.

    The output `embeddings` holds `query/run_date=<date>/part-0.parquet` and
    `candidate/run_date=<date>/part-0.parquet` with the columns `id` (string or int64), `embedding`
    (list of float), `model_version` and `run_id`. With `bigquery_table` they are also loaded into
    the tables `<bigquery_table>_query` and `<bigquery_table>_candidate`, into the day partition of
    `run_date`, which is replaced.

    The embeddings of a model that is not blessed stay out of BigQuery.
    """

    SPEC_CLASS = EmbeddingExporterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        candidates: types.BaseChannel,
        query_id: _Text,
        candidate_id: _Text,
        run_date: _Text,
        model_version: _Text | None = None,
        run_id: _Text | None = None,
        timestamp: _Text | None = None,
        bigquery_table: _Text | None = None,
        bigquery_location: _Text | None = None,
        model_blessing: types.BaseChannel | None = None,
    ):
        """Wires the component.

        Args:
            model: Model of TwoTowerTrainer.
            examples: Raw Examples with the query columns; all splits are read.
            candidates: Raw Examples: the split `candidates`, or else all splits.
            query_id: Column of the query ids.
            candidate_id: Column of the candidate ids.
            run_date: Date of the partition, `YYYY-MM-DD`, or `today`: the day in UTC on which the
                component runs, as a schedule needs it.
            model_version: Value of that column; by default the model's URI.
            run_id: Value of that column; by default the id of the pipeline run, which on Vertex AI
                is that of the job.
            timestamp: Column of `examples` that says which row of a query id is the latest, which
                is then embedded; without it the first row read is.
            bigquery_table: `project.dataset.table`: prefix of the tables to load into.
            bigquery_location: Location of the data set, if not the default one.
            model_blessing: Whether the model may be used; without it, it may.

        Raises:
            InputError: A parameter is wrong; holds all problems.
        """
        parameters = {
            "query_id": query_id,
            "candidate_id": candidate_id,
            "run_date": run_date,
            "model_version": model_version,
            "run_id": run_id,
            "timestamp": timestamp,
            "bigquery_table": bigquery_table,
            "bigquery_location": bigquery_location,
        }
        problems = executor.check_parameters(parameters)
        if problems:
            raise InputError(problems)
        super().__init__(
            spec=EmbeddingExporterSpec(
                model=model,
                examples=examples,
                candidates=candidates,
                model_blessing=model_blessing,
                embeddings=types.Channel(type=Embeddings),
                **parameters,
            )
        )
