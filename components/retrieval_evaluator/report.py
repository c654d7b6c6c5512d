"""The written result: `metrics.json` and a readable `report.md`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_retrieval.components.retrieval_evaluator import thresholds
from tfx_retrieval.components.retrieval_evaluator.measuring import TRAIN_SPLIT, Measurement
from tfx_retrieval.components.retrieval_evaluator.metrics import (
    OVERALL,
    PER_INTERACTION,
    PER_QUERY,
)
from tfx_retrieval.components.retrieval_evaluator.options import EvaluatorOptions

METRICS_FILE = "metrics.json"
REPORT_FILE = "report.md"

_ORDER = (*PER_QUERY, "mrr", *PER_INTERACTION, *OVERALL)
_SLICE_METRICS = ("recall", "ndcg", "hit_rate")
_SYSTEMS = (
    ("eval", "model"),
    ("baseline", "popularity"),
    ("random", "random"),
    ("baseline_model", "baseline model"),
)


def protocol(measured: Measurement, wanted: EvaluatorOptions) -> dict[str, str]:
    """States how the figures were measured, subject by subject."""
    splits = measured.splits
    evaluated, seen = ", ".join(splits.evaluated), ", ".join(splits.seen)
    first = (
        f"earliest row by {wanted.timestamp!r}" if wanted.timestamp else "first row in file order"
    )
    return {
        "candidates": "Full ranking: every candidate of the catalogue is scored, none is sampled.",
        "confidence_intervals": (
            f"95% percentile bootstrap over queries, {wanted.bootstrap_samples} draws, seed "
            f"{wanted.seed}; of the model's metrics, without coverage."
        ),
        "coverage": (
            "coverage@K: share of the catalogue that is among the first K of at least one query."
        ),
        "novelty": (
            "novelty@K: mean of -log2 of a candidate's share of the training interactions (one "
            "added to each count) over a query's first K, averaged over queries."
        ),
        "per_interaction": (
            "top_k_accuracy@K: share of evaluation rows whose candidate is among the first K of "
            "the ranking for that row's own features (the protocol of TensorFlow Recommenders' "
            "tutorials); other relevant items stay in the ranking. Rows with an item that the "
            "query has seen before are left out. top_k_accuracy_seen_kept@K: the same over all "
            "rows with seen items left in the ranking."
        ),
        "per_query": (
            "recall@K, ndcg@K, hit_rate@K, precision@K, map@K and mrr: one ranking per query, for "
            f"the features of its {first}; averaged over queries with at least one relevant item. "
            "With n relevant items: recall = hits / n, precision = hits / K, NDCG with binary "
            "relevance and the ideal of min(K, n) hits, MAP divided by min(K, n), MRR over the "
            "whole ranking."
        ),
        "popularity": (
            f"baseline: candidates by their number of rows in split {TRAIN_SPLIT}, equal numbers "
            "by id; same protocol."
        ),
        "random": (
            "random: one random order of the catalogue, rotated by a random number of places for "
            f"each query, seed {wanted.seed}; same protocol."
        ),
        "relevance": (
            f"Relevant are a query's distinct candidates in split {evaluated}, without those it "
            "has seen before."
        ),
        "seen": (
            f"A query's candidates in split {seen} are excluded from its ranking and its relevant "
            "items."
            if splits.seen
            else "Nothing is excluded: items seen before stay in rankings and relevant items."
        ),
        "slices": (
            "A slice keeps the rankings and counts only the relevant items of its rows. Cold means "
            f"without a row in split {TRAIN_SPLIT}."
        ),
        "split": evaluated,
        "ties": "Equal scores are ranked by ascending candidate id.",
    }


def as_json(
    measured: Measurement,
    wanted: EvaluatorOptions,
    checks: Sequence[thresholds.Check],
    blessed: bool,
) -> dict[str, Any]:
    """Returns the content of `metrics.json` as plain values.

    Args:
        measured: The figures.
        wanted: What was asked for.
        checks: The limits held against the figures.
        blessed: Whether the model is blessed.

    Returns:
        `eval`, `baseline`, `random`, `confidence_intervals`, `slices`, `counts`, `protocol`,
        `notes`, `checks`, `blessed` and, with a baseline model, `baseline_model`.
    """
    result = measured.evaluation.as_dict()
    result["counts"]["rows_left_out"] = measured.rows_left_out
    result["counts"]["train_interactions"] = measured.train_interactions
    result["notes"].extend(measured.notes)
    result["protocol"] = protocol(measured, wanted)
    result["checks"] = [dataclasses.asdict(check) for check in checks]
    result["blessed"] = blessed
    return result


def json_text(content: Mapping[str, Any]) -> str:
    """Returns the text of `metrics.json`: keys sorted, plain numbers."""
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def markdown_text(content: Mapping[str, Any], ks: Sequence[int]) -> str:
    """Returns the text of `report.md`.

    Args:
        content: See `as_json`.
        ks: Cut-offs.

    Returns:
        The report in Markdown.
    """
    counts = content["counts"]
    lines = [
        "# Retrieval evaluation",
        "",
        f"{counts['queries_with_unseen_items']:,} queries with {counts['relevant_items']:,} "
        f"relevant items in split {content['protocol']['split']}, "
        f"{counts['candidates']:,} candidates.",
        "",
        *_metric_table(content),
        "",
        f"## Checks: the model is {'blessed' if content['blessed'] else 'not blessed'}",
        "",
        *(_check_line(check) for check in content["checks"]),
        "",
        "## Slices",
        "",
        *_slice_table(content["slices"], ks),
        "",
        "## Protocol",
        "",
        *(f"- {subject}: {text}" for subject, text in sorted(content["protocol"].items())),
    ]
    if content["notes"]:
        lines += ["", "## Notes", "", *(f"- {note}" for note in content["notes"])]
    return "\n".join(lines) + "\n"


def _metric_table(content: Mapping[str, Any]) -> list[str]:
    """Returns one line per metric, systems side by side."""
    systems = [(key, title) for key, title in _SYSTEMS if key in content]
    header = ["metric", "model", "95% interval", *(title for _, title in systems[1:])]
    rows = []
    for name in sorted(content["eval"], key=_place):
        bounds = content["confidence_intervals"].get(name)
        interval = f"{bounds[0]:.4f} to {bounds[1]:.4f}" if bounds else ""
        others = [_figure(content[key].get(name)) for key, _ in systems[1:]]
        rows.append([name, _figure(content["eval"][name]), interval, *others])
    return _table(header, rows)


def _place(name: str) -> tuple[int, int]:
    """Orders metric names by metric, then by cut-off."""
    base, _, k = name.partition("@")
    return _ORDER.index(base), int(k or 0)


def _slice_table(slices: Mapping[str, Any], ks: Sequence[int]) -> list[str]:
    names = [f"{name}@{k}" for name in _SLICE_METRICS for k in ks]
    rows = [
        [
            name.replace("|", "\\|"),
            f"{result['queries']:,}",
            f"{result['interactions']:,}",
            *(_figure(result["eval"][metric]) for metric in names),
            _figure(result["baseline"][names[len(ks) - 1]]),
        ]
        for name, result in slices.items()
    ]
    header = ["slice", "queries", "interactions", *names, f"popularity {names[len(ks) - 1]}"]
    return _table(header, rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in header[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _check_line(check: Mapping[str, Any]) -> str:
    place = f" on {check['slice']}" if check["slice"] else ""
    return f"- {check['outcome']}: {check['metric']}{place}, {check['rule']}: {check['reason']}"
