"""Every component on files that only TFX's and TensorFlow's file systems can see.

A component that used `os`, `open` or a library of its own on a URI would find nothing in memory, or
leave a folder `ram:` where the test runs.
"""

from __future__ import annotations

import io
import os

import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from support import planted, ram_filesystem
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.metadata import sqlite_metadata_connection_config

from tfx_retrieval import config
from tfx_retrieval.pipelines import retrieval, run_store

pytestmark = pytest.mark.slow

_PIPELINE_ROOT = "ram://bucket/root"
_SERVING = "ram://bucket/serving"


def _put(local, uri):
    tf.io.gfile.makedirs(os.path.dirname(uri))
    tf.io.gfile.copy(str(local), uri)


def _read(uri):
    with tf.io.gfile.GFile(uri, "rb") as file:
        return file.read()


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """Folder of the metadata store and working directory of a cold and of a warm run."""
    ram_filesystem.register()
    folder = tmp_path_factory.mktemp("storage")
    job = planted.write_job(folder)
    _put(job.data, "ram://bucket/day-1/rows.parquet")
    features = config.read_feature_config(job.features)
    model = config.read_model_config(job.model)
    scann = model.retrieval.DESCRIPTOR.fields_by_name["algorithm"].enum_type.values_by_name["scann"]
    model.retrieval.algorithm = scann.number
    model.search_space.epochs.extend([1, 2])
    model.search_space.max_trials = 2
    working = folder / "working"
    working.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(working)
        for warm_start in (False, True):
            local_dag_runner.LocalDagRunner().run(
                retrieval.create_pipeline(
                    "storage",
                    _PIPELINE_ROOT,
                    "ram://bucket/day-{SPAN}/*.parquet",
                    features,
                    model,
                    serving_model_dir=_SERVING,
                    warm_start=warm_start,
                    overrides=retrieval.TrainingOverrides(epochs=1) if warm_start else None,
                    embedding_export=retrieval.EmbeddingExport(run_date="2026-01-01"),
                    metadata_connection_config=sqlite_metadata_connection_config(
                        str(folder / "metadata.db")
                    ),
                )
            )
    return folder


def test_nothing_is_left_on_this_machine(storage):
    assert list((storage / "working").iterdir()) == []


def test_every_component_wrote_to_the_root(storage):
    store = run_store.RunStore(str(storage / "metadata.db"))
    outputs = {
        "InteractionExampleGen": "examples",
        "StatisticsGen": "statistics",
        "SchemaGen": "schema",
        "ExampleValidator": "anomalies",
        "TransformCodegen": "transform_module",
        "Transform": "transform_graph",
        "TrainerCodegen": "trainer_module",
        "TwoTowerTuner": "best_hyperparameters",
        "TwoTowerTrainer": "model",
        "RetrievalEvaluator": "evaluation",
        "ScaNNIndexer": "index",
        "EmbeddingExporter": "embeddings",
        "Pusher": "pushed_model",
    }
    for node, key in outputs.items():
        uri = store.artifact_uri(node, key)
        assert uri.startswith(f"{_PIPELINE_ROOT}/{node}/")
        files = [name for _, _, names in tf.io.gfile.walk(uri) for name in names]
        assert files or node == "Pusher", node
    metrics = store.read_json("RetrievalEvaluator", "evaluation", "metrics.json")
    assert metrics["baseline_model"]


def test_the_pushed_index_answers(storage):
    from tfx_retrieval.components.scann_indexer.loading import load_index

    versions = tf.io.gfile.listdir(_SERVING)
    index = load_index(f"{_SERVING}/{max(versions)}")
    (found,) = index.recommend([{"buyer": "buyer-8", "town": "town-1"}], k=10)
    assert [planted.group_of(sku) for sku, _, _ in found].count(8 % planted.GROUPS) >= 5


def test_the_exported_table_can_be_read(storage):
    uri = run_store.RunStore(str(storage / "metadata.db")).artifact_uri(
        "EmbeddingExporter", "embeddings"
    )
    content = _read(f"{uri}/candidate/run_date=2026-01-01/part-0.parquet")
    assert pq.read_table(io.BytesIO(content)).num_rows == planted.CANDIDATES
