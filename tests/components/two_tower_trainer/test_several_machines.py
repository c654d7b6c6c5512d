"""Training by processes that know of each other from TF_CONFIG, as machines of a job do."""

import contextlib
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from support import generated_modules

from tfx_retrieval.components.config_codegen import packaging
from tfx_retrieval.components.config_codegen.trainer_module import generate_trainer_module
from tfx_retrieval.components.two_tower_trainer import executor
from tfx_retrieval.config import parse_feature_config, parse_model_config

_FEATURES = {
    "query": {"id": "user", "features": [{"column": "user", "type": "categorical"}]},
    "candidate": {"id": "item", "features": [{"column": "item", "type": "categorical"}]},
    "interaction": {"label": "stars"},
}
_MODEL = {
    "output_embedding_dim": 4,
    # 15 whole batches and one of 40 rows.
    "batch_size": 64,
    "epochs": 2,
    "learning_rate": 0.001,
    "optimizer": {"sgd": {}},
}
_ROWS = [
    {"user": f"u{row * 7 % 40}", "item": f"i{row * row % 30}", "stars": float(row % 5)}
    for row in range(1000)
]
_PATIENCE = 600  # Seconds.
_MACHINE = """
import sys
import tfx_retrieval
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts
from tfx_retrieval.artifacts import ModuleFile
from tfx_retrieval.components.two_tower_trainer import executor

data, output, devices = sys.argv[1], sys.argv[2], int(sys.argv[3])
if devices > 1:
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * devices
    tf.config.set_logical_device_configuration(cpu, parts)
    names = [f"CPU:{number}" for number in range(devices)]
    tf.distribute.get_strategy = lambda: tf.distribute.MirroredStrategy(names)

def artifact(kind, uri):
    made = kind()
    made.uri = uri
    return made

examples = artifact(standard_artifacts.Examples, f"{data}/examples")
examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
executor.Executor().Do(
    {
        "examples": [examples],
        "transform_graph": [artifact(standard_artifacts.TransformGraph, f"{data}/graph")],
        "module": [artifact(ModuleFile, f"{data}/trainer")],
    },
    {
        "model": [artifact(standard_artifacts.Model, f"{output}/model")],
        "model_run": [artifact(standard_artifacts.ModelRun, f"{output}/run")],
    },
    {"train_args": "{}", "eval_args": "{}", "custom_config": "null"},
)
"""


def _prepare(directory, model):
    """Writes the artifacts that the trainer reads."""
    schema = generated_modules.schema({"user": str, "item": str, "stars": float})
    generated_modules.transform(_FEATURES, schema, directory, train=_ROWS, eval=_ROWS[:100])
    for split in ("train", "eval"):
        target = directory / "examples" / f"Split-{split}"
        target.parent.mkdir(exist_ok=True)
        (directory / split).rename(target)
    source = generate_trainer_module(
        parse_feature_config(json.dumps(_FEATURES)), parse_model_config(json.dumps(model))
    )
    packaging.write_module(str(directory / "trainer"), "trainer_module", source)


def _start(data, output, place=None, devices=1):
    """Starts a machine of a job, and returns it with the file that it prints to."""
    name = "{type}-{index}".format(**place["task"]) if place else "alone"
    # A file, since a pipe that nobody reads would stop the machine.
    log = data.parent / f"{name}.log"
    with log.open("w") as printed:
        machine = subprocess.Popen(
            [sys.executable, "-c", _MACHINE, str(data), str(output), str(devices)],
            env={**os.environ, "TF_CONFIG": json.dumps(place or {})},
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    return machine, log


def _finish(machines):
    try:
        for machine, log in machines:
            assert machine.wait(_PATIENCE) == 0, log.read_text()[-3000:]
    finally:
        _stop(machines)


def _stop(machines):
    for machine, _ in machines:
        machine.kill()
        machine.wait()


def _free_addresses(count):
    with contextlib.ExitStack() as stack:
        # Held together, so that no port is given twice.
        made = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in made:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in made]


