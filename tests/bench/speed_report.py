"""What the speed benchmark prints, in 100 columns."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

import rich.box
import rich.console
import rich.table

WIDTH = 100
QUALITY = ("recall@10", "ndcg@10", "recall@100")

_EXAMPLE_GEN = {"stock": "CsvExampleGen", "ours": "InteractionExampleGen"}
_TRAINER = {"stock": "Trainer", "ours": "TwoTowerTrainer"}
_MEASURES = ("wall", "cpu", "peak_mib")
_TITLES = ("wall s", "CPU s", "peak MiB")


@dataclasses.dataclass
class Measured:
    """What one process took.

    Attributes:
        wall: Seconds from start to exit, imports included.
        cpu: CPU seconds of the process and its children.
        peak_mib: Largest resident memory of one process, in MiB.
        steps: The same of each step, by name; without `peak_mib` where the kernel tells none.
        epochs: Seconds of each pass of the training, where noted.
        metrics: Quality of the model, where measured.
        popularity: The same of the popularity baseline.
    """

    wall: float
    cpu: float
    peak_mib: float
    steps: dict[str, dict[str, float]]
    epochs: list[float] = dataclasses.field(default_factory=list)
    metrics: dict[str, float | None] = dataclasses.field(default_factory=dict)
    popularity: dict[str, float | None] = dataclasses.field(default_factory=dict)

    def whole(self) -> dict[str, float]:
        """Returns the figures of the whole process under the names that those of steps have."""
        return {name: getattr(self, name) for name in _MEASURES}

    def together(self, steps: Sequence[str]) -> dict[str, float]:
        """Returns the figures of several steps as if they were one."""
        found = [self.steps[step] for step in steps]
        figures = {name: sum(step[name] for step in found) for name in ("wall", "cpu")}
        if all("peak_mib" in step for step in found):
            figures["peak_mib"] = max(step["peak_mib"] for step in found)
        return figures


Rounds = Mapping[str, Sequence[Measured]]
"""What each way took, round by round."""


def middle(values: Sequence[float]) -> str:
    """Returns the median, with the smallest and the largest if there are several values."""
    if not values:
        return ""
    text = _number(statistics.median(values))
    if len(values) == 1:
        return text
    return f"{text} ({_number(min(values))}-{_number(max(values))})"


def one_line(measured: Measured) -> str:
    """Returns what one process took, in a line."""
    figures = (
        f"{_number(value)} {title}"
        for value, title in zip(measured.whole().values(), ("s", "CPU s", "MiB"), strict=True)
    )
    return ", ".join(figures)


def print_set(console: rich.console.Console, title: str, rounds: Rounds) -> None:
    """Prints times, memory, quality, steps and ratios of all ways over one table.

    Args:
        console: Where to.
        title: What was measured.
        rounds: What each way took.
    """
    count = len(next(iter(rounds.values())))
    console.rule()
    console.print(f"{title}; {'one round' if count == 1 else f'medians of {count} rounds'}")
    console.print(_whole_table(rounds))
    console.print(_step_table(rounds))
    console.print(_ratio_table(rounds))


def print_growth(console: rich.console.Console, sizes: Mapping[int, Rounds]) -> None:
    """Prints how times and memory grow with the rows.

    Args:
        console: Where to.
        sizes: What each way took, by number of rows.
    """
    console.rule()
    console.print("growth with the rows; x: so many times the figure at the size before")
    whole = _table("", "rows", *(title for name in _TITLES for title in (name, "x")))
    for way in next(iter(sizes.values())):
        whole.add_section()
        before: dict[str, float] = {}
        for rows, rounds in sizes.items():
            now = _medians([measured.whole() for measured in rounds[way]])
            cells = [
                text
                for name in _MEASURES
                for text in (_number(now[name]), _factor(before.get(name), now[name]))
            ]
            whole.add_row(way if not before else "", f"{rows:,}", *cells)
            before = now
    console.print(whole)
    console.print(_growth_of_steps(sizes))


def _growth_of_steps(sizes: Mapping[int, Rounds]) -> rich.table.Table:
    names = [_short(rows) for rows in sizes]
    table = _table(
        "step; x: last by first",
        *(f"{n}\ns" for n in names),
        "x",
        *(f"{n}\nMiB" for n in names),
        "x",
    )
    first = next(iter(sizes.values()))
    for way, measured in first.items():
        table.add_section()
        for step in measured[0].steps:
            found = [
                _medians([m.steps[step] for m in rounds[way] if step in m.steps])
                for rounds in sizes.values()
            ]
            cells = []
            for name in ("wall", "peak_mib"):
                values = [figures.get(name) for figures in found]
                cells += ["" if value is None else _number(value) for value in values]
                cells.append(_factor(values[0], values[-1]))
            table.add_row(f"{way}: {step}", *cells)
    return table


def _whole_table(rounds: Rounds) -> rich.table.Table:
    table = _table("whole", *_TITLES, *(name.replace("@", "\n@") for name in QUALITY))
    for way, measured in rounds.items():
        figures = [m.whole() for m in measured]
        table.add_row(way, *_middles(figures), *_quality([m.metrics for m in measured]))
    popularity = [m.popularity for m in rounds["ours"]]
    table.add_row("popularity", "", "", "", *_quality(popularity))
    return table


def _step_table(rounds: Rounds) -> rich.table.Table:
    table = _table("step", *_TITLES)
    for way, measured in rounds.items():
        table.add_section()
        for step in measured[0].steps:
            table.add_row(f"{way}: {step}", *_middles([m.steps[step] for m in measured]))
        if measured[0].epochs:
            table.add_row(f"{way}: last epoch", middle([m.epochs[-1] for m in measured]), "", "")
    return table


def _ratio_table(rounds: Rounds) -> rich.table.Table:
    table = _table("ratio", "wall", "CPU", "peak memory")

    def add(name: str, dividends: list[dict[str, float]], divisors: list[dict[str, float]]) -> None:
        ratios = [
            {key: dividend[key] / divisor[key] for key in dividend if key in divisor}
            for dividend, divisor in zip(dividends, divisors, strict=True)
        ]
        table.add_row(name, *_middles(ratios))

    def whole(way: str) -> list[dict[str, float]]:
        return [m.whole() for m in rounds[way]]

    def steps(way: str, *names: str) -> list[dict[str, float]]:
        return [m.together(names) for m in rounds[way]]

    def last_epochs(way: str) -> list[dict[str, float]]:
        return [{"wall": m.epochs[-1]} for m in rounds[way]]

    def without_evaluation() -> list[dict[str, float]]:
        """Returns ours without what no other way does."""
        return [
            {key: figures[key] - left_out[key] for key in ("wall", "cpu")}
            for figures, left_out in zip(
                whole("ours"), steps("ours", "RetrievalEvaluator"), strict=True
            )
        ]

    if "stock" in rounds:
        add("stock / ours: whole", whole("stock"), whole("ours"))
        add("stock / ours without its evaluation: whole", whole("stock"), without_evaluation())
        for name, of_way in (("ExampleGen", _EXAMPLE_GEN), ("Trainer", _TRAINER)):
            theirs, mine = steps("stock", of_way["stock"]), steps("ours", of_way["ours"])
            add(f"stock / ours: {name}", theirs, mine)
        both = ("StatisticsGen", "Transform")
        add(f"stock / ours: {' + '.join(both)}", steps("stock", *both), steps("ours", *both))
        add("stock / ours: last epoch", last_epochs("stock"), last_epochs("ours"))
    if "torch" in rounds:
        add("PyTorch / ours: last epoch", last_epochs("torch"), last_epochs("ours"))
    if "bare" in rounds:
        add("ours / bare: whole", whole("ours"), whole("bare"))
        add("ours without its evaluation / bare: whole", without_evaluation(), whole("bare"))
    return table


def _table(first: str, *others: str) -> rich.table.Table:
    table = rich.table.Table(first, box=rich.box.SIMPLE_HEAD)
    for title in others:
        table.add_column(title, justify="right")
    return table


def _middles(figures: Sequence[Mapping[str, float]]) -> list[str]:
    return [middle([found[name] for found in figures if name in found]) for name in _MEASURES]


def _medians(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = figures[0] if figures else ()
    return {name: statistics.median(found[name] for found in figures) for name in names}


def _quality(found: Sequence[Mapping[str, float | None]]) -> list[str]:
    columns = ([metrics.get(name) for metrics in found] for name in QUALITY)
    known = ([value for value in column if value is not None] for column in columns)
    return [f"{statistics.median(values):.4f}" if values else "" for values in known]


def _factor(before: float | None, now: float | None) -> str:
    return _number(now / before) if before and now is not None else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _short(rows: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if rows >= size:
            return f"{rows / size:g}{letter}"
    return str(rows)
