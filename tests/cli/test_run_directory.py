"""Looking into a run's folder."""

import json
import pathlib

import pytest

from tfx_retrieval.cli import run_directory
from tfx_retrieval.errors import InputError


def test_steps_hold_the_latest_execution_and_what_it_read(metadata) -> None:
    examples = metadata.execution("InteractionExampleGen", {}, {"examples": ["/old"]})["examples"]
    metadata.execution("Transform", {"examples": examples}, {}, state="FAILED")
    examples = metadata.execution(
        "InteractionExampleGen", {}, {"examples": ["/new"]}, state="CACHED"
    )["examples"]
    graph = metadata.execution(
        "Transform", {"examples": examples}, {"transform_graph": ["/graph"]}
    )["transform_graph"]
    metadata.execution(
        "Trainer", {"transform_graph": graph, "examples": examples}, {}, state="RUNNING"
    )

    steps = run_directory.RunDirectory(metadata.folder).steps()

    assert [(step.component, step.state, step.reads) for step in steps] == [
        ("InteractionExampleGen", "reused", ()),
        ("Transform", "done", ("InteractionExampleGen",)),
        ("Trainer", "unfinished", ("InteractionExampleGen", "Transform")),
    ]
    assert steps[0].outputs == {"examples": ("/new",)}
    assert all(0 <= step.seconds < 5 for step in steps)


def test_artifact_is_the_latest_finished_one(metadata) -> None:
    metadata.execution("Transform", {}, {"transform_graph": ["/first"]})
    metadata.execution("Transform", {}, {"transform_graph": ["/second"]})
    metadata.execution("Transform", {}, {"transform_graph": ["/third"]}, state="FAILED")

    directory = run_directory.RunDirectory(metadata.folder)

    assert directory.artifact("Transform", "transform_graph") == pathlib.Path("/second")
    with pytest.raises(InputError, match="no model of TwoTowerTrainer"):
        directory.artifact("TwoTowerTrainer", "model")


def test_a_folder_without_executions_has_no_steps(metadata) -> None:
    assert run_directory.RunDirectory(metadata.folder).steps() == []


def test_metrics(metadata) -> None:
    directory = run_directory.RunDirectory(metadata.folder)
    with pytest.raises(InputError, match=r"metrics\.json\n.*did not finish"):
        directory.metrics()

    (metadata.folder / "metrics.json").write_text(json.dumps({"eval": {"mrr": 0.5}}))

    assert directory.metrics() == {"eval": {"mrr": 0.5}}


@pytest.mark.parametrize("content", [b"{", b"\xff"])
def test_damaged_metrics_are_named(metadata, content) -> None:
    (metadata.folder / "metrics.json").write_bytes(content)
    with pytest.raises(InputError, match=r"metrics\.json\n  expected JSON in UTF-8"):
        run_directory.RunDirectory(metadata.folder).metrics()


def test_other_folders_are_refused_with_a_remedy(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    for path, received in [
        (tmp_path / "missing", "no such folder"),
        (tmp_path / "file", "a file"),
        (tmp_path, "a folder without metadata.db"),
    ]:
        with pytest.raises(InputError, match=f"{received}\n.*--output"):
            run_directory.RunDirectory(path)
