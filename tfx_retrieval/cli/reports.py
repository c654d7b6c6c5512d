"""Tables that commands print, at most 80 columns wide."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import rich.box
import rich.console
import rich.table

from tfx_retrieval.cli.progress import format_seconds
from tfx_retrieval.cli.recommending import Recommendation

if TYPE_CHECKING:
    from tfx_retrieval.pipelines.run_store import Step

_METRIC = re.compile(r"(?P<name>recall|ndcg|hit_rate|mrr|coverage)(?:@(?P<k>\d+))?")
_NAME_WIDTH = 40
# Width of a record with the space between two.
_ROW_WIDTH = 16
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


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """Prints the metrics of a run and what a reader must know beside them, on stdout.

    Args:
        metrics: The content of `metrics.json`.
    """
    console = output_console()
    console.print(metrics_table(metrics))
    console.print()
    for line in notes(metrics):
        console.print(textwrap.fill(line, console.width), soft_wrap=True)


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


def notes(metrics: Mapping[str, Any]) -> list[str]:
    """Returns what a reader must know beside the metrics.

    Args:
        metrics: The content of `metrics.json`.
    """
    counts, index = metrics["counts"], metrics["index"]
    depth = max(index["recall"], key=lambda name: int(name.split("@")[1]))
    subject = "1 query" if counts["queries"] == 1 else f"Each of {counts['queries']:,} queries"
    lines = [
        f"{subject} ranks all {counts['candidates']:,} candidates; what it met in training is "
        "left out.",
        *metrics["notes"],
        f"Index: {index['algorithm']}, {depth} {index['recall'][depth]:.3f} of exact search, "
        f"median {index['speed']['index']['p50_ms']:.2f} ms a query.",
    ]
    checks = [
        f"{check['metric']}: {check['reason']}"
        for check in metrics["checks"]
        if check["outcome"] == "failed"
    ] + [
        f"index {check['name']}: {check['received']}, limit {check['limit']}"
        for check in index["checks"]
        if not check["passed"] and check["name"] != "model_blessed"
    ]
    if checks:
        lines.append(f"Not pushed, since checks failed: {'; '.join(checks)}.")
    return lines


def _position(name: str) -> tuple[int, int]:
    match = _METRIC.fullmatch(name)
    assert match is not None
    return _ORDER.index(match["name"]), int(match["k"] or 0)


def _cells(model: float | None, baseline: float | None) -> tuple[str, str, str]:
    ratio = "-" if model is None or not baseline else f"{model / baseline:.2f}"
    return _figure(model), _figure(baseline), ratio


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def timings_table(steps: Sequence[Step]) -> rich.table.Table:
    """Returns what each component read from and how long it took.

    Args:
        steps: The components, in the order in which they started.
    """
    # What finding an earlier result took is no share of the work.
    total = sum(step.seconds for step in steps if step.state != "reused")
    made = table("component", "reads from", "state", "elapsed", "share", right=("elapsed", "share"))
    for step in steps:
        made.add_row(
            step.component,
            ", ".join(step.reads) or "-",
            step.state,
            format_seconds(step.seconds) if step.state != "reused" else "-",
            f"{step.seconds / total:.0%}" if total and step.state != "reused" else "-",
        )
    made.add_section()
    made.add_row("all", "", "", format_seconds(total), "")
    return made


def rows_tables(rows: Sequence[Mapping[str, Any]], width: int) -> list[rich.table.Table]:
    """Returns records side by side, one line a feature, so that many features fit.

    Args:
        rows: Records: feature name to value, list or None.
        width: Columns of the terminal; tables hold as many records as are readable in it.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    name_width = min(_NAME_WIDTH, max(map(len, names), default=0))
    number = max(1, (width - name_width) // _ROW_WIDTH)
    return [
        _rows_table(names, rows[first : first + number], first + 1)
        for first in range(0, len(rows), number)
    ]


def _rows_table(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], first: int
) -> rich.table.Table:
    made = table("feature", *(f"row {number}" for number in range(first, first + len(rows))))
    made.columns[0].no_wrap = True
    made.columns[0].max_width = _NAME_WIDTH
    for name in names:
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
