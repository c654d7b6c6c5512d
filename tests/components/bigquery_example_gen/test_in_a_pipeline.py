"""The component in the place of InteractionExampleGen, run by LocalDagRunner."""

from __future__ import annotations

import pyarrow as pa
from tfx.orchestration import pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.metadata import sqlite_metadata_connection_config

from tfx_retrieval.components.interaction_example_gen.table_spec import ColumnSpec, TableSpec
from tfx_retrieval.pipelines import run_store, sources

SPEC = TableSpec(
    columns=(ColumnSpec("user", "categorical"), ColumnSpec("item", "categorical")),
    example_columns=("user", "item"),
    query_id="user",
    candidate_id="item",
    candidate_columns=("item",),
)


def test_readers_find_its_outputs_as_those_of_interaction_example_gen(fake_bigquery, tmp_path):
    fake_bigquery.table = pa.table(
        {
            "user": [f"u{row % 9}" for row in range(90)],
            "item": [f"i{row % 7}" for row in range(90)],
            "unused": list(range(90)),
        }
    )
    source = sources.BigQuerySource(
        query="SELECT * FROM shop.orders",
        project="some-project",
        maximum_bytes_billed=5_000,
        use_storage_api=False,
    )
    database = str(tmp_path / "metadata.db")
    local_dag_runner.LocalDagRunner().run(
        pipeline.Pipeline(
            "bigquery",
            str(tmp_path / "root"),
            components=[sources.example_gen(source, SPEC)],
            metadata_connection_config=sqlite_metadata_connection_config(database),
        )
    )
    store = run_store.RunStore(database)
    report = store.read_json("InteractionExampleGen", "examples", "report.json")
    assert report["rows_read"] == 90
    assert report["candidates"] == 7
    assert store.artifact_uri("InteractionExampleGen", "candidates")
    dry, wet = (job["configuration"] for job in fake_bigquery.jobs)
    assert dry["dryRun"] is True
    assert wet["query"]["maximumBytesBilled"] == "5000"
    assert wet["query"]["query"].startswith("SELECT `user`, `item`\nFROM (\nSELECT * FROM")


def test_a_table_is_named_by_its_scheme():
    made = sources.example_gen("bq://some-project.shop.orders", SPEC, engine="beam")
    assert made.id == "InteractionExampleGen"
    assert made.exec_properties["table"] == "some-project.shop.orders"
    assert made.exec_properties["engine"] == "beam"
