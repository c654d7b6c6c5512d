"""The whole pipeline on a small table, run once and looked at from all sides."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from support import planted

from tfx_retrieval import config
from tfx_retrieval.errors import InputError
from tfx_retrieval.pipelines import local, run_store

_COMPONENTS = [
    "InteractionExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "TransformCodegen",
    "Transform",
    "TrainerCodegen",
    "TwoTowerTrainer",
    "RetrievalEvaluator",
    "ScaNNIndexer",
    "Pusher",
]


def _run_again(finished_run, model=None, **changes):
    events = []
    result = local.run(
        str(finished_run.job.data),
        config.read_feature_config(finished_run.job.features),
        config.read_model_config(model or finished_run.job.model),
        str(finished_run.result.directory),
        on_progress=lambda *event: events.append(event),
        **changes,
    )
    return result, events


def test_each_component_runs_once(finished_run):
    started = [name for name, state in finished_run.events if state == "started"]
    finished = [name for name, state in finished_run.events if state == "finished"]
    assert sorted(started) == sorted(_COMPONENTS)
    assert sorted(finished) == sorted(_COMPONENTS)


def test_run_directory_holds_what_is_promised(finished_run):
    directory = finished_run.result.directory
    names = {path.name for path in directory.iterdir()}
    assert {"metrics.json", "modules", "metadata.db", "pipeline", "serving_model"} <= names
    modules = sorted(path.name for path in (directory / "modules").iterdir())
    assert modules == ["trainer_module.py", "transform_module.py"]


def test_metrics_file_has_the_keys_of_the_contract(finished_run):
    path = finished_run.result.directory / "metrics.json"
    metrics = json.loads(path.read_text())
    assert {"eval", "baseline", "index", "history", "config", "args", "timings"} <= set(metrics)
    wanted = {"mrr"} | {
        f"{name}@{k}" for name in ("recall", "ndcg", "hit_rate", "coverage") for k in (10, 50, 100)
    }
    assert wanted <= set(metrics["eval"])
    assert wanted <= set(metrics["baseline"])
    assert sorted(metrics["timings"]) == sorted(_COMPONENTS)
    assert metrics["args"]["split"] == "random"
    assert len(metrics["history"]["loss"]) == 4


def test_planted_tastes_are_found(finished_run):
    metrics = finished_run.result.metrics
    assert metrics["eval"]["recall@10"] > 1.5 * metrics["baseline"]["recall@10"]
    assert finished_run.result.blessed


def test_pushed_model_recommends_of_the_buyers_group(finished_run):
    from tfx_retrieval.components.scann_indexer.loading import load_index

    index = load_index(str(finished_run.result.directory / "serving_model"))
    (found,) = index.recommend([{"buyer": "buyer-8", "town": "town-1"}], k=10)
    groups = [planted.group_of(sku) for sku, _, _ in found]
    assert groups.count(8 % planted.GROUPS) >= 7
    assert all(title.startswith("Thing ") for _, _, title in found)
    (unknown,) = index.recommend([{"buyer": "nobody"}], k=5)
    assert len(unknown) == 5


def test_second_run_reuses_every_step(finished_run):
    result, events = _run_again(finished_run)
    assert sorted(name for name, state in events if state == "reused") == sorted(_COMPONENTS)
    assert result.metrics["eval"] == finished_run.result.metrics["eval"]
    assert all(step["state"] == "reused" for step in result.metrics["timings"].values())


def test_beam_runner_reuses_the_local_runners_steps(finished_run):
    _, events = _run_again(finished_run, runner="beam")
    assert sorted(name for name, state in events if state == "reused") == sorted(_COMPONENTS)


def test_another_model_config_reuses_the_transformed_data(finished_run, tmp_path):
    model = json.loads(finished_run.job.model.read_text())
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**model, "learning_rate": 0.02}))
    result, events = _run_again(finished_run, model=path, epochs=1)
    anew = _COMPONENTS[_COMPONENTS.index("TrainerCodegen") :]
    assert sorted(name for name, state in events if state == "finished") == sorted(anew)
    assert "0.02" in (result.directory / "modules" / "trainer_module.py").read_text()


def test_failed_run_leaves_no_metrics(finished_run, tmp_path):
    table = pq.read_table(finished_run.job.data).drop(["price"])
    data = tmp_path / "rows.parquet"
    pq.write_table(table, data)
    with pytest.raises(InputError, match="price"):
        local.run(
            str(data),
            config.read_feature_config(finished_run.job.features),
            config.read_model_config(finished_run.job.model),
            str(tmp_path / "run"),
        )
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert not (tmp_path / "run" / "serving_model").exists()


def test_store_says_what_it_lacks(finished_run):
    store = run_store.RunStore(str(finished_run.result.directory / "metadata.db"))
    with pytest.raises(LookupError, match="Tuner"):
        store.artifact("Tuner", "best_hyperparameters")
    with pytest.raises(LookupError, match="nothing"):
        store.artifact("TwoTowerTrainer", "nothing")
