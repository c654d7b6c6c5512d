"""Runs of the executor, tables read back."""

import datetime
import io
import os
import pathlib
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from support import models
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from tfx_retrieval.artifacts import Embeddings
from tfx_retrieval.components.embedding_exporter import executor, tables
from tfx_retrieval.components.scann_indexer import reading
from tfx_retrieval.errors import InputError

USERS = {"ann": [1.0, 2.0], "bob": [3.0, 4.0], "cay": [5.0, 6.0]}
ITEMS = {30: [0.5, 0.25], 4: [-1.0, 0.0]}

INTERACTIONS = {
    "train": [
        {"user_id": "bob", "time": 50, "boost": 1.0},
        {"user_id": "ann", "time": 20, "boost": 2.0},
        {"user_id": "bob", "time": 70, "boost": 3.0},
    ],
    "eval": [
        {"user_id": "ann", "time": 10, "boost": 4.0},
        {"user_id": "new", "time": 30, "boost": 5.0},
    ],
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inputs")
    return {
        "model": models.model_artifact(
            directory / "model", USERS, ITEMS, context_column="boost", context_vector=[10.0, 0.0]
        ),
        "examples": models.write_examples(directory / "examples", INTERACTIONS),
        "candidates": models.write_examples(
            directory / "candidates", {"candidates": [{"item_id": key} for key in (30, 4, 30)]}
        ),
    }


def export(directory, inputs, context=None, **parameters):
    embeddings = Embeddings()
    embeddings.uri = str(directory / "embeddings")
    os.makedirs(embeddings.uri)
    properties = {
        "query_id": "user_id",
        "candidate_id": "item_id",
        "run_date": "2024-01-31",
        "model_version": "7",
        "run_id": "run-1",
        **parameters,
    }
    executor.Executor(context).Do(
        {name: [artifact] for name, artifact in inputs.items()},
        {"embeddings": [embeddings]},
        properties,
    )
    return embeddings


def rows_of(embeddings, side):
    return pyarrow.dataset.dataset(
        os.path.join(embeddings.uri, side), partitioning="hive"
    ).to_table()


def test_tables_of_both_sides(tmp_path, inputs):
    embeddings = export(tmp_path, inputs)

    files = {str(p.relative_to(embeddings.uri)) for p in pathlib.Path(embeddings.uri).rglob("*.*")}
    assert files == {
        "query/run_date=2024-01-31/part-0.parquet",
        "candidate/run_date=2024-01-31/part-0.parquet",
    }
    candidates = rows_of(embeddings, "candidate")
    assert candidates.to_pylist() == [
        {
            "id": key,
            "embedding": vector,
            "model_version": "7",
            "run_id": "run-1",
            "run_date": "2024-01-31",
        }
        for key, vector in ((30, [0.5, 0.25]), (4, [-1.0, 0.0]))
    ]
    assert candidates.schema.field("id").type == pa.int64()
    queries = rows_of(embeddings, "query")
    assert queries.schema.field("id").type == pa.string()
    # The first row of each user, in reading order: the splits as they are listed.
    assert dict(zip(*(queries[name].to_pylist() for name in ("id", "embedding")), strict=True)) == {
        "bob": [13.0, 4.0],
        "ann": [21.0, 2.0],
        "new": [50.0, 0.0],
    }
    assert embeddings.get_int_custom_property("query_rows") == 3
    assert embeddings.get_int_custom_property("candidate_rows") == 2
    assert embeddings.get_string_custom_property("run_date") == "2024-01-31"


def test_with_timestamps_the_latest_row_counts(tmp_path, inputs):
    queries = rows_of(export(tmp_path, inputs, timestamp="time"), "query")

    assert dict(zip(*(queries[name].to_pylist() for name in ("id", "embedding")), strict=True)) == {
        "bob": [33.0, 4.0],
        "ann": [21.0, 2.0],
        "new": [50.0, 0.0],
    }


def test_lists_have_the_layout_bigquery_infers(tmp_path, inputs):
    embeddings = export(tmp_path, inputs)

    file = pq.ParquetFile(tables.table_path(embeddings.uri, "query", "2024-01-31"))

    assert file.schema.names == ["id", "element", "model_version", "run_id"]
    assert file.schema.column(0).max_definition_level == 0
    embedding = file.schema.column(1)
    assert embedding.path == "embedding.list.element"
    assert embedding.physical_type == "FLOAT"


def test_the_same_run_writes_the_same_bytes(tmp_path, inputs):
    contents = [
        [path.read_bytes() for path in sorted(pathlib.Path(run.uri).rglob("*.parquet"))]
        for run in (export(tmp_path / "one", inputs), export(tmp_path / "two", inputs))
    ]

    assert contents[0] == contents[1]


def test_bigquery_gets_what_was_written(tmp_path, inputs, fake_bigquery):
    embeddings = export(
        tmp_path, inputs, bigquery_table="some-project.data.vectors", bigquery_location="EU"
    )

    loads = [job["configuration"]["load"] for job in fake_bigquery.jobs]
    assert [load["destinationTable"]["tableId"] for load in loads] == [
        "vectors_query$20240131",
        "vectors_candidate$20240131",
    ]
    assert [load["schema"]["fields"][0]["type"] for load in loads] == ["STRING", "INTEGER"]
    for side, content in zip(("query", "candidate"), fake_bigquery.uploads, strict=True):
        written = pq.read_table(tables.table_path(embeddings.uri, side, "2024-01-31"))
        assert pq.read_table(io.BytesIO(content)) == written


def blessing(directory, blessed):
    artifact = standard_artifacts.ModelBlessing()
    artifact.uri = str(directory / "blessing")
    os.makedirs(artifact.uri)
    name = "BLESSED" if blessed else "NOT_BLESSED"
    pathlib.Path(artifact.uri, name).touch()
    artifact.set_int_custom_property("blessed", int(blessed))
    return artifact


@pytest.mark.parametrize("blessed", [True, False])
def test_bigquery_gets_blessed_models_only(tmp_path, inputs, fake_bigquery, caplog, blessed):
    judged = {**inputs, "model_blessing": blessing(tmp_path, blessed)}
    with caplog.at_level("WARNING", "tfx_retrieval"):
        embeddings = export(tmp_path, judged, bigquery_table="some-project.data.vectors")

    assert len(fake_bigquery.jobs) == (2 if blessed else 0)
    assert ("nothing is loaded into some-project.data.vectors" in caplog.text) is not blessed
    # The tables in the artifact harm nobody.
    assert rows_of(embeddings, "query").num_rows == 3


def test_date_and_names_come_from_the_run(tmp_path, inputs):
    before = datetime.datetime.now(datetime.timezone.utc).date()
    job = tmp_path / "123" / "shop-20240131" / "EmbeddingExporter_77"
    embeddings = export(job, inputs, run_date="today", model_version=None, run_id="")
    after = datetime.datetime.now(datetime.timezone.utc).date()

    (row, *_) = rows_of(embeddings, "candidate").to_pylist()
    assert before.isoformat() <= row["run_date"] <= after.isoformat()
    assert row["model_version"] == inputs["model"].uri
    assert row["run_id"] == "shop-20240131"
    assert embeddings.get_string_custom_property("run_id") == "shop-20240131"


def test_the_runners_name_of_the_run_counts_most(tmp_path, inputs):
    context = base_executor.BaseExecutor.Context(pipeline_run_id="2024-01-31T00:00")
    embeddings = export(tmp_path, inputs, context, run_id=None)

    assert embeddings.get_string_custom_property("run_id") == "2024-01-31T00:00"


def test_memory_does_not_grow_with_the_rows(tmp_path):
    examples = models.write_examples(
        tmp_path / "examples", {"train": [{"id": n} for n in range(3000)]}
    )
    source = reading.split_source([examples])
    selection = reading.select_rows(source, "id")
    path = tmp_path / "table" / "part-0.parquet"

    def embedder(serialized):
        return np.ones((len(serialized), 1000), np.float32)

    tracemalloc.start()
    arrow_before = pa.total_allocated_bytes()
    tables.write_table(source, selection, embedder, str(path), "v", "r", batch_rows=100)
    peak = tracemalloc.get_traced_memory()[1] + pa.total_allocated_bytes() - arrow_before
    tracemalloc.stop()

    # All embeddings are 12 MB, a batch of them 0.4 MB.
    assert peak < 5_000_000
    file = pq.ParquetFile(path)
    assert file.metadata.num_rows == 3000
    assert file.num_row_groups == 30


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"run_date": "2024-02-30"}, r"run_date=\.\.\.\)\n  expected a date YYYY-MM-DD"),
        ({"query_id": "usr_id"}, '"user_id"'),
        ({"timestamp": "boost"}, "expected int64, but got float32"),
    ],
)
def test_wrong_parameters(tmp_path, inputs, parameters, message):
    with pytest.raises(InputError, match=message):
        export(tmp_path, inputs, **parameters)


def test_a_model_without_signatures(tmp_path, inputs):
    model = models.model_artifact(
        tmp_path / "model", USERS, ITEMS, leave_out=["embed_query_examples"]
    )

    with pytest.raises(InputError, match="signature named 'embed_query_examples'"):
        export(tmp_path, {**inputs, "model": model})


def test_embeddings_that_are_not_finite(tmp_path, inputs):
    model = models.model_artifact(tmp_path / "model", {"bob": [np.nan, 1.0]}, ITEMS)

    with pytest.raises(InputError, match="NaN or infinity for bob"):
        export(tmp_path, {**inputs, "model": model})
