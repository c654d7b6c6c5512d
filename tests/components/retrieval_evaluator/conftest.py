"""Runs of the executor with hand-made artifacts."""

import dataclasses
import json
import pathlib

import pytest
from support import models
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts

from tfx_retrieval.components.retrieval_evaluator import executor


@dataclasses.dataclass(frozen=True)
class Run:
    """Outputs of one run of the executor."""

    evaluation: standard_artifacts.ModelEvaluation
    blessing: standard_artifacts.ModelBlessing

    @property
    def metrics(self):
        return json.loads((pathlib.Path(self.evaluation.uri) / "metrics.json").read_text())

    @property
    def report(self):
        return (pathlib.Path(self.evaluation.uri) / "report.md").read_text()


@pytest.fixture
def evaluate(tmp_path):
    """A function that runs the executor."""
    runs = []

    def run(
        model,
        examples,
        candidates=None,
        baseline_model=None,
        query_id="user_id",
        candidate_id="item_id",
        **properties,
    ):
        uri = tmp_path / f"run-{len(runs)}"
        result = Run(standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing())
        result.evaluation.uri = str(uri / "evaluation")
        result.blessing.uri = str(uri / "blessing")
        runs.append(result)
        inputs = {"model": [model], "examples": [examples]}
        if candidates is not None:
            inputs["candidates"] = [candidates]
        if baseline_model is not None:
            inputs["baseline_model"] = [baseline_model]
        context = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=[], tmp_dir=str(tmp_path / "tmp"), unique_id=str(len(runs))
        )
        executor.Executor(context).Do(
            inputs,
            {"evaluation": [result.evaluation], "blessing": [result.blessing]},
            {
                "query_id": query_id,
                "candidate_id": candidate_id,
                "bootstrap_samples": 20,
                "thresholds": "[]",
                **properties,
            },
        )
        return result

    return run


@pytest.fixture
def examples(tmp_path):
    """A function that writes raw Examples of the given splits."""
    written = []

    def write(splits, shards=1):
        written.append(splits)
        return models.write_examples(tmp_path / f"examples-{len(written)}", splits, shards)

    return write


@pytest.fixture
def model(tmp_path):
    """A function that writes a Model with the given vectors."""
    written = []

    def write(query_vectors, candidate_vectors, **options):
        written.append(options)
        uri = tmp_path / f"model-{len(written)}"
        result = models.model_artifact(uri, query_vectors, candidate_vectors, **options)
        result.id = 100 + len(written)
        return result

    return write
