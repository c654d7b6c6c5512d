"""Time to generate both modules of 40 features, in process and as a command.

    python tests/bench/bench_generate.py

Prints the best and the median of several runs; needs no data.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from support.config_examples import forty_features

from tfx_retrieval.components.config_codegen import (
    generate_trainer_module,
    generate_transform_module,
)
from tfx_retrieval.config import parse_feature_config, parse_model_config


def report(name, limit, run, repetitions):
    """Prints how long `run` takes, in milliseconds, beside what it may take."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    best, median = min(times), statistics.median(times)
    print(f"{name:44} best {best:6.0f} ms  median {median:6.0f} ms  limit {limit:5} ms", flush=True)


def main():
    """Measures the generators and the commands."""
    features = forty_features()
    config = parse_feature_config(json.dumps(features))
    model = parse_model_config("{}")

    def generate():
        generate_transform_module(config)
        generate_trainer_module(config, model)

    print("40 features of every kind, 2 crosses")
    report("both modules, in process", 50, generate, 20)
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        (folder / "features.json").write_text(json.dumps(features))
        (folder / "model.json").write_text("{}")
        for arguments in (
            ["transform", "features.json"],
            ["trainer", "features.json", "model.json"],
        ):
            command = [sys.executable, "-m", "tfx_retrieval.cli.main", "generate", *arguments]

            def run(command=command):
                subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)

            report("tfx-retrieval generate " + arguments[0], 1000, run, 5)


if __name__ == "__main__":
    main()
