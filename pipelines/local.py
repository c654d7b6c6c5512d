"""Runs the pipeline on this machine and leaves a run directory.

A run directory holds `metrics.json`, `modules/` (the generated code), `metadata.db`, `pipeline/`
(the artifacts) and `serving_model/` (the pushed model). `metrics.json` is written last and at
once, so a directory with one is a finished run.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pathlib
import shutil
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tfx.orchestration import metadata, pipeline
from tfx.orchestration.beam import beam_dag_runner
from tfx.orchestration.local import local_dag_runner

from tfx_retrieval import tfx_internal
from tfx_retrieval.components.interaction_example_gen.table_spec import SplitSpec
from tfx_retrieval.config import to_dict
from tfx_retrieval.pipelines import retrieval, run_lock
from tfx_retrieval.pipelines.run_store import RunStore
from tfx_retrieval.pipelines.sources import BigQuerySource
from tfx_retrieval.proto import feature_config_pb2, model_config_pb2

METRICS_FILE = "metrics.json"
METADATA_FILE = "metadata.db"
MODULES_DIR = "modules"
ARTIFACTS_DIR = "pipeline"
SERVING_DIR = "serving_model"
PIPELINE_NAME = "tfx-retrieval"

_RUNNERS = {"local": local_dag_runner.LocalDagRunner, "beam": beam_dag_runner.BeamDagRunner}
_LOGGER = logging.getLogger("tfx_retrieval.pipeline")


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a run left.

    Attributes:
        directory: The run directory.
        metrics: Content of `metrics.json`.
        blessed: Whether the model and its index passed their gates.
    """

    directory: pathlib.Path
    metrics: Mapping[str, Any]
    blessed: bool


def run(
    data: str | BigQuerySource,
    feature_config: feature_config_pb2.FeatureConfig,
    model_config: model_config_pb2.ModelConfig,
    output: str,
    *,
    split: str = "random",
    runner: str = "local",
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    sample_rows: int | None = None,
    warm_start: bool = False,
    beam_pipeline_args: tuple[str, ...] = (),
    on_progress: Callable[[str, str], None] | None = None,
) -> RunResult:
    """Runs every step from raw rows to a pushed index; finished steps are reused.

    Args:
        data: CSV or Parquet file, pattern or directory, `bq://PROJECT.DATASET.TABLE`, or a
            BigQuerySource.
        feature_config: A resolved FeatureConfig.
        model_config: A resolved ModelConfig.
        output: Run directory; made if it does not exist.
        split: `random`, `temporal` or `leave-one-out`.
        runner: `local` (LocalDagRunner) or `beam` (BeamDagRunner).
        epochs: Takes the place of the ModelConfig's.
        batch_size: Takes the place of the ModelConfig's.
        learning_rate: Takes the place of the ModelConfig's.
        sample_rows: About how many rows to use; None uses all.
        warm_start: Whether training starts from the latest blessed model of this run directory;
            see `retrieval.create_pipeline`.
        beam_pipeline_args: Arguments of the components that run on Beam.
        on_progress: Called with a component's id and `started`, `finished`, `reused` or
            `failed`.

    Returns:
        The metrics and where everything is.

    Raises:
        InputError: The data or a config is wrong, or another run is under way in `output`.
    """
    directory = pathlib.Path(output).absolute()
    directory.mkdir(parents=True, exist_ok=True)
    with run_lock.held(directory):
        # A directory whose run is under way, or was broken off, holds no metrics.
        (directory / METRICS_FILE).unlink(missing_ok=True)
        store = RunStore(str(directory / METADATA_FILE))
        made = retrieval.create_pipeline(
            PIPELINE_NAME,
            str(directory / ARTIFACTS_DIR),
            _absolute(data) if isinstance(data, str) else data,
            feature_config,
            model_config,
            serving_model_dir=str(directory / SERVING_DIR),
            split=SplitSpec(method=split),
            sample_rows=sample_rows or 0,
            overrides=retrieval.TrainingOverrides(epochs, batch_size, learning_rate),
            warm_start=warm_start,
            metadata_connection_config=metadata.sqlite_metadata_connection_config(
                str(directory / METADATA_FILE)
            ),
            beam_pipeline_args=beam_pipeline_args,
        )
        _execute(made, runner, on_progress or (lambda *_: None))
        _copy_modules(store, directory / MODULES_DIR)
        arguments = {
            "data": data if isinstance(data, str) else dataclasses.asdict(data),
            "split": split,
            "runner": runner,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "sample_rows": sample_rows,
            "warm_start": warm_start,
        }
        configs = {"features": to_dict(feature_config), "model": to_dict(model_config)}
        nodes = [node.id for node in made.components]
        metrics = _collect_metrics(store, nodes, configs, arguments)
        _write_json(directory / METRICS_FILE, metrics)
        blessed = store.is_blessed("ScaNNIndexer")
        if not blessed:
            _LOGGER.warning("not blessed, so nothing was pushed: see checks in %s", METRICS_FILE)
        return RunResult(directory, metrics, blessed)


def _absolute(data: str) -> str:
    return data if "://" in data else str(pathlib.Path(data).absolute())


def _execute(made: pipeline.Pipeline, runner: str, on_progress: Callable[[str, str], None]) -> None:
    with tfx_internal.observed_nodes(on_progress):
        _RUNNERS[runner]().run(made)


def _collect_metrics(
    store: RunStore,
    nodes: Collection[str],
    configs: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns the content of `metrics.json` from the artifacts of the latest run."""
    evaluation = store.read_json("RetrievalEvaluator", "evaluation", "metrics.json")
    tuning = {}
    if "TwoTowerTuner" in nodes:
        trials = store.read_json("TwoTowerTuner", "tuner_results", "tuner_results.json")
        tuning = {"tuning": trials}
    return {
        **evaluation,
        **tuning,
        "index": store.read_json("ScaNNIndexer", "evaluation", "index_evaluation.json"),
        "history": store.read_json("TwoTowerTrainer", "model_run", "history.json"),
        "data": store.read_json("InteractionExampleGen", "examples", "report.json"),
        "config": dict(configs),
        "args": dict(arguments),
        "timings": store.timings(nodes),
    }


def _copy_modules(store: RunStore, directory: pathlib.Path) -> None:
    """Copies the generated modules to where a person finds them."""
    directory.mkdir(exist_ok=True)
    for key, node in retrieval.MODULE_NODES.items():
        source = os.path.join(store.artifact_uri(node, key), f"{key}.py")
        shutil.copyfile(source, directory / f"{key}.py")


def _write_json(path: pathlib.Path, content: Mapping[str, Any]) -> None:
    """Writes a file that is either whole or not there."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)
