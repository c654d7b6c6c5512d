"""Runs with a search space, and runs that start from an earlier model."""

from __future__ import annotations

import json
import shutil
import types

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from support import generated_modules, planted
from tfx.utils import path_utils

from tfx_retrieval import config
from tfx_retrieval.pipelines import local, retrieval, run_store

pytestmark = pytest.mark.slow

# Rows of the table that come again with new buyers and products, of the same tastes.
_NEW = 3_000


def _run(job, model, output, **options):
    events = []
    result = local.run(
        str(job.data),
        config.read_feature_config(job.features),
        config.parse_model_config(json.dumps(model)),
        str(output),
        on_progress=lambda *event: events.append(event),
        **options,
    )
    return result, events


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A run that searches epochs, of which the ModelConfig's own are none."""
    directory = tmp_path_factory.mktemp("tuned")
    job = planted.write_job(directory)
    space = {"epochs": [1, 3], "temperature": [1.0], "max_trials": 2}
    model = {**json.loads(job.model.read_text()), "search_space": space}
    result, events = _run(job, model, directory / "run")
    return job, model, result, events


def test_the_model_is_trained_with_the_best_options(tuned):
    _, _, result, events = tuned
    trials = result.metrics["tuning"]
    assert sorted(trial["epochs"] for trial in trials) == [1, 3]
    assert trials[0]["score"] > trials[1]["score"]
    assert len(result.metrics["history"]["loss"]) == trials[0]["epochs"]
    order = [name for name, state in events if state == "started"]
    assert order.index("TwoTowerTuner") < order.index("TwoTowerTrainer")
    assert result.metrics["timings"]["TwoTowerTuner"]["state"] == "done"


def test_trials_are_not_repeated(tuned):
    job, model, result, _ = tuned
    again, events = _run(job, model, result.directory)
    assert {state for _, state in events if state != "started"} == {"reused"}
    assert again.metrics["tuning"] == result.metrics["tuning"]


def _renamed(values):
    """Returns ids such as `sku-17` as `sku-6017`, which are in the same group."""
    names, numbers = zip(*(value.split("-") for value in values), strict=True)
    return [
        f"{name}-{int(n) + 1000 * planted.GROUPS}" for name, n in zip(names, numbers, strict=True)
    ]


@pytest.fixture(scope="module")
def warm(finished_run, tmp_path_factory):
    """A warm start from `finished_run` on a table with new buyers and products."""
    directory = tmp_path_factory.mktemp("warm")
    job = planted.write_job(directory)
    table = pq.read_table(job.data)
    newest = table.slice(table.num_rows - _NEW)
    for name in ("Buyer ID", "sku"):
        ids = pa.array(_renamed(newest[name].to_pylist()))
        newest = newest.set_column(newest.schema.get_field_index(name), name, ids)
    pq.write_table(pa.concat_tables([table, newest]), job.data)
    # The store of the earlier run, whose artifacts stay where they are.
    (directory / "run").mkdir()
    shutil.copy(finished_run.result.directory / "metadata.db", directory / "run")
    model = json.loads(job.model.read_text())
    result, _ = _run(job, model, directory / "run", warm_start=True, epochs=2)
    return result


def _store(result):
    return run_store.RunStore(str(result.directory / "metadata.db"))


@pytest.fixture(scope="module")
def again(warm, finished_run):
    """The warm run's module, data and first weights, to look into."""
    store = _store(warm)
    examples = store.artifact_uri("Transform", "transformed_examples")
    module = warm.directory / "modules" / "trainer_module.py"
    earlier = _store(finished_run.result).artifact_uri("TwoTowerTrainer", "model")
    return types.SimpleNamespace(
        module=generated_modules.load_source(module.read_text(), warm.directory / "m", "trainer"),
        base_model=path_utils.serving_model_dir(earlier),
        output=tft.TFTransformOutput(store.artifact_uri("Transform", "transform_graph")),
        fn_args=types.SimpleNamespace(
            train_files=[f"{examples}/Split-train/*"],
            eval_files=[f"{examples}/Split-eval/*"],
            train_steps=None,
            model_run_dir=None,
            base_model=None,
            hyperparameters=None,
            custom_config={"epochs": 1},
        ),
    )


def test_the_latest_blessed_model_is_start_and_baseline(warm, finished_run):
    # The index is a Model with a blessing too, and newer.
    found = _store(warm).artifact_uri(retrieval.RESOLVER_ID, "model")
    assert found == _store(finished_run.result).artifact_uri("TwoTowerTrainer", "model")
    assert warm.metrics["baseline_model"]["recall@10"] > 0
    assert warm.metrics["args"]["warm_start"] is True


def test_a_warm_start_begins_where_a_cold_one_has_yet_to_come(warm, again):
    options = again.module.training_options(again.fn_args)
    strategy = tf.distribute.get_strategy()
    data = again.module.read_data(again.fn_args, again.output)
    _, cold = again.module.train_model(again.fn_args, options, again.output, strategy, data)
    assert warm.metrics["history"]["loss"][0] < cold["loss"][0] - 0.1


@pytest.mark.parametrize("table", ["buyer", "sku"])
def test_old_ids_keep_their_rows_and_new_ones_have_some(again, table):
    module = again.module
    data = module.read_data(again.fn_args, again.output)
    model = module.TwoTowerModel(again.output)
    model.compute_loss(next(iter(module.input_fn(data.train, data.train_rows, 64, False))))
    (name,) = [n for n, v in module.VOCABULARIES.items() if v == table]
    (weight,) = [w for w in model.weights if f"/{name}/" in w.name]
    fresh = weight.numpy()
    module.warm_start(model, again.base_model, again.output)

    saved = tf.saved_model.load(again.base_model)
    (earlier,) = [w.numpy() for w in saved.weights if f"/{name}/" in w.name]
    with open(f"{again.base_model}/assets/{table}", "rb") as file:
        earlier_row = {term: row for row, term in enumerate(file.read().splitlines())}
    terms = again.output.vocabulary_by_name(table)
    new = [row for row, term in enumerate(terms) if term not in earlier_row]
    old = [row for row, term in enumerate(terms) if term in earlier_row]
    assert len(new) > 20
    assert len(old) > 100
    expected = np.stack([earlier[earlier_row[terms[row]]] for row in old])
    np.testing.assert_array_equal(weight.numpy()[old], expected)
    np.testing.assert_array_equal(weight.numpy()[new], fresh[new])


def test_new_ids_are_recommended(warm):
    from tfx_retrieval.components.scann_indexer.loading import load_index

    index = load_index(str(warm.directory / "serving_model"))
    (found,) = index.recommend([{"buyer": "buyer-6008", "town": "town-1"}], k=50)
    assert any(int(sku.split("-")[1]) >= 6000 for sku, _, _ in found)


def test_without_a_blessed_model_training_starts_afresh(tmp_path):
    job = planted.write_job(tmp_path)
    model = json.loads(job.model.read_text())
    result, events = _run(job, model, tmp_path / "run", warm_start=True, epochs=1, sample_rows=1500)
    assert (retrieval.RESOLVER_ID, "finished") in events
    assert result.metrics["args"]["warm_start"] is True
    assert not result.metrics.get("baseline_model")
