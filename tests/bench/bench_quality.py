"""Measures recommendation quality by published protocols, beside the published figures.

    python tests/bench/bench_quality.py --data DIRECTORY [--protocol q1 ...] [--seeds 3]

DIRECTORY holds ml-100k/ (u.data, u.user, u.item) and ml-1m/ratings.csv, gzipped or not; the retail
protocol uses the demo's data and needs none. Every figure comes from this project's components, run
as a pipeline: split, statistics, generated modules, transform, training and RetrievalEvaluator.
Each seed has its own split and its own training. No option was chosen by figures of a test split.
"""

from __future__ import annotations

import json
import logging
import os
import pathlib
import statistics
import tempfile
import warnings
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.filterwarnings("ignore")

import absl.logging  # noqa: E402 - after the settings that libraries read when they load.
import click  # noqa: E402
import quality_runs  # noqa: E402
import rich.console  # noqa: E402
import rich.table  # noqa: E402
from quality_protocols import LOWER_IS_BETTER, PROTOCOLS, Protocol  # noqa: E402
from quality_runs import Measured  # noqa: E402

from tfx_retrieval import config, demo  # noqa: E402
from tfx_retrieval.config import starter  # noqa: E402
from tfx_retrieval.proto import model_config_pb2  # noqa: E402

_CONFIGS = pathlib.Path(__file__).parent / "quality_configs"


def model_config(protocol: Protocol) -> model_config_pb2.ModelConfig:
    """Returns the protocol's ModelConfig, resolved."""
    if protocol.model:
        return config.read_model_config(_CONFIGS / protocol.model)
    if protocol.read is None:
        return config.read_model_config(demo.MODEL)
    proposed = json.dumps(starter.default_model_config())
    return config.parse_model_config(proposed, "the ModelConfig that init proposes")


def _spread(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.4f}"
    return f"{mean} ± {statistics.stdev(values):.4f}" if len(values) > 1 else mean


def _row(name: str, values: Sequence[float | None]) -> list[str]:
    return [name, *("" if x is None else f"{x:.4f}" for x in values)]


def _reached(metric: str, value: float, target: float | None) -> bool:
    if target is None:
        return True
    return value <= target if metric in LOWER_IS_BETTER else value >= target


def _baseline_row(name: str, runs: Sequence[Measured], metrics: Sequence[str]) -> list[str]:
    """Returns a baseline's means over the runs; empty cells where it has no figure."""
    cells = []
    for metric in metrics:
        values = [run.baselines[name].get(metric) for run in runs]
        cells.append("" if None in values else _spread(values))  # type: ignore[arg-type]
    return [f"{name}, same runs", *cells]


def _print(console: rich.console.Console, protocol: Protocol, runs: Sequence[Measured]) -> None:
    metrics = protocol.metrics
    table = rich.table.Table("", *metrics, title=protocol.title, title_justify="left")
    for published in protocol.published:
        table.add_row(*_row(published.system, [published.values.get(name) for name in metrics]))
    for name in runs[0].baselines:
        table.add_row(*_baseline_row(name, runs, metrics))
    table.add_section()
    targets = [protocol.targets.get(name) for name in metrics]
    if protocol.targets:
        table.add_row("to reach", *("" if x is None else f"{x:g}" for x in targets))
    ours = []
    for name, target in zip(metrics, targets, strict=True):
        values = [run.ours[name] for run in runs]
        reached = _reached(name, statistics.mean(values), target)
        ours.append(f"[bold{'' if reached else ' red'}]{_spread(values)}")
    runs_text = f"{len(runs)} seeds" if len(runs) > 1 else "one seed"
    table.add_row(f"[bold]this project, {runs_text}", *ours)
    console.print(table)
    seconds = statistics.mean(run.training_seconds for run in runs)
    console.print(f"{protocol.words} Training took {seconds:.0f} s.\n")


def _as_json(
    protocol: Protocol, model: model_config_pb2.ModelConfig, runs: Sequence[Measured]
) -> dict[str, Any]:
    return {
        "title": protocol.title,
        "protocol": protocol.words,
        "model": config.to_dict(model),
        "targets": protocol.targets,
        "published": {each.system: each.values for each in protocol.published},
        "runs": [
            {
                "eval": run.ours,
                "baselines": run.baselines,
                "training_seconds": run.training_seconds,
            }
            for run in runs
        ],
        "mean": {
            name: statistics.mean(run.ours[name] for run in runs) for name in protocol.metrics
        },
    }


@click.command()
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
    help="Directory with ml-100k/ and ml-1m/; not needed for retail.",
)
@click.option(
    "--protocol",
    "names",
    multiple=True,
    type=click.Choice(list(PROTOCOLS)),
    help="May be given several times; all by default.",
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="Runs of each.")
@click.option(
    "--first-seed", default=1, show_default=True, type=click.IntRange(0), help="Of the runs."
)
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="ModelConfig in place of the protocols' own.",
)
@click.option(
    "--features",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="FeatureConfig in place of the protocols' own.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="JSON file."
)
@click.option(
    "--validation",
    is_flag=True,
    help="Leaves the test rows out and divides the others in their stead: to choose options by.",
)
@click.option("--verbose", is_flag=True, help="Tells what each component does.")
def main(
    data: pathlib.Path | None,
    names: tuple[str, ...],
    seeds: int,
    first_seed: int,
    model: pathlib.Path | None,
    features: pathlib.Path | None,
    output: pathlib.Path | None,
    validation: bool,
    verbose: bool,
) -> None:
    """Prints this project's figures beside published ones, by protocol."""
    names = names or tuple(PROTOCOLS)
    if data is None and any(PROTOCOLS[name].read for name in names):
        raise click.UsageError("--data is needed for every protocol but retail")
    logging.getLogger().setLevel(logging.ERROR)
    absl.logging.set_verbosity(absl.logging.ERROR)
    if verbose:
        logging.getLogger("tfx_retrieval").setLevel(logging.INFO)
    console = rich.console.Console(width=100, highlight=False)
    results: dict[str, Any] = {}
    for name in names:
        protocol = PROTOCOLS[name]
        chosen = config.read_model_config(model) if model else model_config(protocol)
        read = (
            config.read_feature_config(features)
            if features
            else quality_runs.read_features(protocol, _CONFIGS)
        )
        runs = []
        for seed in range(first_seed, first_seed + seeds):
            click.echo(f"{name}: seed {seed}", err=True)
            with tempfile.TemporaryDirectory() as scratch:
                run = quality_runs.measure(
                    protocol,
                    data or pathlib.Path(),
                    read,
                    chosen,
                    seed,
                    pathlib.Path(scratch),
                    validation,
                )
            runs.append(run)
        _print(console, protocol, runs)
        results[name] = _as_json(protocol, chosen, runs)
        if output:
            output.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
