"""Times the stock pipeline, this project's and a bare script over the same rows.

Each runs as a process of its own, in turn, so that a drift of the machine's speed meets all of
them; the ratios of one run are what counts.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import click
import movielens
import rich.console
import rich.table

_HERE = pathlib.Path(__file__).parent
_FEATURES, _MODEL = _HERE / "speed_features.json", _HERE / "speed_model.json"


@dataclasses.dataclass
class Measured:
    """What one process took.

    Attributes:
        wall: Seconds from start to exit, imports included.
        cpu: CPU seconds of the process and its children.
        peak_mib: Largest resident memory of one process, in MiB.
        steps: Figures that the process itself noted of its steps.
        epochs: Seconds of each pass of the training, where noted.
    """

    wall: float
    cpu: float
    peak_mib: float
    steps: dict[str, dict[str, float]]
    epochs: list[float]


def run(script: str, *arguments: str) -> Measured:
    """Runs one of the benchmark's scripts.

    Args:
        script: File name beside this one.
        *arguments: What it takes.

    Raises:
        click.ClickException: It failed; the end of its output is in the message.
    """
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    # The stock pipeline and the bare script choose Keras 2 like this project does.
    environment = {**os.environ, **quiet, "TF_USE_LEGACY_KERAS": "1"}
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, str(_HERE / script), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        output.seek(0)
        lines = output.read().splitlines()
    if status:
        raise click.ClickException(f"{script} failed:\n" + "\n".join(lines[-15:]))
    (noted,) = (line for line in lines if line.startswith("MEASURED "))
    content = json.loads(noted.removeprefix("MEASURED "))
    return Measured(
        wall,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        content["steps"],
        content.get("epochs", []),
    )


def _middle(values: Sequence[float]) -> str:
    values = sorted(values)
    spread = f" ({values[0]:.1f}-{values[-1]:.1f})" if len(values) > 1 else ""
    return f"{statistics.median(values):.1f}{spread}"


def _print(rounds: dict[str, list[Measured]], rows: int) -> None:
    console = rich.console.Console(width=100, highlight=False)
    table = rich.table.Table("", "wall s", "CPU s", "peak MiB", title=f"{rows:,} rows")
    for name, measured in rounds.items():
        table.add_row(
            name,
            _middle([m.wall for m in measured]),
            _middle([m.cpu for m in measured]),
            f"{max(m.peak_mib for m in measured):.0f}",
        )
    console.print(table)
    steps = rich.table.Table("step", "wall s", "CPU s", "peak MiB")
    for name, measured in rounds.items():
        steps.add_section()
        for step in measured[0].steps:
            found = [m.steps[step] for m in measured]
            steps.add_row(
                f"{name}: {step}",
                _middle([f["wall"] for f in found]),
                _middle([f["cpu"] for f in found]) if "cpu" in found[0] else "",
                f"{max(f['peak_mib'] for f in found):.0f}" if "peak_mib" in found[0] else "",
            )
    console.print(steps)
    _print_ratios(console, rounds)


def _print_ratios(console: rich.console.Console, rounds: dict[str, list[Measured]]) -> None:
    ours = rounds["ours"]

    def ratio(name: str, theirs: list[float], mine: list[float]) -> None:
        pairs = [t / m for t, m in zip(theirs, mine, strict=True)]
        console.print(f"{name}: {_middle(pairs)}")

    def steps(measured: list[Measured], *names: str) -> list[float]:
        return [sum(m.steps[name]["wall"] for name in names) for m in measured]

    if "stock" in rounds:
        stock = rounds["stock"]
        ratio("stock / ours, whole", [m.wall for m in stock], [m.wall for m in ours])
        example_gen = steps(ours, "InteractionExampleGen")
        ratio("stock / ours, ExampleGen", steps(stock, "CsvExampleGen"), example_gen)
        middle = ("StatisticsGen", "Transform")
        ratio(
            "stock / ours, StatisticsGen + Transform", steps(stock, *middle), steps(ours, *middle)
        )
        if all(m.epochs for m in (*stock, *ours)):
            last = ([m.epochs[-1] for m in stock], [m.epochs[-1] for m in ours])
            ratio("stock / ours, last epoch", *last)
    if "bare" in rounds:
        ratio("ours / bare, whole", [m.wall for m in ours], [m.wall for m in rounds["bare"]])


@click.command()
@click.option("--data", type=click.Path(path_type=pathlib.Path), help="MovieLens-1M directory.")
@click.option("--rows", type=int, help="Synthetic rows instead.")
@click.option("--repeat", default=1, show_default=True, help="Rounds.")
@click.option("--only", multiple=True, type=click.Choice(["stock", "ours", "bare"]))
def main(data: pathlib.Path | None, rows: int | None, repeat: int, only: tuple[str, ...]) -> None:
    """Prints the times of the three ways side by side."""
    if (data is None) == (rows is None):
        raise click.UsageError("give either --data or --rows")
    names = only or ("stock", "ours", "bare")
    with tempfile.TemporaryDirectory() as scratch:
        table = movielens.read_ml_1m(data) if data else movielens.synthetic(rows or 0)
        folder = pathlib.Path(scratch, "data")
        folder.mkdir()
        path = str(folder / "ratings.csv")
        movielens.write_csv(table, pathlib.Path(path))
        rounds: dict[str, list[Measured]] = {name: [] for name in names}
        for number in range(repeat):
            for name in names:
                output = f"{scratch}/{name}-{number}"
                arguments = {
                    "stock": ("run_stock.py", str(folder), output),
                    "ours": ("run_ours.py", path, str(_FEATURES), str(_MODEL), output),
                    "bare": ("run_bare.py", path, f"{output}.npz"),
                }[name]
                click.echo(f"round {number + 1}: {name}", err=True)
                rounds[name].append(run(*arguments))
        _print(rounds, len(table))


if __name__ == "__main__":
    main()
