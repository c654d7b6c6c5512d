"""Measures a retrieval model by exact full ranking, beside popularity and random baselines.

Plain NumPy: `evaluate_rankings` serves the RetrievalEvaluator and benchmarks alike.

    scores = dot_product_scores(query_embeddings, candidate_embeddings)
    evaluation = evaluate_rankings(
        scores, test_users, test_items, number_of_candidates=len(candidate_embeddings),
        seen_queries=train_users, seen_candidates=train_items,
    )
    evaluation.model["recall@10"], evaluation.popularity["recall@10"]
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_retrieval.components.retrieval_evaluator import bootstrap, popularity
from tfx_retrieval.components.retrieval_evaluator.metrics import MetricTable, metric_table
from tfx_retrieval.components.retrieval_evaluator.problem import (
    Outcome,
    RankingProblem,
    build_problem,
    rank_by_order,
    rank_by_scores,
)
from tfx_retrieval.components.retrieval_evaluator.ranking import (
    BoolArray,
    IntArray,
    ScoreFunction,
    SeenItems,
    dot_product_scores,
)
from tfx_retrieval.errors import InputError, Problem

__all__ = ["DEFAULT_KS", "Evaluation", "SliceResult", "dot_product_scores", "evaluate_rankings"]

DEFAULT_KS = (10, 50, 100)
_THREADS = 2

Metrics = dict[str, float | None]


@dataclasses.dataclass(frozen=True)
class SliceResult:
    """Metrics of a slice.

    Attributes:
        queries: Queries with an interaction in the slice.
        interactions: Interactions in the slice.
        model: Metric name to figure; None where nothing could be measured.
        popularity: The same for the popularity baseline.
        random: The same for candidates in random order.
        baseline_model: The same for the baseline model, if there is one.
    """

    queries: int
    interactions: int
    model: Metrics
    popularity: Metrics
    random: Metrics
    baseline_model: Metrics | None


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate_rankings` measured.

    Attributes:
        model: Metric name to figure; None where nothing could be measured.
        popularity: The same for candidates ranked by their training interactions.
        random: The same for candidates in random order.
        baseline_model: The same for the baseline model, if there is one.
        confidence_intervals: Metric name of the model to its 95% bounds.
        slices: Slice name to its metrics.
        counts: Sizes: queries, interactions, candidates and what was left out.
        notes: What a reader must know to read the figures rightly.
        per_query: The model's sums by query, for further statistics.
    """

    model: Metrics
    popularity: Metrics
    random: Metrics
    baseline_model: Metrics | None
    confidence_intervals: Mapping[str, tuple[float, float]]
    slices: Mapping[str, SliceResult]
    counts: Mapping[str, int]
    notes: tuple[str, ...]
    per_query: MetricTable

    def as_dict(self) -> dict[str, Any]:
        """Returns the evaluation as plain values for JSON; `eval` is the model's part."""
        result: dict[str, Any] = {
            "eval": self.model,
            "baseline": self.popularity,
            "random": self.random,
            "confidence_intervals": {
                name: list(bounds) for name, bounds in self.confidence_intervals.items()
            },
            "counts": dict(self.counts),
            "notes": list(self.notes),
            "slices": {name: _slice_dict(result) for name, result in self.slices.items()},
        }
        if self.baseline_model is not None:
            result["baseline_model"] = self.baseline_model
        return result


