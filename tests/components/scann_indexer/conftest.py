"""Small trained models, runs of the executor, and processes that know nothing of them."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from support import models
from tfx.types import standard_artifacts

from tfx_retrieval.components.scann_indexer import executor
from tfx_retrieval.components.scann_indexer.query_tower import QueryTower

DIMENSION = 6


def whole_vectors(count, seed):
    """Vectors of small whole numbers: their dot products are exact, and many are equal."""
    drawn = np.random.default_rng(seed).integers(-2, 3, (count, DIMENSION))
    return drawn.astype(np.float32)


@pytest.fixture(scope="package")
def query_vectors():
    """Vector of each of 40 users."""
    return {f"u{n}": vector for n, vector in enumerate(whole_vectors(40, seed=1))}


@pytest.fixture(scope="package")
def model_path(tmp_path_factory, query_vectors):
    """A trained model whose catalogue is of no interest."""
    path = str(tmp_path_factory.mktemp("model"))
    return models.save_tiny_two_tower(path, query_vectors, {"i": [0.0] * DIMENSION})


@pytest.fixture(scope="package")
def tower(model_path):
    """The query tower of the model."""
    return QueryTower(tf.saved_model.load(model_path), model_path)


@dataclasses.dataclass(frozen=True)
class Run:
    """Outputs of one run of the executor."""

    index: standard_artifacts.Model
    evaluation: standard_artifacts.ModelEvaluation
    blessing: standard_artifacts.ModelBlessing

    @property
    def report(self):
        path = pathlib.Path(self.evaluation.uri) / "index_evaluation.json"
        return json.loads(path.read_text())


def run_executor(directory, inputs, retrieval=None, **parameters):
    """Runs the executor on artifacts, the way a launcher does."""
    outputs = {
        "index": standard_artifacts.Model(),
        "evaluation": standard_artifacts.ModelEvaluation(),
        "blessing": standard_artifacts.ModelBlessing(),
    }
    for name, output in outputs.items():
        output.uri = str(pathlib.Path(directory) / name)
        os.makedirs(output.uri)
    properties = {
        "candidate_id": "item_id",
        "retrieval": json.dumps(retrieval or {}),
        "query_split": "eval",
        "num_recall_queries": 50,
        "seed": 7,
        "format_version": 1,
        **parameters,
    }
    executor.Executor().Do(
        {name: [artifact] for name, artifact in inputs.items()},
        {name: [artifact] for name, artifact in outputs.items()},
        properties,
    )
    return Run(**outputs)


@pytest.fixture(scope="package")
def index_candidates():
    """Returns a function that runs the executor."""
    return run_executor


@pytest.fixture(scope="package")
def fresh_python(tmp_path_factory):
    """Returns a function that runs code in a new process and returns the JSON it prints."""

    def run(code, *arguments):
        script = tmp_path_factory.mktemp("fresh") / "script.py"
        script.write_text(code)
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=script.parent,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run
