"""Times the stock pipeline, this project's and a bare script over the same rows.

    python tests/bench/bench_speed.py [--online-retail] [--data ML_1M] [--repeat 3]
        [--torch-python PYTHON]
    python tests/bench/bench_speed.py --rows 100000 --rows 1000000 --rows 10000000 --only ours

Without options it takes the bundled Online Retail. Each way runs as a process of its own, in turn,
so that a drift of the machine's speed meets all of them; the ratios of one run are what counts.
PyTorch trains the same model on the same features if an interpreter that has torch, numpy and
pyarrow is named.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import click
import movielens
import numpy as np
import online_retail
import pyarrow as pa
import pyarrow.csv
import rich.console
import speed_report
import speed_sets
from speed_report import Measured

from tfx_retrieval import demo

_HERE = pathlib.Path(__file__).parent
_CONFIGS = {
    "movielens": (_HERE / "speed_features.json", _HERE / "speed_model.json"),
    "retail": (demo.FEATURES, demo.MODEL),
}
_WAYS = ("stock", "ours", "bare", "torch")


@dataclasses.dataclass(frozen=True)
class Task:
    """One table to measure on.

    Attributes:
        name: A key of `speed_sets.SETS`.
        title: What it is, for people.
        read: Returns it.
        synthetic: Whether it is one of several sizes.
    """

    name: str
    title: str
    read: Callable[[], pa.Table]
    synthetic: bool = False


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
    # A process that measures its steps resets what the kernel knows of its peak.
    content["peak_mib"] = max(content.get("peak_mib", 0.0), usage.ru_maxrss / 1024)
    return Measured(wall=wall, cpu=usage.ru_utime + usage.ru_stime, **content)


def measure(way: str, name: str, table: str, output: str, torch_python: str) -> Measured:
    """Runs one of the ways over a table.

    Args:
        way: One of `stock`, `ours`, `bare` and `torch`.
        name: A key of `speed_sets.SETS`.
        table: CSV file.
        output: Directory that it may make.
        torch_python: Interpreter with PyTorch.

    Returns:
        What it took.
    """
    if way == "stock":
        measured = run("run_stock.py", name, str(pathlib.Path(table).parent), output)
        quality = run("stock_quality.py", name, output)
        return dataclasses.replace(measured, metrics=quality.metrics)
    if way == "torch":
        return run("run_torch.py", name, table, python=torch_python)
    if way == "bare":
        return run("run_bare.py", name, table, f"{output}.npz")
    features, model = map(str, _CONFIGS[name])
    return run("run_ours.py", table, features, model, output)


def tasks(
    data: pathlib.Path | None, retail: bool, sizes: tuple[int, ...], sample: int | None
) -> Iterator[Task]:
    """Returns what to measure on; the tables are read when they are needed.

    Args:
        data: MovieLens-1M directory.
        retail: Whether Online Retail is wanted.
        sizes: Rows of synthetic tables.
        sample: Rows to draw from the real tables; None takes all.
    """
    if retail:
        yield Task(
            "retail",
            "Online Retail with the demo's configs, random split",
            lambda: sampled(online_retail.read(), sample),
        )
    if data is not None:
        yield Task(
            "movielens",
            "MovieLens-1M, random split",
            lambda: sampled(movielens.read_ml_1m(data), sample),
        )
    for rows in sorted(sizes):
        yield Task(
            "movielens", "synthetic, Zipf", lambda rows=rows: movielens.synthetic(rows), True
        )


def sampled(table: pa.Table, rows: int | None) -> pa.Table:
    """Returns random rows in the order of the table, or all of them."""
    if rows is None or rows >= len(table):
        return table
    return table.take(np.sort(np.random.default_rng(0).permutation(len(table))[:rows]))


def write_csv(table: pa.Table, path: pathlib.Path) -> None:
    """Writes `table` as CSV; the header is unquoted, since CsvExampleGen splits it at commas."""
    options = pyarrow.csv.WriteOptions(include_header=False)
    with path.open("wb") as file:
        file.write((",".join(table.column_names) + "\n").encode())
        pyarrow.csv.write_csv(table, file, options)


@click.command()
@click.option("--data", type=click.Path(path_type=pathlib.Path), help="MovieLens-1M directory.")
@click.option("--online-retail", "retail", is_flag=True, help="The bundled data set.")
@click.option("--rows", "sizes", type=int, multiple=True, help="Synthetic rows; repeat for growth.")
@click.option("--sample", type=int, help="Rows to draw from real data.  [default: all]")
@click.option("--repeat", default=1, show_default=True, help="Rounds.")
@click.option("--only", multiple=True, type=click.Choice(_WAYS), help="Ways; ours must be one.")
@click.option("--torch-python", help="Interpreter with torch; adds PyTorch to the comparison.")
def main(
    data: pathlib.Path | None,
    retail: bool,
    sizes: tuple[int, ...],
    sample: int | None,
    repeat: int,
    only: tuple[str, ...],
    torch_python: str | None,
) -> None:
    """Prints times, memory and quality of the ways side by side.

    Without --data, --online-retail and --rows, Online Retail is taken.
    """
    ways = only or tuple(way for way in _WAYS if way != "torch" or torch_python)
    if "ours" not in ways:
        raise click.UsageError("--only must name ours: all others are compared with it")
    console = rich.console.Console(width=speed_report.WIDTH, highlight=False)
    growth: dict[int, dict[str, list[Measured]]] = {}
    retail = retail or (data is None and not sizes)
    for task in tasks(data, retail, sizes, sample):
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch, "data", "rows.csv")
            path.parent.mkdir()
            table = task.read()
            rows = len(table)
            write_csv(table, path)
            del table
            rounds: dict[str, list[Measured]] = {way: [] for way in ways}
            for number in range(repeat):
                for way in ways:
                    click.echo(f"{task.title}, {rows:,} rows, round {number + 1}: {way}", err=True)
                    output = f"{scratch}/{way}-{number}"
                    python = torch_python or sys.executable
                    measured = measure(way, task.name, str(path), output, python)
                    rounds[way].append(measured)
                    # What is known stays known if the next way is broken off.
                    click.echo(f"  {speed_report.one_line(measured)}", err=True)
        title = f"{task.title}: {rows:,} rows, {speed_sets.EPOCHS} epochs"
        speed_report.print_set(console, title, rounds)
        if task.synthetic:
            growth[rows] = rounds
    if len(growth) > 1:
        speed_report.print_growth(console, growth)


if __name__ == "__main__":
    main()
