"""Limits that the metrics must keep for the model to be blessed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from tfx_retrieval.components.retrieval_evaluator import metrics, slices
from tfx_retrieval.components.retrieval_evaluator.evaluation import Evaluation, Metrics
from tfx_retrieval.config.reader import did_you_mean
from tfx_retrieval.errors import InputError, Problem

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

LIMITS = ("min", "max", "min_ratio_to_popularity", "min_change_from_baseline_model")
_KEYS = ("metric", "slice", *LIMITS)


@dataclasses.dataclass(frozen=True)
class Threshold:
    """Limits of one metric; those that are None do not apply.

    Attributes:
        metric: Name of the metric, e.g. `recall@100`.
        slice: Name of the slice; all interactions if None.
        min: The metric must not be below.
        max: The metric must not be above.
        min_ratio_to_popularity: The metric must not be below this times popularity's.
        min_change_from_baseline_model: The metric minus the baseline model's must not be below;
            skipped without a baseline model.
    """

    metric: str
    slice: str | None = None
    min: float | None = None
    max: float | None = None
    min_ratio_to_popularity: float | None = None
    min_change_from_baseline_model: float | None = None


@dataclasses.dataclass(frozen=True)
class Check:
    """One limit held against one figure.

    Attributes:
        metric: Name of the metric.
        slice: Name of the slice, None for all interactions.
        rule: Which limit, one of `LIMITS`.
        received: The figure, None if nothing could be measured.
        limit: The bound in the figure's own terms, None if it could not be computed.
        outcome: `passed`, `failed` or `skipped`.
        reason: The outcome in words.
    """

    metric: str
    slice: str | None
    rule: str
    received: float | None
    limit: float | None
    outcome: str
    reason: str


def default_thresholds(ks: Sequence[int]) -> tuple[Threshold, ...]:
    """Returns the gate of a run without thresholds: recall no worse than popularity's."""
    return (Threshold(f"recall@{max(ks)}", min_ratio_to_popularity=1.0),)


def parse_thresholds(
    values: Any, ks: Sequence[int], slice_columns: Sequence[str], where: str
) -> tuple[Threshold, ...]:
    """Reads thresholds from decoded JSON.

    Args:
        values: A list of objects with the keys of `Threshold`; None for the default.
        ks: Cut-offs that are measured.
        slice_columns: Columns that are sliced.
        where: What to call the list in a message.

    Returns:
        The thresholds.

    Raises:
        InputError: Holds everything that is wrong.
    """
    if values is None:
        return default_thresholds(ks)
    if not isinstance(values, list):
        raise InputError(Problem(where, json.dumps(values), "a JSON list of thresholds"))
    problems: list[Problem] = []
    for number, value in enumerate(values):
        problems.extend(_problems(value, ks, slice_columns, f"{where}: $[{number}]"))
    if problems:
        raise InputError(problems)
    return tuple(Threshold(**value) for value in values)


def check_thresholds(
    thresholds: Iterable[Threshold], evaluation: Evaluation
) -> tuple[tuple[Check, ...], bool]:
    """Holds the figures against the limits.

    A metric that could not be measured, such as one of a slice without interactions, fails: a gate
    that cannot be checked must not open.

    Args:
        thresholds: The limits.
        evaluation: The figures.

    Returns:
        All checks, and whether none failed.
    """
    checks = []
    for threshold in thresholds:
        for rule in LIMITS:
            limit = getattr(threshold, rule)
            if limit is not None:
                checks.append(_check(threshold, rule, limit, evaluation))
    return tuple(checks), all(check.outcome != FAILED for check in checks)


def _problems(
    value: Any, ks: Sequence[int], slice_columns: Sequence[str], where: str
) -> list[Problem]:
    """Returns what is wrong with one threshold."""
    if not isinstance(value, dict):
        return [Problem(where, json.dumps(value), "an object with a metric and a limit")]
    problems = [
        Problem(where, f"the key {key!r}", f"one of {', '.join(_KEYS)}", did_you_mean(key, _KEYS))
        for key in value
        if key not in _KEYS
    ]
    problems.extend(
        Problem(f"{where}.{rule}", json.dumps(value[rule]), "a number")
        for rule in LIMITS
        if rule in value
        and (isinstance(value[rule], bool) or not isinstance(value[rule], int | float))
    )
    if not any(rule in value for rule in LIMITS):
        problems.append(Problem(where, "no limit", f"at least one of {', '.join(LIMITS)}"))
    problems.extend(_metric_problems(value, ks, f"{where}.metric"))
    problems.extend(_slice_problems(value.get("slice"), slice_columns, f"{where}.slice"))
    return problems


def _metric_problems(value: dict[str, Any], ks: Sequence[int], where: str) -> list[Problem]:
    names = metrics.metric_names(ks)
    if value.get("slice") is not None:
        names = [name for name in names if not name.startswith(metrics.OVERALL)]
    metric = value.get("metric")
    if metric in names:
        return []
    received = "nothing" if metric is None else json.dumps(metric)
    expected = f"one of {', '.join(names)}"
    return [Problem(where, received, expected, did_you_mean(str(metric), names))]


def _slice_problems(name: Any, slice_columns: Sequence[str], where: str) -> list[Problem]:
    if name is None or name in slices.COLD_START:
        return []
    column, equals, _ = str(name).partition("=")
    if equals and column in slice_columns:
        return []
    valid = [*slices.COLD_START, *(f"{column}=VALUE" for column in slice_columns)]
    remedy = did_you_mean(str(name), valid)
    if equals:
        remedy = remedy or f"To slice by {column!r}, add it to slices."
    return [Problem(where, json.dumps(name), f"one of {', '.join(valid)}", remedy)]


def _check(threshold: Threshold, rule: str, limit: float, evaluation: Evaluation) -> Check:
    """Holds one limit against its figure."""
    values, popular, baseline = _figures(threshold.slice, evaluation)
    received = values.get(threshold.metric)

    def result(bound: float | None, outcome: str, reason: str) -> Check:
        return Check(threshold.metric, threshold.slice, rule, received, bound, outcome, reason)

    if rule == "min_change_from_baseline_model" and evaluation.baseline_model is None:
        return result(None, SKIPPED, "there is no baseline model")
    if received is None:
        return result(None, FAILED, "there is nothing to measure it on")
    bound: float | None = limit
    if rule == "min_ratio_to_popularity":
        bound = _combined(popular.get(threshold.metric), lambda value: value * limit)
    elif rule == "min_change_from_baseline_model":
        bound = _combined(baseline.get(threshold.metric), lambda value: value + limit)
    if bound is None:
        return result(None, FAILED, "there is nothing to compare it with")
    passed = received <= bound if rule == "max" else received >= bound
    sign = ("<=" if passed else ">") if rule == "max" else (">=" if passed else "<")
    reason = f"{received:.4f} {sign} {bound:.4f}"
    return result(bound, PASSED if passed else FAILED, reason)


def _combined(value: float | None, combine: Any) -> float | None:
    return None if value is None else combine(value)


def _figures(name: str | None, evaluation: Evaluation) -> tuple[Metrics, Metrics, Metrics]:
    """Returns the figures of the model, of popularity and of the baseline model."""
    if name is None:
        return evaluation.model, evaluation.popularity, evaluation.baseline_model or {}
    if name not in evaluation.slices:
        return {}, {}, {}
    chosen = evaluation.slices[name]
    return chosen.model, chosen.popularity, chosen.baseline_model or {}
