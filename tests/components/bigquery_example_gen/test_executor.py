"""The executor against a local server: what is asked, and what comes of the answers."""

from __future__ import annotations

import datetime
import decimal
import json
import os
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.dsl.io import fileio, filesystem_registry
from tfx.dsl.io.plugins import local
from tfx.types import standard_artifacts

from tfx_retrieval.components.bigquery_example_gen import job
from tfx_retrieval.components.bigquery_example_gen.executor import Executor, query_job
from tfx_retrieval.components.interaction_example_gen import in_process
from tfx_retrieval.components.interaction_example_gen.table_spec import ColumnSpec, TableSpec
from tfx_retrieval.errors import InputError

SPEC = TableSpec(
    columns=(
        ColumnSpec("user", "categorical"),
        ColumnSpec("item", "categorical"),
        ColumnSpec("title", "text"),
        ColumnSpec("price", "numeric", heading="Unit price"),
        ColumnSpec("when", "temporal"),
        ColumnSpec("new", "boolean"),
        ColumnSpec("tags", "categorical", multiple=True),
    ),
    example_columns=("user", "item", "price", "when", "new", "tags"),
    query_id="user",
    candidate_id="item",
    candidate_columns=("item", "title", "price"),
    timestamp="when",
)


def rows(count=100):
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    numbers = range(count)
    return pa.table(
        {
            "unused": pa.array(numbers, pa.int64()),
            "user": pa.array([number % 7 for number in numbers], pa.int64()),
            "item": pa.array([f"item {number % 11}" for number in numbers], pa.string()),
            "title": pa.array([f"Title {number % 11}" for number in numbers], pa.string()),
            "Unit price": pa.array(
                [decimal.Decimal(number) / 4 if number % 5 else None for number in numbers],
                pa.decimal128(38, 9),
            ),
            "when": pa.array(
                [start + datetime.timedelta(hours=number) for number in numbers],
                pa.timestamp("us", "UTC"),
            ),
            "new": pa.array([number % 2 == 0 for number in numbers], pa.bool_()),
            "tags": pa.array(
                [["a", "b"][: number % 3] for number in numbers], pa.list_(pa.string())
            ),
        }
    )


def properties(**changes):
    return {
        "table": "some-project.shop.orders",
        "maximum_bytes_billed": 1_000_000,
        "use_storage_api": 0,
        "table_spec": SPEC.to_json(),
        "engine": "in_process",
        **changes,
    }


def run(folder, **changes):
    outputs = {}
    for key in ("examples", "candidates"):
        artifact = standard_artifacts.Examples()
        artifact.uri = f"{folder}/{key}"
        outputs[key] = [artifact]
    Executor().Do({}, outputs, properties(**changes))
    return outputs["examples"][0], outputs["candidates"][0]


def records(uri, split):
    paths = sorted(pathlib.Path(uri, f"Split-{split}").iterdir())
    return list(tf.data.TFRecordDataset(list(map(str, paths)), "GZIP").as_numpy_iterator())


def test_asks_for_the_cost_then_for_the_columns_in_use(fake_bigquery, tmp_path):
    fake_bigquery.table = rows()
    run(
        tmp_path,
        table=None,
        query="SELECT * FROM shop.orders WHERE day >= @since AND shop IN UNNEST(@shops);",
        query_parameters=json.dumps(
            {"since": {"type": "DATE", "value": "2026-01-01"}, "shops": ["de", "fr"]}
        ),
        location="EU",
    )
    query = {
        "query": "SELECT `user`, `item`, `title`, `Unit price`, `when`, `new`, `tags`\nFROM (\n"
        "SELECT * FROM shop.orders WHERE day >= @since AND shop IN UNNEST(@shops)\n)",
        "useLegacySql": False,
        "parameterMode": "NAMED",
        "queryParameters": [
            {
                "name": "shops",
                "parameterType": {"type": "ARRAY", "arrayType": {"type": "STRING"}},
                "parameterValue": {"arrayValues": [{"value": "de"}, {"value": "fr"}]},
            },
            {
                "name": "since",
                "parameterType": {"type": "DATE"},
                "parameterValue": {"value": "2026-01-01"},
            },
        ],
    }
    labels = {"created-by": "tfx-retrieval"}
    assert [sent["configuration"] for sent in fake_bigquery.jobs] == [
        {"dryRun": True, "labels": labels, "query": {**query, "useQueryCache": False}},
        {"labels": labels, "query": {**query, "maximumBytesBilled": "1000000"}},
    ]
    assert all(sent["jobReference"]["location"] == "EU" for sent in fake_bigquery.jobs)
    assert fake_bigquery.authorizations == {"Bearer some-token"}


def test_gives_what_interaction_example_gen_gives_for_the_same_rows(fake_bigquery, tmp_path):
    fake_bigquery.table = rows()
    examples, candidates = run(tmp_path / "bigquery")

    path = tmp_path / "rows.parquet"
    pq.write_table(rows(), path)
    in_process.make_examples([str(path)], SPEC, str(tmp_path / "a"), str(tmp_path / "b"))
    for split in ("train", "eval"):
        assert records(examples.uri, split) == records(tmp_path / "a", split)
        assert records(examples.uri, split)
    assert records(candidates.uri, "candidates") == records(tmp_path / "b", "candidates")
    assert len(records(candidates.uri, "candidates")) == 11
    assert examples.split_names == '["train", "eval"]'
    assert candidates.split_names == '["candidates"]'
    assert examples.get_int_custom_property("rows_read") == 100


