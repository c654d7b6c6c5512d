"""ScaNNIndexer: from a trained model and its candidates to a servable recommender."""

from __future__ import annotations

from typing import Any, TypeAlias

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts

from tfx_retrieval import config
from tfx_retrieval.components.scann_indexer import executor, options, saving
from tfx_retrieval.errors import InputError, Problem

_Text: TypeAlias = "str | data_types.RuntimeParameter"
_Number: TypeAlias = "int | data_types.RuntimeParameter"


class ScaNNIndexerSpec(component_spec.ComponentSpec):
    """Specification of ScaNNIndexer."""

    PARAMETERS = {  # noqa: RUF012 - TFX's way.
        "candidate_id": component_spec.ExecutionParameter(type=str),
        "title": component_spec.ExecutionParameter(type=str, optional=True),
        "retrieval": component_spec.ExecutionParameter(type=str),
        "query_split": component_spec.ExecutionParameter(type=str),
        "num_recall_queries": component_spec.ExecutionParameter(type=int),
        "seed": component_spec.ExecutionParameter(type=int),
        "format_version": component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "candidates": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "examples": component_spec.ChannelParameter(
            type=standard_artifacts.Examples, optional=True
        ),
        "model_blessing": component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing, optional=True
        ),
    }
    OUTPUTS = {  # noqa: RUF012
        "index": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class ScaNNIndexer(base_component.BaseComponent):
    """Builds an exact or a ScaNN index of all candidates and measures it.

    Each distinct candidate is embedded once with the model's signature `embed_candidate_examples`.

    Outputs:

    - `index`: a Model with a SavedModel in Format-Serving that has the model's signatures
      `serving_default`, `recommend_examples`, `query_embedding` and `embed_query_examples`, and
      also `recommend_excluding` and `recommend_embeddings` (see `saving.IndexModule.signatures`).
      Its `assets.extra` holds the candidates' ids and titles. An exact index is made of plain
      TensorFlow operations; a ScaNN index needs ScaNN's operations to be loaded, and has an exact
      twin with the same signatures, for any TensorFlow Serving, in the artifact's folder `exact`.
      Custom properties: `algorithm`, `algorithm_reason`, `candidates`.
    - `evaluation`: `index_evaluation.json` with `algorithm`, `reason`, `options`, `candidates`,
      `duplicates_merged`, `recall` against exact search, `speed` of the index, of exact search and,
      with `examples`, of `recommend_examples` (milliseconds of single queries, throughput of
      batches), build times, bytes, `checks` and `blessed`.
    - `blessing`: blessed if the recall at top_k and the latency keep their limits and the model is
      blessed.

    Load an index outside TensorFlow Serving with `loading.load_index`.
    """

    SPEC_CLASS = ScaNNIndexerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        candidates: types.BaseChannel,
        candidate_id: _Text,
        examples: types.BaseChannel | None = None,
        model_blessing: types.BaseChannel | None = None,
        title: _Text | None = None,
        retrieval: _Text | None = None,
        query_split: _Text = "eval",
        num_recall_queries: _Number = 1000,
        seed: _Number = 42,
    ):
        """Wires the component.

        Args:
            model: Model of TwoTowerTrainer.
            candidates: Raw Examples: the split `candidates`, or else the distinct candidates of all
                splits.
            candidate_id: Column of the candidate ids.
            examples: Raw Examples whose rows are the queries that the index is measured with;
                without them, queries are perturbed candidate vectors.
            model_blessing: Verdict on the model; the index of an unblessed model is not blessed.
            title: Column to keep as the candidates' title.
            retrieval: JSON of the `retrieval` part of a ModelConfig; defaults where it says
                nothing.
            query_split: Split of `examples` to draw queries from.
            num_recall_queries: Queries to measure with, at most; at least 1.
            seed: Seed of the draw, at least 0.

        Raises:
            InputError: A parameter is wrong; holds all problems.
        """
        problems = [
            *_empty("candidate_id", candidate_id),
            *_empty("query_split", query_split),
            *_below("num_recall_queries", num_recall_queries, 1),
            *_below("seed", seed, 0),
        ]
        if not isinstance(retrieval, data_types.RuntimeParameter):
            try:
                # The content with all defaults, so that caches see a change of a default.
                retrieval = config.canonical_json(options.parse_retrieval(retrieval))
            except InputError as error:
                problems.extend(error.problems)
        if problems:
            raise InputError(problems)
        super().__init__(
            spec=ScaNNIndexerSpec(
                model=model,
                candidates=candidates,
                examples=examples,
                model_blessing=model_blessing,
                candidate_id=candidate_id,
                title=title,
                retrieval=retrieval,
                query_split=query_split,
                num_recall_queries=num_recall_queries,
                seed=seed,
                format_version=saving.FORMAT_VERSION,
                index=types.Channel(type=standard_artifacts.Model),
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )


def _empty(name: str, value: Any) -> list[Problem]:
    return [] if value else [Problem(f"ScaNNIndexer({name}=...)", repr(value), "a name")]


def _below(name: str, value: Any, least: int) -> list[Problem]:
    if isinstance(value, int) and value < least:
        return [Problem(f"ScaNNIndexer({name}=...)", str(value), f"at least {least}")]
    return []
