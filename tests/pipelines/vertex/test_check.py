"""Checking a compiled pipeline with a sample of its data."""

from __future__ import annotations

import pathlib

import pytest

from tfx_retrieval.errors import InputError
from tfx_retrieval.pipelines.vertex.check import check_pipeline

MODEL = "tfx.Model"


@pytest.mark.parametrize("data", ["gs://some-bucket/data/", "gs://some-bucket/data/rows.csv"])
@pytest.mark.parametrize("keep", [True, False])
def test_a_check_reads_a_sample_in_place_of_the_data(job_builder, tmp_path, data, keep):
    sample = tmp_path / "rows.csv"
    sample.write_text("a,b")
    job_builder.spec["root"]["inputDefinitions"] = {
        "parameters": {"data": {"parameterType": "STRING", "defaultValue": data}}
    }
    job_builder.add_python(
        "Read",
        """
        path = executor_input["inputs"]["parameterValues"]["data"]
        path = path if path.endswith("csv") else path + "/rows.csv"
        metadata["model"] = {"read": open(path).read()}
        """,
        outputs={"model": MODEL},
        parameters={"data": {"componentInputParameter": "data"}},
    )
    events = []
    result = check_pipeline(
        job_builder.write(tmp_path / "job.json"),
        data,
        str(sample),
        root=str(tmp_path / "root") if keep else None,
        on_task=events.append,
    )
    artifact = result.artifacts["Read", "model"]
    assert artifact.metadata == {"read": "a,b"}
    assert pathlib.Path(artifact.uri).exists() is keep
    assert [event.state for event in events] == ["running", "succeeded"]


def test_a_check_needs_a_sample_and_data_on_cloud_storage(tmp_path):
    with pytest.raises(InputError) as caught:
        check_pipeline("job.json", "/data", str(tmp_path / "absent.csv"))
    assert [problem.where for problem in caught.value.problems] == ["data", "sample"]
