"""The retrieval pipeline in all its variants, compiled."""

from __future__ import annotations

import json
import pathlib

import pytest

from tfx_retrieval import config
from tfx_retrieval.pipelines import retrieval, sources
from tfx_retrieval.pipelines.vertex.compile import compile_pipeline
from tfx_retrieval.pipelines.vertex.lint import lint
from tfx_retrieval.pipelines.vertex.lint_imports import executor_class_path
from tfx_retrieval.pipelines.vertex.parameters import runtime_parameters
from tfx_retrieval.pipelines.vertex.spec import topological_order

GOLDEN = pathlib.Path(__file__).parent / "golden"
FEATURES = {
    "name": "shop",
    "query": {"id": "user", "features": [{"column": "user", "type": "categorical"}]},
    "candidate": {"id": "item", "features": [{"column": "item", "type": "categorical"}]},
    "interaction": {"timestamp": "when"},
}
VARIANTS = {
    "brute_force": ({"retrieval": {"algorithm": "brute_force"}}, {}),
    "scann": ({"retrieval": {"algorithm": "scann"}}, {"serving_model_dir": "gs://some-bucket/s"}),
    "warm_start": ({}, {"warm_start": True}),
    "tuner": ({"search_space": {"learning_rate": [0.01, 0.1]}}, {}),
    "bigquery_table": ({}, {"data": "bq://some-project.shop.orders"}),
    "bigquery_query": (
        {},
        {
            "data": sources.BigQuerySource(
                query="SELECT * FROM shop.orders WHERE day >= @since",
                project="some-project",
                **runtime_parameters(query_parameters='{"since": "2026-01-01"}'),
            )
        },
    ),
    "embedding_export": (
        {},
        {
            "embedding_export": retrieval.EmbeddingExport(
                **runtime_parameters(run_date="today"), bigquery_table="some-project.shop.vectors"
            )
        },
    ),
    "spans": ({}, {"data": "gs://some-bucket/day-{SPAN}/*.parquet"}),
}


def compiled(name, tmp_path, image):
    model, options = VARIANTS[name]
    chosen = dict(options)
    model_config = config.parse_model_config(json.dumps(model))
    parameters = runtime_parameters(
        data="gs://some-bucket/data",
        epochs=model_config.epochs,
        batch_size=model_config.batch_size,
        learning_rate=model_config.learning_rate,
    )

    def make():
        values = dict(parameters)
        data = values.pop("data")
        return retrieval.create_pipeline(
            "shop",
            "gs://some-bucket/root",
            chosen.pop("data", data),
            config.parse_feature_config(json.dumps(FEATURES)),
            model_config,
            overrides=retrieval.TrainingOverrides(**values),
            **chosen,
        )

    return compile_pipeline(make, str(tmp_path / "job.json"), image)


def summary(job):
    """Returns the tasks with what they run, what they read and what a run may change."""
    order, _ = topological_order(job.tasks)
    lines = []
    for name in order:
        task, executor = job.tasks[name], job.executor_of(name)
        kind = executor_class_path(executor) or next(iter(executor))
        lines.append(f"{name}: {kind}")
        for key, value in sorted(task.get("inputs", {}).get("artifacts", {}).items()):
            source = value["taskOutputArtifact"]
            lines.append(f"  {key} <- {source['producerTask']}.{source['outputArtifactKey']}")
        for key, value in sorted(task.get("inputs", {}).get("parameters", {}).items()):
            if "componentInputParameter" in value:
                lines.append(f"  {key} <- parameter {value['componentInputParameter']}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_compiles_to_the_golden_graph(name, tmp_path, image, update_golden):
    result = compiled(name, tmp_path, image)
    assert lint(result.job) == []
    golden = GOLDEN / f"{name}.txt"
    if update_golden:
        golden.write_text(summary(result.job))
    assert summary(result.job) == golden.read_text()


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_the_same_pipeline_gives_the_same_bytes(name, tmp_path, image):
    first = pathlib.Path(compiled(name, tmp_path, image).path).read_bytes()
    assert pathlib.Path(compiled(name, tmp_path, image).path).read_bytes() == first
    assert str(tmp_path).encode() not in first


def test_only_what_is_read_from_bigquery_is_never_cached(tmp_path, image):
    # Nothing tells a cache key that a table has changed.
    cached = {
        name: {
            task
            for task, value in compiled(name, tmp_path, image).job.tasks.items()
            if value.get("cachingOptions", {}).get("enableCache")
        }
        for name in ("brute_force", "bigquery_table")
    }
    assert cached["brute_force"] - cached["bigquery_table"] == {"InteractionExampleGen"}
    assert len(cached["bigquery_table"]) == 9


def test_a_pattern_with_spans_reaches_the_driver(tmp_path, image):
    job = compiled("spans", tmp_path, image).job
    given = job.tasks["InteractionExampleGen"]["inputs"]["parameters"]
    assert given["input_base"]["runtimeValue"]["constant"] == "gs://some-bucket"
    assert "day-{SPAN}/*.parquet" in given["input_config"]["runtimeValue"]["constant"]
    assert "preCacheCheck" in job.executor_of("InteractionExampleGen")["container"]["lifecycle"]
    assert "data" not in job.parameter_definitions