def evaluate_rankings(
    scores: ScoreFunction,
    test_queries: npt.ArrayLike,
    test_candidates: npt.ArrayLike,
    *,
    number_of_candidates: int,
    seen_queries: npt.ArrayLike = (),
    seen_candidates: npt.ArrayLike = (),
    score_rows: npt.ArrayLike | None = None,
    train_counts: npt.ArrayLike | None = None,
    ks: Sequence[int] = DEFAULT_KS,
    slices: Mapping[str, BoolArray] | None = None,
    baseline_scores: ScoreFunction | None = None,
    baseline_score_rows: npt.ArrayLike | None = None,
    bootstrap_samples: int = 0,
    seed: int = 42,
    batch_size: int | None = None,
) -> Evaluation:
    """Ranks the whole catalogue for every test query and measures the ranks of the test items.

    The candidates a query has seen are taken out of its rankings, and test interactions with them
    out of the relevant items. Equal scores are ranked by candidate index. `metrics.query_metrics`
    defines the metrics averaged over queries; `top_k_accuracy@k` is the share of test interactions
    whose candidate is among the first k (the protocol of TensorFlow Recommenders' tutorials), and
    `top_k_accuracy_seen_kept@k` the same with seen candidates left in.

    Args:
        scores: Maps int64 row numbers [b] to a new float32 array [b, number_of_candidates], which
            is overwritten; see `dot_product_scores`.
        test_queries: Query number of each test interaction [T].
        test_candidates: Candidate index of each [T]; `number_of_candidates` and above stand for
            relevant items outside the catalogue, which are always missed.
        number_of_candidates: Size of the catalogue.
        seen_queries: Query number of each interaction whose candidate is to be excluded; queries
            without a test interaction are skipped.
        seen_candidates: Candidate index of each.
        score_rows: Row number to give to `scores` for each test interaction [T], for queries whose
            scores depend on the interaction's context; by default `test_queries`. The per-query
            metrics take the row of a query's first interaction in the order given.
        train_counts: Training interactions of each candidate [number_of_candidates], for
            popularity and novelty; by default the counts in `seen_candidates`.
        ks: Cut-offs, positive.
        slices: Slice name to bool [T].
        baseline_scores: Score function of a model to compare with.
        baseline_score_rows: Its row of each test interaction; by default `test_queries`.
        bootstrap_samples: Draws for the confidence intervals; 0 for none.
        seed: Seed of the random baseline and of the bootstrap.
        batch_size: Rankings scored at once; bounds the memory.

    Returns:
        The metrics.

    Raises:
        InputError: There are no candidates, no test interactions, or none with an unseen item.
        ValueError: Arrays do not fit each other, or the scores cannot be ranked.
    """
    queries = _integers("test_queries", test_queries)
    candidates = _integers("test_candidates", test_candidates, len(queries))
    cutoffs = _checked_ks(ks)
    _require("evaluation interactions", len(queries), "Check the evaluation split.")
    _require("candidates", number_of_candidates, "Check the candidate Examples.")
    if candidates.min() < 0:
        raise ValueError("test_candidates must not be negative.")
    seen_numbers = _integers("seen_queries", seen_queries)
    seen_items = _integers("seen_candidates", seen_candidates, len(seen_numbers))
    distinct, numbered = np.unique(queries, return_inverse=True)
    seen = _seen_items(distinct, seen_numbers, seen_items, number_of_candidates)
    counts = _train_counts(train_counts, seen_items, number_of_candidates)
    information = popularity.item_information(counts)
    masks = _checked_slices(slices or {}, len(queries))

    def problem_of(rows: npt.ArrayLike | None) -> RankingProblem:
        chosen = queries if rows is None else _integers("score_rows", rows, len(queries))
        return build_problem(numbered, candidates, chosen, seen, masks)

    problem = problem_of(score_rows)
    if problem.pair_seen.all():
        raise InputError(
            Problem(
                "evaluation interactions",
                "only items that their query has interacted with before",
                "at least one new item, since items seen before are excluded",
                "Do not exclude seen items (exclude_seen_splits=[]), or check the split.",
            )
        )
    orders = {
        "popularity": popularity.popularity_order(counts, len(distinct)),
        "random": popularity.random_order(number_of_candidates, len(distinct), seed),
    }
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as threads:
        ranked = {
            name: threads.submit(rank_by_order, problem, order, cutoffs, information)
            for name, order in orders.items()
        }
        outcomes: dict[str, tuple[RankingProblem, Outcome]] = {
            "model": (problem, rank_by_scores(problem, scores, cutoffs, information, batch_size))
        }
        outcomes.update((name, (problem, future.result())) for name, future in ranked.items())
        if baseline_scores is not None:
            other = problem_of(baseline_score_rows)
            outcome = rank_by_scores(other, baseline_scores, cutoffs, information, batch_size)
            outcomes["baseline_model"] = (other, outcome)
        measured = threads.map(lambda name: metric_table(*outcomes[name], cutoffs), outcomes)
        tables = dict(zip(outcomes, measured, strict=True))
        of_slices = threads.map(lambda name: _slice_result(name, outcomes, cutoffs), masks)
        sliced = dict(zip(masks, of_slices, strict=True))
    overall = {
        name: _with_coverage(tables[name], outcome, cutoffs)
        for name, (_, outcome) in outcomes.items()
    }
    return Evaluation(
        model=overall["model"],
        popularity=overall["popularity"],
        random=overall["random"],
        baseline_model=overall.get("baseline_model"),
        confidence_intervals=bootstrap.confidence_intervals(
            tables["model"], bootstrap_samples, seed
        ),
        slices=sliced,
        counts=_counts(problem),
        notes=_notes(problem, cutoffs),
        per_query=tables["model"],
    )


