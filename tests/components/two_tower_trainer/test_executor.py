"""The executor hands artifacts and parameters to `run_fn` and checks what it leaves."""

import json
import logging

import pytest
from support.example_files import artifact
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from tfx_retrieval.artifacts import ModuleFile
from tfx_retrieval.components.config_codegen import packaging
from tfx_retrieval.components.two_tower_trainer import executor

# Writes down what it was given where a model would be.
_SOURCE = """
import json
import os


def run_fn(fn_args):
    print("first line\\n\\nsecond", "line")
    os.makedirs(fn_args.serving_model_dir, exist_ok=True)
    names = (
        "train_files", "eval_files", "train_steps", "eval_steps", "transform_graph_path",
        "schema_path", "base_model", "hyperparameters", "custom_config", "serving_model_dir",
        "model_run_dir",
    )
    given = {name: getattr(fn_args, name) for name in names}
    with open(os.path.join(fn_args.serving_model_dir, "saved_model.pb"), "w") as file:
        json.dump(given, file)
    print("no line break at the end", end="")
"""
_NOTHING = "def run_fn(fn_args):\n    pass\n"
_OTHER_FILE = """
import os


def run_fn(fn_args):
    open(os.path.join(fn_args.serving_model_dir, "notes.txt"), "w").close()
"""
_PROPERTIES = {"train_args": "{}", "eval_args": "{}", "custom_config": "null"}


@pytest.fixture
def run(tmp_path):
    def do(source=_SOURCE, inputs=None, **properties):
        packaging.write_module(str(tmp_path / "module"), "trainer_module", source)
        examples = artifact(standard_artifacts.Examples, tmp_path / "examples")
        examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
        graph = artifact(standard_artifacts.TransformGraph, tmp_path / "graph")
        model = artifact(standard_artifacts.Model, tmp_path / "model")
        outputs = {
            "model": [model],
            "model_run": [artifact(standard_artifacts.ModelRun, tmp_path / "model_run")],
        }
        given = {
            "examples": [examples],
            "transform_graph": [graph],
            "module": [artifact(ModuleFile, tmp_path / "module")],
            **(inputs or {}),
        }
        context = base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")
        executor.Executor(context).Do(given, outputs, {**_PROPERTIES, **properties})
        path = f"{path_utils.serving_model_dir(model.uri)}/saved_model.pb"
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    return do


def test_run_fn_gets_the_artifacts(run, tmp_path):
    given = run()
    assert given == {
        "train_files": [f"{tmp_path}/examples/Split-train/*"],
        "eval_files": [f"{tmp_path}/examples/Split-eval/*"],
        "train_steps": None,
        "eval_steps": None,
        "transform_graph_path": f"{tmp_path}/graph",
        "schema_path": None,
        "base_model": None,
        "hyperparameters": None,
        "custom_config": {},
        "serving_model_dir": f"{tmp_path}/model/Format-Serving",
        "model_run_dir": f"{tmp_path}/model_run",
    }


def test_steps_and_splits(run, tmp_path):
    given = run(
        train_args=json.dumps({"num_steps": 7, "splits": ["eval"]}),
        eval_args=json.dumps({"num_steps": 3}),
    )
    assert given["train_files"] == [f"{tmp_path}/examples/Split-eval/*"]
    assert (given["train_steps"], given["eval_steps"]) == (7, 3)


@pytest.mark.parametrize("form", [json.dumps, dict], ids=["as text", "as a dict"])
def test_overrides_become_part_of_the_custom_config(run, form):
    custom = {"epochs": 9, "other": [1, "a"]}
    given = run(custom_config=form(custom), epochs=2, batch_size=0, learning_rate=0.25)
    assert given["custom_config"] == {"epochs": 2, "other": [1, "a"], "learning_rate": 0.25}


def test_whole_numbers_of_other_runners_keep_their_type(run):
    # KFP v2 may hand a whole rate over as int and a number of epochs as float.
    custom = run(epochs=3.0, learning_rate=1)["custom_config"]
    assert custom == {"epochs": 3, "learning_rate": 1.0}
    assert isinstance(custom["epochs"], int)
    assert isinstance(custom["learning_rate"], float)


def test_hyperparameters_and_base_model(run, tmp_path):
    (tmp_path / "tuned").mkdir()
    tuned = {"values": {"learning_rate": 0.5}}
    (tmp_path / "tuned" / "best_hyperparameters.txt").write_text(json.dumps(tuned))
    base = artifact(standard_artifacts.Model, tmp_path / "base")
    directory = tmp_path / "base" / "Format-Serving"
    directory.mkdir(parents=True)
    (directory / "saved_model.pb").touch()
    given = run(
        inputs={
            "hyperparameters": [artifact(standard_artifacts.HyperParameters, tmp_path / "tuned")],
            "base_model": [base],
        }
    )
    assert given["hyperparameters"] == tuned
    assert given["base_model"] == str(directory)


@pytest.mark.parametrize("source", [_NOTHING, _OTHER_FILE], ids=["nothing", "another file"])
def test_missing_model_names_the_module(run, tmp_path, source):
    message = r"run_fn of trainer_module \(.*wrote no SavedModel"
    with pytest.raises(RuntimeError, match=message) as info:
        run(source)
    assert f"{tmp_path}/module/trainer_module.py" in str(info.value)
    assert f"{tmp_path}/model/Format-Serving" in str(info.value)


def test_what_run_fn_prints_is_logged(run, caplog, capsys):
    with caplog.at_level(logging.INFO, "tfx_retrieval.two_tower_trainer"):
        run()
    lines = [record.message for record in caplog.records if record.name.startswith("tfx_retrieval")]
    assert lines == ["first line", "second line", "no line break at the end"]
    assert capsys.readouterr().out == ""


def test_errors_of_run_fn_pass_through(run):
    with pytest.raises(ZeroDivisionError):
        run("def run_fn(fn_args):\n    1 / 0\n")
