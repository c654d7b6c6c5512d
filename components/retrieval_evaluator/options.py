"""What to measure: the parameters of RetrievalEvaluator, read and checked."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tfx_retrieval.components.retrieval_evaluator import evaluation, thresholds
from tfx_retrieval.errors import InputError, Problem

DEFAULT_BOOTSTRAP_SAMPLES = 500


@dataclasses.dataclass(frozen=True)
class EvaluatorOptions:
    """What to measure.

    Attributes:
        query_id: Column of the query ids.
        candidate_id: Column of the candidate ids.
        timestamp: Column of int64 times, None without.
        ks: Cut-offs, ascending.
        eval_splits: Splits to evaluate on, None for the default.
        exclude_seen_splits: Splits whose items are excluded, None for the default.
        thresholds: Limits for the blessing.
        slices: Columns to slice by.
        bootstrap_samples: Draws for the confidence intervals.
        seed: Seed of everything random.
        max_queries: How many queries to measure on at most; 0 for all.
    """

    query_id: str
    candidate_id: str
    timestamp: str | None
    ks: tuple[int, ...]
    eval_splits: tuple[str, ...] | None
    exclude_seen_splits: tuple[str, ...] | None
    thresholds: tuple[thresholds.Threshold, ...]
    slices: tuple[str, ...]
    bootstrap_samples: int
    seed: int
    max_queries: int


def parse_options(properties: Mapping[str, Any]) -> EvaluatorOptions:
    """Reads execution properties.

    Args:
        properties: By parameter name; lists as JSON text or, as some runners hand them over,
            decoded. Absent and None mean the default.

    Returns:
        The options.

    Raises:
        InputError: Holds everything that is wrong.
    """
    reader = _Reader(properties)
    ks = reader.numbers("ks", evaluation.DEFAULT_KS)
    eval_splits = reader.names("eval_splits")
    if eval_splits == ():
        reader.add("eval_splits", "[]", "at least one split")
    slices = reader.names("slices") or ()
    limits = reader.thresholds("thresholds", ks, slices)
    result = EvaluatorOptions(
        query_id=reader.name("query_id"),
        candidate_id=reader.name("candidate_id"),
        timestamp=properties.get("timestamp") or None,
        ks=ks,
        eval_splits=eval_splits,
        exclude_seen_splits=reader.names("exclude_seen_splits"),
        thresholds=limits,
        slices=slices,
        bootstrap_samples=reader.number("bootstrap_samples", DEFAULT_BOOTSTRAP_SAMPLES),
        seed=reader.number("seed", 42),
        max_queries=reader.number("max_queries", 0),
    )
    if reader.problems:
        raise InputError(reader.problems)
    return result


class _Reader:
    """Reads properties and collects what is wrong with them."""

    def __init__(self, properties: Mapping[str, Any]):
        self._properties = properties
        self.problems: list[Problem] = []

    def add(self, name: str, received: str, expected: str) -> None:
        self.problems.append(Problem(_where(name), received, expected))

    def name(self, name: str) -> str:
        value = self._properties.get(name)
        if isinstance(value, str) and value:
            return value
        self.add(name, repr(value), "the name of a column")
        return ""

    def number(self, name: str, default: int) -> int:
        value = self._properties.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.add(name, repr(value), "a whole number, at least 0")
            return default
        return value

    def numbers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        values = self._decoded(name)
        if values is None:
            return default
        if (
            not isinstance(values, list)
            or not values
            or any(isinstance(k, bool) or not isinstance(k, int) or k < 1 for k in values)
        ):
            self.add(name, json.dumps(values), "a JSON list of whole numbers, each at least 1")
            return default
        return tuple(sorted(set(values)))

    def names(self, name: str) -> tuple[str, ...] | None:
        values = self._decoded(name)
        if values is None:
            return None
        if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
            self.add(name, json.dumps(values), "a JSON list of names")
            return None
        return tuple(dict.fromkeys(values))

    def thresholds(
        self, name: str, ks: tuple[int, ...], slices: tuple[str, ...]
    ) -> tuple[thresholds.Threshold, ...]:
        try:
            return thresholds.parse_thresholds(self._decoded(name), ks, slices, _where(name))
        except InputError as error:
            self.problems.extend(error.problems)
            return ()

    def _decoded(self, name: str) -> Any:
        value = self._properties.get(name)
        if not isinstance(value, str):
            return list(value) if isinstance(value, tuple) else value
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            self.add(name, repr(value), f"JSON ({error.msg} at character {error.pos})")
            return None


def _where(name: str) -> str:
    return f"RetrievalEvaluator({name}=...)"
