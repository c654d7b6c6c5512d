"""RetrievalEvaluator: measures a trained two-tower model and blesses it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts

from tfx_retrieval.components.retrieval_evaluator import evaluation, executor, options

FORMAT_VERSION = 2
"""Version of the measurement; it is part of the cache key, which does not see the code."""

_Text: TypeAlias = "str | data_types.RuntimeParameter"
_Number: TypeAlias = "int | data_types.RuntimeParameter"


class RetrievalEvaluatorSpec(component_spec.ComponentSpec):
    """Specification of RetrievalEvaluator."""

    PARAMETERS = {  # noqa: RUF012 - TFX's way.
        "query_id": component_spec.ExecutionParameter(type=str),
        "candidate_id": component_spec.ExecutionParameter(type=str),
        "timestamp": component_spec.ExecutionParameter(type=str, optional=True),
        "ks": component_spec.ExecutionParameter(type=str),
        "eval_splits": component_spec.ExecutionParameter(type=str),
        "exclude_seen_splits": component_spec.ExecutionParameter(type=str),
        "thresholds": component_spec.ExecutionParameter(type=str),
        "slices": component_spec.ExecutionParameter(type=str),
        "bootstrap_samples": component_spec.ExecutionParameter(type=int),
        "seed": component_spec.ExecutionParameter(type=int),
        "max_queries": component_spec.ExecutionParameter(type=int),
        "format_version": component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "candidates": component_spec.ChannelParameter(
            type=standard_artifacts.Examples, optional=True
        ),
        "baseline_model": component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True, allow_empty=True
        ),
    }
    OUTPUTS = {  # noqa: RUF012
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class RetrievalEvaluator(base_beam_component.BaseBeamComponent):
    """Measures a model by exact full ranking of the catalogue, seen items excluded.

    Outputs:

    - `evaluation`: `metrics.json` with the figures of the model (`eval`), of candidates ranked by
      popularity (`baseline`) and at random (`random`), and of the baseline model
      (`baseline_model`) if there is one; with `confidence_intervals`, `slices`, `checks`,
      `counts`, `notes` and `protocol`, which states how each figure was measured. `report.md`
      shows the same to people.
    - `blessing`: the verdict, in the stock Evaluator's form: Pusher and LatestBlessedModelStrategy
      take it, on Vertex too.

    The model needs the signatures `query_embedding`, `embed_query_examples` and
    `embed_candidate_examples`. No Beam pipeline is run.
    """

    SPEC_CLASS = RetrievalEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        query_id: _Text,
        candidate_id: _Text,
        candidates: types.BaseChannel | None = None,
        baseline_model: types.BaseChannel | None = None,
        timestamp: _Text | None = None,
        ks: Sequence[int] | _Text = evaluation.DEFAULT_KS,
        eval_splits: Sequence[str] | _Text | None = None,
        exclude_seen_splits: Sequence[str] | _Text | None = None,
        thresholds: Sequence[Mapping[str, Any]] | _Text | None = None,
        slices: Sequence[str] | _Text = (),
        bootstrap_samples: _Number = options.DEFAULT_BOOTSTRAP_SAMPLES,
        seed: _Number = 42,
        max_queries: _Number = 0,
    ):
        """Wires the component; lists may be given as JSON text.

        Args:
            model: Model of TwoTowerTrainer.
            examples: Raw Examples with the splits `train` and `eval` or `test`.
            query_id: Column of the query ids.
            candidate_id: Column of the candidate ids.
            candidates: Raw Examples of the catalogue: the split `candidates`, or else all splits.
                Without them, the catalogue is every candidate that occurs in `examples`.
            baseline_model: Model to compare with, such as the latest blessed one; may resolve to
                nothing.
            timestamp: Column of the interactions' times: a query is ranked for the features of its
                earliest evaluation row; without it, of the first one in file order.
            ks: Cut-offs of the metrics.
            eval_splits: Splits to measure on; by default `test` if there is one, else `eval`.
            exclude_seen_splits: Splits whose items are excluded for their query; by default those
                of train and eval that come before the measured ones. Empty to exclude nothing.
            thresholds: Limits for the blessing: objects with `metric`, optionally `slice`, and at
                least one of `min`, `max`, `min_ratio_to_popularity` and
                `min_change_from_baseline_model`. By default, recall at the largest cut-off must
                reach popularity's.
            slices: Bytes or int64 columns of `examples` to report by value.
            bootstrap_samples: Draws for the 95% confidence intervals; 0 for none.
            seed: Seed of the random baseline, the bootstrap and the draw of queries.
            max_queries: Measure on so many queries, drawn at random; 0 for all.

        Raises:
            InputError: A parameter is wrong; holds all problems.
        """
        parameters = {
            "query_id": query_id,
            "candidate_id": candidate_id,
            "timestamp": timestamp,
            "ks": _json(ks),
            "eval_splits": _json(eval_splits),
            "exclude_seen_splits": _json(exclude_seen_splits),
            "thresholds": _json(thresholds),
            "slices": _json(slices),
            "bootstrap_samples": bootstrap_samples,
            "seed": seed,
            "max_queries": max_queries,
        }
        _check(parameters)
        super().__init__(
            spec=RetrievalEvaluatorSpec(
                model=model,
                examples=examples,
                candidates=candidates,
                baseline_model=baseline_model,
                format_version=FORMAT_VERSION,
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
                **parameters,
            )
        )


def _json(value: Any) -> Any:
    """Returns JSON text of a list or None; leaves text and runtime parameters as they are."""
    if isinstance(value, str | data_types.RuntimeParameter):
        return value
    return json.dumps(None if value is None else list(value), sort_keys=True)


def _check(parameters: Mapping[str, Any]) -> None:
    """Checks the parameters whose values are known when the pipeline is built."""
    known = {
        name: value
        for name, value in parameters.items()
        if not isinstance(value, data_types.RuntimeParameter)
    }
    unknown = parameters.keys() - known.keys()
    for name in unknown & {"query_id", "candidate_id"}:
        known[name] = name
    # Thresholds name cut-offs and slices: without those they cannot be judged yet.
    if unknown & {"ks", "slices"}:
        known.pop("thresholds", None)
    options.parse_options(known)
