"""Times the stock pipeline, this project's and a bare script over the same rows.

    python tests/bench/bench_speed.py --data ML_1M [--repeat 3] [--torch-python PYTHON]
    python tests/bench/bench_speed.py --rows 100000 --rows 1000000 --rows 10000000 --only ours

Each runs as a process of its own, in turn, so that a drift of the machine's speed meets all of
them; the ratios of one run are what counts. PyTorch trains the same model on the same features if
an interpreter that has torch, numpy and pyarrow is named.
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
        metrics: Quality of the model, where measured.
    """

    wall: float
    cpu: float
    peak_mib: float
    steps: dict[str, dict[str, float]]
    epochs: list[float]
    metrics: dict[str, float]


def run(script: str, *arguments: str, python: str = sys.executable) -> Measured:
    """Runs one of the benchmark's scripts.

    Args:
        script: File name beside this one.
        *arguments: What it takes.
        python: Interpreter.

    Raises:
        click.ClickException: It failed; the end of its output is in the message.
    """
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    # The stock pipeline and the bare script choose Keras 2 like this project does.
    environment = {**os.environ, **quiet, "TF_USE_LEGACY_KERAS": "1"}
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [python, str(_HERE / script), *arguments],
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
        content.get("metrics", {}),
    )


def _middle(values: Sequence[float]) -> str:
    values = sorted(values)
    spread = f" ({values[0]:.1f}-{values[-1]:.1f})" if len(values) > 1 else ""
    return f"{statistics.median(values):.1f}{spread}"


def _print(rounds: dict[str, list[Measured]], rows: int) -> None:
    console = rich.console.Console(width=100, highlight=False)
    quality = ("recall@10", "recall@100")
    table = rich.table.Table(
        "", "wall s", "CPU s", "peak MiB", "last epoch s", *quality, title=f"{rows:,} rows"
    )
    for name, measured in rounds.items():
        table.add_row(
            name,
            _middle([m.wall for m in measured]),
            _middle([m.cpu for m in measured]),
            f"{max(m.peak_mib for m in measured):.0f}",
            _middle([m.epochs[-1] for m in measured]) if measured[0].epochs else "",
            *(f"{measured[0].metrics[q]:.4f}" if measured[0].metrics else "" for q in quality),
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

    def last_epochs(measured: list[Measured]) -> list[float]:
        return [m.epochs[-1] for m in measured]

    if "stock" in rounds:
        stock = rounds["stock"]
        ratio("stock / ours, whole", [m.wall for m in stock], [m.wall for m in ours])
        example_gen = steps(ours, "InteractionExampleGen")
        ratio("stock / ours, ExampleGen", steps(stock, "CsvExampleGen"), example_gen)
        middle = ("StatisticsGen", "Transform")
        ratio(
            "stock / ours, StatisticsGen + Transform", steps(stock, *middle), steps(ours, *middle)
        )
        ratio("stock / ours, last epoch", last_epochs(stock), last_epochs(ours))
    if "torch" in rounds:
        ratio("PyTorch / ours, last epoch", last_epochs(rounds["torch"]), last_epochs(ours))
    if "bare" in rounds:
        bare = [m.wall for m in rounds["bare"]]
        ratio("ours / bare, whole", [m.wall for m in ours], bare)
        without = [m.wall - m.steps["RetrievalEvaluator"]["wall"] for m in ours]
        ratio("ours / bare, without the evaluation that bare has not", without, bare)


def _measure(name: str, table: str, output: str, torch_python: str | None) -> Measured:
    """Runs one of the ways over a CSV file."""
    if name == "stock":
        measured = run("run_stock.py", str(pathlib.Path(table).parent), output)
        quality = run("stock_quality.py", output)
        return dataclasses.replace(measured, metrics=quality.metrics)
    if name == "torch":
        return run("run_torch.py", table, python=torch_python or sys.executable)
    if name == "bare":
        return run("run_bare.py", table, f"{output}.npz")
    return run("run_ours.py", table, str(_FEATURES), str(_MODEL), output)


@click.command()
@click.option("--data", type=click.Path(path_type=pathlib.Path), help="MovieLens-1M directory.")
@click.option("--rows", "sizes", type=int, multiple=True, help="Synthetic rows instead.")
@click.option("--repeat", default=1, show_default=True, help="Rounds.")
@click.option("--only", multiple=True, type=click.Choice(["stock", "ours", "bare", "torch"]))
@click.option("--torch-python", help="Interpreter with torch; adds PyTorch to the comparison.")
def main(
    data: pathlib.Path | None,
    sizes: tuple[int, ...],
    repeat: int,
    only: tuple[str, ...],
    torch_python: str | None,
) -> None:
    """Prints the times of the ways side by side."""
    if (data is None) == (not sizes):
        raise click.UsageError("give either --data or --rows")
    names = only or ("stock", "ours", "bare", *(["torch"] if torch_python else []))
    if "ours" not in names:
        raise click.UsageError("--only must name ours: all others are compared with it")
    tables = (
        (movielens.synthetic(rows) for rows in sizes) if sizes else [movielens.read_ml_1m(data)]
    )
    for table in tables:
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch, "data", "ratings.csv")
            path.parent.mkdir()
            movielens.write_csv(table, path)
            rows = len(table)
            del table
            rounds: dict[str, list[Measured]] = {name: [] for name in names}
            for number in range(repeat):
                for name in names:
                    click.echo(f"round {number + 1}: {name}", err=True)
                    output = f"{scratch}/{name}-{number}"
                    rounds[name].append(_measure(name, str(path), output, torch_python))
            _print(rounds, rows)


if __name__ == "__main__":
    main()