def test_a_query_that_costs_too_much_is_not_run(fake_bigquery, tmp_path):
    fake_bigquery.table = rows()
    fake_bigquery.total_bytes = 1_000_001
    with pytest.raises(InputError) as caught:
        run(tmp_path)
    (problem,) = caught.value.problems
    assert problem.where == "BigQuery table some-project.shop.orders"
    assert problem.received == "a query that reads 1,000,001 bytes"
    assert problem.expected == "at most 1,000,000 bytes (maximum_bytes_billed)"
    assert [sent["configuration"].get("dryRun") for sent in fake_bigquery.jobs] == [True]


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ((400, "Unrecognized name: user"), "400, .*Unrecognized name: user"),
        ((404, "Not found: Table"), "404, .*Not found: Table"),
        ((403, "Access Denied"), "roles/bigquery.dataViewer"),
    ],
)
@pytest.mark.parametrize("attribute", ["dry_refusal", "refusal"])
def test_explains_refusals(fake_bigquery, tmp_path, attribute, refusal, message):
    setattr(fake_bigquery, attribute, refusal)
    with pytest.raises(InputError, match=message) as caught:
        run(tmp_path)
    assert "BigQuery table some-project.shop.orders" in str(caught.value)


def test_no_rows(fake_bigquery, tmp_path):
    fake_bigquery.table = rows(0)
    with pytest.raises(InputError, match="expected at least one row, but got no rows"):
        run(tmp_path)


def test_bad_values_are_reported_under_the_name_of_the_table(fake_bigquery, tmp_path):
    table = rows()
    wrong = pa.array(["soon"] * table.num_rows)
    fake_bigquery.table = table.set_column(table.column_names.index("when"), "when", wrong)
    with pytest.raises(InputError) as caught:
        run(tmp_path)
    assert caught.value.problems[0].where == (
        "BigQuery table some-project.shop.orders: column 'when', row 1"
    )
    assert not list((tmp_path / "examples").glob("Split-*"))


def test_without_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(InputError, match="gcloud auth application-default login"):
        run(tmp_path)


def test_the_beam_engine_needs_cloud_storage(fake_bigquery, tmp_path):
    with pytest.raises(InputError, match="a pipeline root in Cloud Storage"):
        run(tmp_path, engine="beam")


class CloudStorage(local.LocalFilesystem):
    """Keeps `gs://` paths below a local folder."""

    SUPPORTED_SCHEMES = ["gs://"]  # noqa: RUF012
    folder = None

    @classmethod
    def path(cls, value):
        text = str(value)
        return str(cls.folder / text[5:]) if text.startswith("gs://") else value

    @classmethod
    def glob(cls, pattern):
        found = local.LocalFilesystem.glob(cls.path(pattern))
        return [f"gs://{os.path.relpath(path, cls.folder)}" for path in found]


def _mapped(name):
    function = getattr(local.LocalFilesystem, name)

    def call(*arguments, **options):
        return function(*map(CloudStorage.path, arguments), **options)

    return staticmethod(call)


for _name in ("copy", "exists", "isdir", "makedirs", "open", "remove", "rmtree", "stat", "walk"):
    setattr(CloudStorage, _name, _mapped(_name))


@pytest.fixture
def cloud_storage(fake_bigquery, monkeypatch):
    monkeypatch.setattr(CloudStorage, "folder", fake_bigquery.export_folder)
    registry = filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY
    known = registry.get_filesystem_for_scheme("gs://")
    registry.register(CloudStorage, -1)
    yield
    registry.register(known, -2)


def test_the_beam_engine_lets_bigquery_export(fake_bigquery, cloud_storage, tmp_path):
    fake_bigquery.table = rows()
    # In earnest the folder is below the Examples, which Beam would write to Cloud Storage itself.
    folder = "gs://some-bucket/root/examples/_bigquery"
    client = job.make_client(None, "EU")
    wanted = query_job(properties(), SPEC)
    places = [str(tmp_path / "examples"), str(tmp_path / "candidates")]
    Executor().export_and_read(client, wanted, SPEC, folder, *places)

    (export,) = (sent["configuration"] for sent in fake_bigquery.jobs)
    assert export["query"]["query"].startswith(
        f"EXPORT DATA OPTIONS (uri = '{folder}/part-*.parquet', format = 'PARQUET'"
    )
    assert export["query"]["maximumBytesBilled"] == "1000000"
    assert not fileio.exists(folder)
    path = tmp_path / "rows.parquet"
    pq.write_table(rows(), path)
    in_process.make_examples([str(path)], SPEC, str(tmp_path / "a"), str(tmp_path / "b"))
    for split in ("train", "eval"):
        made = records(tmp_path / "examples", split)
        assert sorted(made) == sorted(records(tmp_path / "a", split))