def _weights(output):
    model = tf.saved_model.load(str(output / "model" / "Format-Serving"))
    return {weight.name: weight.numpy() for weight in model.weights}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "devices"),
    [
        # Each row's loss is its own, so however the rows are shared, sums are equal.
        ({"model_type": "ranking"}, 1),
        # In-batch negatives are those of a replica's share of the batch: two devices have them too.
        ({}, 2),
    ],
    ids=["one machine", "one machine with two devices"],
)
def test_two_machines_train_the_model_that_one_does(tmp_path, model, devices):
    data = tmp_path / "data"
    _prepare(data, {**_MODEL, **model})
    chief, worker = _free_addresses(2)
    cluster = {"chief": [chief], "worker": [worker]}
    together, alone = tmp_path / "together", tmp_path / "alone"
    _finish(
        [
            _start(data, together, {"cluster": cluster, "task": {"type": kind, "index": 0}})
            for kind in cluster
        ]
    )
    _finish([_start(data, alone, devices=devices)])

    histories = [
        json.loads((output / "run" / "history.json").read_text()) for output in (together, alone)
    ]
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        assert len(values) == 2
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-4, err_msg=name)
    expected = _weights(alone)
    for name, weight in _weights(together).items():
        np.testing.assert_allclose(weight, expected[name], rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_workers_train_with_weights_on_parameter_servers(tmp_path):
    data = tmp_path / "data"
    changes = {
        # The table of 41 users is wide enough for two servers.
        "output_embedding_dim": 16,
        "distribution": {"parameter_server": {"min_shard_bytes": 1024}},
        "epochs": 6,
        "learning_rate": 0.1,
        "optimizer": {"adagrad": {}},
        "embedding_optimizer": {"adagrad": {}},
        # Measures the loss on the eval split, which the chief does.
        "early_stopping": {"patience": 9},
    }
    _prepare(data, {**_MODEL, **changes})
    addresses = _free_addresses(5)
    cluster = {"chief": addresses[:1], "ps": addresses[1:3], "worker": addresses[3:]}
    places = {
        f"{kind}-{index}": {"cluster": cluster, "task": {"type": kind, "index": index}}
        for kind, tasks in cluster.items()
        for index in range(len(tasks))
    }
    # The chief starts first and waits for the others.
    started = {name: _start(data, tmp_path / name, place) for name, place in places.items()}
    chief = started.pop("chief-0")
    try:
        _finish([chief])
        # They serve until the job ends.
        assert all(machine.poll() is None for machine, _ in started.values())
    finally:
        _stop(started.values())

    history = json.loads((tmp_path / "chief-0" / "run" / "history.json").read_text())
    for name in ("loss", "val_loss"):
        assert len(history[name]) == 6
        assert history[name][-1] < history[name][0]
    model = tf.saved_model.load(str(tmp_path / "chief-0" / "model" / "Format-Serving"))
    # Exported tables are whole, whatever number of servers held them.
    assert {weight.name: weight.shape for weight in model.weights} == {
        "query_tower/user_embedding/embeddings:0": [41, 16],
        "candidate_tower/item_embedding/embeddings:0": [13, 16],
    }
    embeddings = model.signatures["query_embedding"](user=tf.constant(["u7", "new"]))["embedding"]
    assert embeddings.shape == [2, 16]
    assert np.isfinite(embeddings).all()
    saved = {path.relative_to(tmp_path).parts[0] for path in tmp_path.glob("*/**/saved_model.pb")}
    assert saved - {"data"} == {"chief-0"}


@pytest.mark.parametrize(
    ("cluster", "kind", "index", "expected"),
    [
        (["chief", "worker"], "chief", 0, True),
        (["chief", "worker"], "worker", 0, False),
        (["worker"], "worker", 0, True),
        (["worker"], "worker", 1, False),
        (["chief", "worker", "ps"], "ps", 0, False),
        (["chief", "worker", "ps", "evaluator"], "evaluator", 0, False),
    ],
)
def test_one_machine_of_a_job_saves(monkeypatch, cluster, kind, index, expected):
    place = {
        "cluster": {name: ["a:1", "b:1"] for name in cluster},
        "task": {"type": kind, "index": index},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(place))
    assert executor.is_chief() is expected


def test_a_machine_alone_saves(monkeypatch):
    for text in (None, "", "{}"):
        if text is None:
            monkeypatch.delenv("TF_CONFIG", raising=False)
        else:
            monkeypatch.setenv("TF_CONFIG", text)
        assert executor.is_chief()


def test_a_module_for_synchronous_training_refuses_parameter_servers(monkeypatch, tmp_path):
    module = generated_modules.trainer(
        parse_feature_config(json.dumps(_FEATURES)), _MODEL, tmp_path
    )
    place = {"cluster": {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(place))
    with pytest.raises(ValueError, match="generate the module from a ModelConfig"):
        module.distribution_strategy()


def test_parameter_servers_need_a_chief_and_workers(monkeypatch, tmp_path):
    model = {**_MODEL, "distribution": {"parameter_server": {}}}
    module = generated_modules.trainer(parse_feature_config(json.dumps(_FEATURES)), model, tmp_path)
    evaluator = {"type": "evaluator", "index": 0}
    for kind, other in (("chief", "worker"), ("worker", "chief")):
        place = {"cluster": {"ps": ["a:1"], other: ["b:1"]}, "task": evaluator}
        monkeypatch.setenv("TF_CONFIG", json.dumps(place))
        with pytest.raises(ValueError, match=f"parameter servers, but no {kind}"):
            module.serves_a_chief()
    cluster = {"ps": ["a:1"], "chief": ["b:1"], "worker": ["c:1"], "evaluator": ["d:1"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": evaluator}))
    # The chief measures the loss.
    assert module.serves_a_chief() is True