def _integers(name: str, values: npt.ArrayLike, length: int | None = None) -> IntArray:
    """Returns a vector of int64, checked for its length."""
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integers, but holds {array.dtype}.")
    if array.ndim != 1 or (length is not None and len(array) != length):
        expected = "one dimension" if length is None else f"shape ({length},)"
        raise ValueError(f"{name} must have {expected}, but its shape is {array.shape}.")
    return array.astype(np.int64)


def _checked_ks(ks: Sequence[int]) -> tuple[int, ...]:
    """Returns the cut-offs in ascending order."""
    if not ks or min(ks) < 1:
        raise ValueError(f"ks must hold positive cut-offs, but is {list(ks)}.")
    return tuple(sorted(set(ks)))


def _require(what: str, count: int, remedy: str) -> None:
    if not count:
        raise InputError(Problem(what, "none", "at least one", remedy))


def _seen_items(
    distinct: IntArray, queries: IntArray, items: IntArray, number_of_candidates: int
) -> SeenItems:
    """Returns what the test queries (`distinct`, ascending) have seen."""
    places = np.searchsorted(distinct, queries)
    known = distinct[np.minimum(places, len(distinct) - 1)] == queries
    return SeenItems.from_pairs(places[known], items[known], len(distinct), number_of_candidates)


def _train_counts(
    given: npt.ArrayLike | None, seen_items: IntArray, number_of_candidates: int
) -> IntArray:
    """Returns the training interactions of each candidate."""
    if given is not None:
        return _integers("train_counts", given, number_of_candidates)
    inside = seen_items[(seen_items >= 0) & (seen_items < number_of_candidates)]
    return np.bincount(inside, minlength=number_of_candidates)


def _checked_slices(slices: Mapping[str, BoolArray], length: int) -> dict[str, BoolArray]:
    masks = {name: np.asarray(mask) for name, mask in slices.items()}
    for name, mask in masks.items():
        if mask.dtype != np.bool_ or mask.shape != (length,):
            raise ValueError(
                f"slice {name!r} must be bool of shape ({length},), but is {mask.dtype} of shape "
                f"{mask.shape}."
            )
    return masks


def _with_coverage(table: MetricTable, outcome: Outcome, ks: Sequence[int]) -> Metrics:
    coverage = {
        f"coverage@{k}": float(value) for k, value in zip(ks, outcome.coverage, strict=True)
    }
    return {**table.values(), **coverage}


def _slice_result(
    name: str, outcomes: Mapping[str, tuple[RankingProblem, Outcome]], ks: Sequence[int]
) -> SliceResult:
    """Measures one slice for the model and what it is compared with."""
    problem = outcomes["model"][0]
    mask = problem.slices[name]
    results = {system: metric_table(*outcomes[system], ks, mask).values() for system in outcomes}
    return SliceResult(
        queries=len(np.unique(problem.interaction_query[mask])),
        interactions=int(mask.sum()),
        model=results["model"],
        popularity=results["popularity"],
        random=results["random"],
        baseline_model=results.get("baseline_model"),
    )


def _slice_dict(result: SliceResult) -> dict[str, Any]:
    values: dict[str, Any] = {
        "queries": result.queries,
        "interactions": result.interactions,
        "eval": result.model,
        "baseline": result.popularity,
        "random": result.random,
    }
    if result.baseline_model is not None:
        values["baseline_model"] = result.baseline_model
    return values


def _counts(problem: RankingProblem) -> dict[str, int]:
    judged = np.unique(problem.pair_query[~problem.pair_seen])
    outside = problem.interaction_candidate >= problem.number_of_candidates
    return {
        "candidates": problem.number_of_candidates,
        "interactions": len(problem.interaction_query),
        "interactions_outside_catalogue": int(outside.sum()),
        "interactions_seen_before": int(problem.interaction_seen.sum()),
        "queries": problem.number_of_queries,
        "queries_with_unseen_items": len(judged),
        "rankings": len(problem.ranking_query),
        "relevant_items": int((~problem.pair_seen).sum()),
        "seen_items": len(problem.seen.items),
    }


def _notes(problem: RankingProblem, ks: Sequence[int]) -> tuple[str, ...]:
    notes = [
        f"@{k} is more than the {problem.number_of_candidates:,} candidates: computed over all of "
        "them."
        for k in ks
        if k > problem.number_of_candidates
    ]
    outside = int((problem.interaction_candidate >= problem.number_of_candidates).sum())
    if outside:
        notes.append(
            f"{outside:,} interactions are with items outside the catalogue: they count as missed."
        )
    return tuple(notes)
