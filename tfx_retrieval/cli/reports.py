"""Tables that commands print, at most 80 columns wide."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import rich.box
import rich.console
import rich.table

from tfx_retrieval.cli.progress import format_seconds
from tfx_retrieval.cli.recommending import Recommendation
from tfx_retrieval.cli.run_directory import Step

_METRIC = re.compile(r"(?P<name>recall|ndcg|hit_rate|mrr|coverage)(?:@(?P<k>\d+))?")
_ORDER = ("recall", "ndcg", "hit_rate", "mrr", "coverage")


def output_console() -> rich.console.Console:
    """Returns a console on stdout, 80 columns wide unless a terminal is wider."""
    width = max(80, shutil.get_terminal_size().columns) if sys.stdout.isatty() else 80
    return rich.console.Console(
        file=sys.stdout, width=width, highlight=False, emoji=False, markup=False
    )


def table(*columns: str, right: Sequence[str] = ()) -> rich.table.Table:
    """Returns an empty table.

    Args:
        *columns: The headings.
        right: Those of them whose cells are aligned right.
    """
    made = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def metrics_table(metrics: Mapping[str, Any]) -> rich.table.Table:
    """Returns the model's metrics beside those of the popularity baseline.

    Args:
        metrics: The content of `metrics.json`.
    """
    model, baseline = metrics["eval"], metrics["baseline"]
    made = table("metric", "model", "popularity", "ratio", right=("model", "popularity", "ratio"))
    for name in sorted(filter(_METRIC.fullmatch, model), key=_position):
        made.add_row(name, *_cells(model[name], baseline.get(name)))
    return made


def _position(name: str) -> tuple[int, int]:
    match = _METRIC.fullmatch(name)
    assert match is not None
    return _ORDER.index(match["name"]), int(match["k"] or 0)


def _cells(model: float, baseline: float | None) -> tuple[str, str, str]:
    if baseline is None:
        return f"{model:.4f}", "-", "-"
    ratio = f"{model / baseline:.2f}" if baseline else "-"
    return f"{model:.4f}", f"{baseline:.4f}", ratio


def timings_table(steps: Sequence[Step]) -> rich.table.Table:
    """Returns what each component read from and how long it took.

    Args:
        steps: The components, in the order in which they started.
    """
    total = sum(step.seconds for step in steps)
    made = table("component", "reads from", "state", "elapsed", "share", right=("elapsed", "share"))
    for step in steps:
        made.add_row(
            step.component,
            ", ".join(step.reads) or "-",
            step.state,
            format_seconds(step.seconds),
            f"{step.seconds / total:.0%}" if total else "-",
        )
    made.add_section()
    made.add_row("all", "", "", format_seconds(total), "")
    return made


def rows_table(rows: Sequence[Mapping[str, Any]]) -> rich.table.Table:
    """Returns records side by side, one line a feature, so that many features fit.

    Args:
        rows: Records: feature name to value, list or None.
    """
    made = table("feature", *(f"row {number}" for number in range(1, len(rows) + 1)))
    for name in dict.fromkeys(name for row in rows for name in row):
        made.add_row(name, *(_shown(row.get(name)) for row in rows))
    return made


def recommendations_table(found: Sequence[Recommendation]) -> rich.table.Table:
    """Returns a table of candidates.

    Args:
        found: The candidates, best first.
    """
    titled = any(item.title is not None for item in found)
    made = table("rank", "id", *(["name"] if titled else []), "score", right=("rank", "score"))
    for rank, item in enumerate(found, 1):
        title = [item.title or ""] if titled else []
        made.add_row(str(rank), str(item.id), *title, f"{item.score:.3f}")
    return made


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
