"""Which engine runs: in this process, or Beam."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from apache_beam.options import pipeline_options
from tfx import types

AUTO = "auto"
IN_PROCESS = "in_process"
BEAM = "beam"
ENGINES = (AUTO, IN_PROCESS, BEAM)

# Custom properties of the artifact that an engine wrote.
ENGINE_PROPERTY = "engine"
ENGINE_REASON_PROPERTY = "engine_reason"

# Names of the file format that the in-process engines read.
GZIP_TFRECORDS = ("tfrecords_gzip", "FORMAT_TFRECORDS_GZIP")

_DIRECT_RUNNERS = ("directrunner", "direct")
_IN_MEMORY = "in_memory"


def beam_obstacles(
    beam_pipeline_args: Sequence[str], make_beam_pipeline_fn: Callable[[], object] | None
) -> list[str]:
    """Says where Beam would run the work, if that is not the one process of the executor.

    Args:
        beam_pipeline_args: Arguments of the Beam pipeline.
        make_beam_pipeline_fn: What makes the pipeline instead, if anything does.

    Returns:
        Phrases for people; none if Beam would run everything in this process.
    """
    if make_beam_pipeline_fn is not None:
        return ["a Beam pipeline is supplied"]
    options = pipeline_options.PipelineOptions(list(beam_pipeline_args))
    runner = options.view_as(pipeline_options.StandardOptions).runner
    if runner and runner.rpartition(".")[2].lower() not in _DIRECT_RUNNERS:
        return [f"Beam is set to the runner {runner}"]
    mode = options.view_as(pipeline_options.DirectOptions).direct_running_mode
    return [] if mode == _IN_MEMORY else [f"Beam's DirectRunner is set to {mode}"]


def record(logger: logging.Logger, artifact: types.Artifact, engine: str, reason: str) -> None:
    """Logs which engine runs and why, and keeps it with the artifact.

    Args:
        logger: The component's logger.
        artifact: Output that the engine writes.
        engine: `IN_PROCESS` or `BEAM`.
        reason: Why that one.
    """
    logger.info("engine %s: %s", engine, reason)
    artifact.set_string_custom_property(ENGINE_PROPERTY, engine)
    artifact.set_string_custom_property(ENGINE_REASON_PROPERTY, reason)
