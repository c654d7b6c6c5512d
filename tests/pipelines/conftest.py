from __future__ import annotations

import dataclasses

import pytest
from support import planted


@dataclasses.dataclass
class FinishedRun:
    """One run of the whole pipeline that the end-to-end tests look at.

    Attributes:
        job: The files it was made with.
        result: What `local.run` returned.
        events: Component ids and states in the order in which they were reported.
    """

    job: planted.PlantedJob
    result: object
    events: list[tuple[str, str]]


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    from tfx_retrieval import config
    from tfx_retrieval.pipelines import local

    directory = tmp_path_factory.mktemp("planted")
    job = planted.write_job(directory)
    events = []
    result = local.run(
        str(job.data),
        config.read_feature_config(job.features),
        config.read_model_config(job.model),
        str(directory / "run"),
        on_progress=lambda *event: events.append(event),
    )
    return FinishedRun(job, result, events)
