"""The executor on hand-made artifacts, and the trainer's with what it found."""

from __future__ import annotations

import json
import logging
import pathlib
import shutil

import pytest
from support import groups
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from tfx_retrieval.artifacts import ModuleFile
from tfx_retrieval.components.config_codegen import generate_trainer_module, packaging
from tfx_retrieval.components.two_tower_trainer import executor as trainer_executor
from tfx_retrieval.components.two_tower_tuner import executor
from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.errors import InputError

PROPERTIES = {"train_args": "{}", "eval_args": "{}", "custom_config": "{}"}


def _artifact(kind, uri):
    artifact = kind()
    artifact.uri = str(uri)
    uri.mkdir(exist_ok=True)
    return artifact


@pytest.fixture
def inputs(groups_transformed, tmp_path):
    """Inputs with the module of a ModelConfig."""

    def make(source):
        examples = _artifact(standard_artifacts.Examples, tmp_path / "examples")
        examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
        for split in ("train", "eval"):
            shutil.copytree(groups_transformed.directory / split, f"{examples.uri}/Split-{split}")
        graph = _artifact(standard_artifacts.TransformGraph, tmp_path / "graph")
        graph.uri = str(groups_transformed.directory / "graph")
        module = _artifact(ModuleFile, tmp_path / "module")
        packaging.write_module(module.uri, "trainer_module", source)
        return {"examples": [examples], "transform_graph": [graph], "module": [module]}

    return make


@pytest.fixture
def outputs(tmp_path):
    return {
        "best_hyperparameters": [_artifact(standard_artifacts.HyperParameters, tmp_path / "best")],
        "tuner_results": [_artifact(standard_artifacts.TunerResults, tmp_path / "results")],
    }


def _run(kind, tmp_path, *arguments):
    context = base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")
    kind(context).Do(*arguments)


def _source(**options):
    return generate_trainer_module(
        parse_feature_config(json.dumps(groups.FEATURES)),
        parse_model_config(json.dumps({**groups.MODEL, **options})),
    )


def test_the_best_options_are_found_and_train_the_model(inputs, outputs, tmp_path, caplog):
    source = _source(search_space={"epochs": [1, 5], "learning_rate": [1e-9, 0.1]})
    given = inputs(source)
    with caplog.at_level(logging.INFO, "tfx_retrieval"):
        # As Kubeflow Pipelines hands it over: 0 for a runtime parameter that nobody set.
        properties = {**PROPERTIES, "epochs": 0, "batch_size": 0, "learning_rate": 0.5}
        _run(executor.Executor, tmp_path, given, outputs, properties)
    best = json.loads((tmp_path / "best" / "best_hyperparameters.txt").read_text())
    assert best["values"] == {"epochs": 5}
    trials = json.loads((tmp_path / "results" / "tuner_results.json").read_text())
    assert [trial["epochs"] for trial in trials] == [5, 1]
    assert trials[0]["score"] > trials[1]["score"]
    assert "search space: epochs of [1, 5]" in caplog.messages
    assert any(message.startswith("trial 2: score ") for message in caplog.messages)

    made = {
        "model": [_artifact(standard_artifacts.Model, tmp_path / "model")],
        "model_run": [_artifact(standard_artifacts.ModelRun, tmp_path / "model_run")],
    }
    given["hyperparameters"] = outputs["best_hyperparameters"]
    _run(trainer_executor.Executor, tmp_path, given, made, properties)
    history = json.loads((tmp_path / "model_run" / "history.json").read_text())
    assert len(history["loss"]) == 5
    served = path_utils.serving_model_dir(made["model"][0].uri)
    assert (pathlib.Path(served) / "saved_model.pb").exists()


def test_a_module_without_a_search_is_an_input_error(inputs, outputs, tmp_path):
    with pytest.raises(InputError, match=r"no tuner_fn\n  Add search_space to the ModelConfig"):
        _run(executor.Executor, tmp_path, inputs(_source()), outputs, PROPERTIES)


def test_any_tuner_of_keras_tuners_form_will_do(inputs, outputs, tmp_path):
    source = '''
"""A module that a person wrote."""
import collections, types

Result = collections.namedtuple("Result", ["tuner", "fit_kwargs"])


def tuner_fn(fn_args):
    found = types.SimpleNamespace(
        values=fn_args.custom_config, get_config=lambda: {"values": fn_args.custom_config}
    )
    trial = types.SimpleNamespace(
        trial_id="1", score=0.5, status="COMPLETED", hyperparameters=found
    )
    tuner = types.SimpleNamespace(
        tuner_id="own",
        search_space_summary=lambda: None,
        results_summary=lambda: None,
        search=lambda rows: None,
        get_best_hyperparameters=lambda: [found],
        oracle=types.SimpleNamespace(max_trials=1, get_best_trials=lambda count: [trial]),
    )
    return Result(tuner, {"rows": 3})
'''
    given = inputs(source)
    for config in ('{"own": 1}', {"own": 1}):
        properties = {**PROPERTIES, "custom_config": config, "batch_size": 8}
        _run(executor.Executor, tmp_path, given, outputs, properties)
        (result,) = json.loads((tmp_path / "results" / "tuner_results.json").read_text())
        assert result == {"trial_id": "1", "score": 0.5, "own": 1, "batch_size": 8}
