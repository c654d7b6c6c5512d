"""When Beam has to run the work."""

import logging

import pytest
from tfx.types import standard_artifacts

from tfx_retrieval.components.transform import engine


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--runner=DirectRunner"],
        ["--direct_running_mode=in_memory", "--direct_num_workers=1"],
        ["--runner=apache_beam.runners.direct.direct_runner.DirectRunner"],
    ],
)
def test_one_process(arguments):
    assert engine.beam_obstacles(arguments, None) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runner=DataflowRunner", "--project=p"], "Beam is set to the runner DataflowRunner"),
        (["--runner=FlinkRunner"], "Beam is set to the runner FlinkRunner"),
        (
            ["--direct_running_mode=multi_processing"],
            "Beam's DirectRunner is set to multi_processing",
        ),
    ],
)
def test_more_than_one_process(arguments, message):
    assert engine.beam_obstacles(arguments, None) == [message]


def test_supplied_pipeline():
    assert engine.beam_obstacles([], lambda: None) == ["a Beam pipeline is supplied"]


def test_record_is_logged_and_kept(caplog):
    artifact = standard_artifacts.TransformGraph()
    with caplog.at_level(logging.INFO, "tfx_retrieval.test"):
        engine.record(logging.getLogger("tfx_retrieval.test"), artifact, engine.BEAM, "why")
    assert caplog.messages == ["engine beam: why"]
    assert artifact.get_string_custom_property("engine") == "beam"
    assert artifact.get_string_custom_property("engine_reason") == "why"
