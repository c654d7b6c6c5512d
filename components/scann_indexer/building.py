"""Building an index from a trained model and its candidates, and measuring it."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.dsl.io import fileio

from tfx_retrieval.components.scann_indexer import embed, evaluate, reading, saving
from tfx_retrieval.components.scann_indexer.exact import ExactSearcher
from tfx_retrieval.components.scann_indexer.options import (
    BRUTE_FORCE,
    SCANN,
    IndexPlan,
    plan_index,
)
from tfx_retrieval.components.scann_indexer.query_tower import QueryTower
from tfx_retrieval.components.scann_indexer.scann_index import ScannSearcher
from tfx_retrieval.proto.model_config_pb2 import Retrieval

_logger = logging.getLogger("tfx_retrieval.scann_indexer")


@dataclasses.dataclass(frozen=True)
class Request:
    """What to index and how.

    Attributes:
        model_path: SavedModel of the trained model.
        candidates: Raw Examples that name the candidates.
        candidate_id: Column of the ids.
        title: Column to keep as title, or None.
        retrieval: Resolved options.
    """

    model_path: str
    candidates: reading.Source
    candidate_id: str
    title: str | None
    retrieval: Retrieval


@dataclasses.dataclass(frozen=True)
class BuiltIndex:
    """An index on disk.

    Attributes:
        plan: What was built.
        catalogue: The candidates.
        path: SavedModel of the index.
        exact_path: SavedModel of an exact index of the same candidates; `path` itself if that is
            exact.
        embed_seconds: Time to embed the candidates.
        build_seconds: Time to build and save the index.
    """

    plan: IndexPlan
    catalogue: embed.Catalogue
    path: str
    exact_path: str
    embed_seconds: float
    build_seconds: float


@dataclasses.dataclass(frozen=True)
class Queries:
    """Queries to measure an index with.

    Attributes:
        embeddings: [m, dimension] float32.
        serialized: The tf.Examples that they are of, or None.
        source: `examples` or `perturbed_candidates`.
    """

    embeddings: np.ndarray
    serialized: np.ndarray | None
    source: str


@dataclasses.dataclass(frozen=True)
class QuerySample:
    """Which queries to measure an index with.

    Attributes:
        examples: Raw Examples to draw from; None: perturbed candidates.
        count: How many at most.
        seed: Seed of the draw.
    """

    examples: reading.Source | None
    count: int
    seed: int


def build_and_measure(
    request: Request, path: str, exact_path: str, sample: QuerySample
) -> tuple[BuiltIndex, dict[str, Any]]:
    """Builds an index, loads it again and compares it with exact search.

    Args:
        request: What to index.
        path: Where to write the index's SavedModel.
        exact_path: Where to write the exact twin, if the index is not exact itself.
        sample: What to measure it with.

    Returns:
        The index, and what `measure_index` returns.

    Raises:
        InputError: See `build_index` and `make_queries`.
    """
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        # Reading goes on outside of Python's lock while the index is built.
        drawn = thread.submit(_draw_rows, sample)
        built = build_index(request, path, exact_path)
        index = load_index(built)
        queries = make_queries(index, drawn.result(), sample)
    return built, measure_index(index, queries, sample.seed)


def _draw_rows(sample: QuerySample) -> np.ndarray | None:
    if sample.examples is None:
        return None
    return reading.sample_rows(sample.examples, sample.count, sample.seed)


def build_index(request: Request, path: str, exact_path: str) -> BuiltIndex:
    """Embeds the candidates, builds the index and saves it.

    Args:
        request: What to index.
        path: Where to write the index's SavedModel.
        exact_path: Where to write the exact twin, if the index is not exact itself.

    Raises:
        InputError: The model, the candidates or the options are wrong, or scann is needed and
            missing.
    """
    start = time.perf_counter()
    model = tf.saved_model.load(request.model_path)
    tower = QueryTower(model, request.model_path)
    catalogue = embed.embed_catalogue(
        request.candidates, model, request.model_path, request.candidate_id, request.title
    )
    embedded = time.perf_counter()
    plan = plan_index(request.retrieval, *catalogue.embeddings.shape)
    _logger.info(
        "%s candidates of %s dimensions (%s duplicate rows merged); %s, %s",
        f"{len(catalogue.ids):,}",
        catalogue.embeddings.shape[1],
        f"{catalogue.duplicates:,}",
        plan.algorithm,
        plan.reason,
    )
    searcher: saving.Searcher
    if plan.scann:
        searcher = ScannSearcher(catalogue.embeddings, plan.top_k, plan.scann)
    else:
        searcher = ExactSearcher(catalogue.embeddings)
    saving.save_index(tower, searcher, catalogue, plan, path, request.candidate_id)
    built = time.perf_counter()
    if plan.algorithm == SCANN:
        twin = IndexPlan(BRUTE_FORCE, "exact twin of the scann index", plan.top_k, None)
        exact = ExactSearcher(catalogue.embeddings)
        saving.save_index(tower, exact, catalogue, twin, exact_path, request.candidate_id)
    else:
        exact_path = path
    return BuiltIndex(plan, catalogue, path, exact_path, embedded - start, built - embedded)


@dataclasses.dataclass(frozen=True)
class LoadedIndex:
    """An index as whoever serves it loads it.

    Attributes:
        built: What is on disk.
        model: The index.
        exact: The exact index of the same candidates, `model` itself if that is exact.
    """

    built: BuiltIndex
    model: Any
    exact: Any


def load_index(built: BuiltIndex) -> LoadedIndex:
    """Loads an index and its exact twin."""
    model = tf.saved_model.load(built.path)
    is_exact = built.exact_path == built.path
    return LoadedIndex(built, model, model if is_exact else tf.saved_model.load(built.exact_path))


def make_queries(index: LoadedIndex, serialized: np.ndarray | None, sample: QuerySample) -> Queries:
    """Embeds the rows drawn, or makes queries of candidates.

    Args:
        index: The index to measure.
        serialized: tf.Examples drawn from `sample.examples`, if there are any.
        sample: What was asked for.

    Raises:
        InputError: There are no rows, or an embedding is not finite.
    """
    if sample.examples is None or serialized is None:
        embeddings = index.built.catalogue.embeddings
        vectors = evaluate.perturbed_candidates(embeddings, sample.count, sample.seed)
        return Queries(vectors, None, "perturbed_candidates")
    if not len(serialized):
        raise reading.no_rows(sample.examples)
    embedder = embed.embedder(index.exact, "embed_query_examples", index.built.exact_path)
    vectors = embedder(serialized)
    embed.require_finite(
        vectors, np.arange(len(vectors)), f"sampled queries of {sample.examples.name}"
    )
    return Queries(vectors, serialized, "examples")


def measure_index(index: LoadedIndex, queries: Queries, seed: int) -> dict[str, Any]:
    """Compares an index with exact search.

    Returns:
        The report without `checks` and `blessed`, see `ScaNNIndexer`.
    """
    search = evaluate.searcher_of(index.model)
    found = evaluate.search_all(search, queries.embeddings)
    built = index.built
    catalogue, plan = built.catalogue, built.plan
    recall = evaluate.measure_recall(
        catalogue.embeddings,
        queries.embeddings,
        evaluate.positions_of(*found, catalogue.ids),
        evaluate.recall_depths(plan.top_k),
    )
    timings = {"index": evaluate.measure_speed(search, queries.embeddings)}
    timings["exact"] = timings["index"]
    if index.exact is not index.model:
        exact = evaluate.searcher_of(index.exact)
        timings["exact"] = evaluate.measure_speed(exact, queries.embeddings)
    if queries.serialized is not None:
        recommend = index.model.signatures["recommend_examples"]
        timings["recommend_examples"] = evaluate.measure_speed(
            lambda rows: recommend(examples=tf.constant(rows, tf.string))["scores"].numpy(),
            queries.serialized,
        )
    return {
        "algorithm": plan.algorithm,
        "reason": plan.reason,
        "options": dataclasses.asdict(plan.scann) if plan.scann else {},
        "top_k": plan.top_k,
        "candidates": len(catalogue.ids),
        "duplicates_merged": catalogue.duplicates,
        "dimension": catalogue.embeddings.shape[1],
        "queries": {"count": len(queries.embeddings), "source": queries.source, "seed": seed},
        "recall": recall,
        "speed": {name: dataclasses.asdict(timing) for name, timing in timings.items()},
        "embed_seconds": built.embed_seconds,
        "build_seconds": built.build_seconds,
        "bytes": directory_bytes(built.path),
        "exact_bytes": directory_bytes(built.exact_path),
    }


def judge_index(
    report: Mapping[str, Any], retrieval: Retrieval, model_blessed: bool | None
) -> dict[str, Any]:
    """Returns the report with `checks` and `blessed`.

    Args:
        report: What `measure_index` returned.
        retrieval: Resolved options with the limits.
        model_blessed: Whether the model is blessed; None if nobody has judged it.
    """
    top_k = report["top_k"]
    checks = evaluate.gate(
        report["recall"][f"recall@{top_k}"],
        top_k,
        retrieval.min_index_recall,
        report["speed"]["index"]["p99_ms"],
        retrieval.max_latency_ms if retrieval.HasField("max_latency_ms") else None,
        model_blessed,
    )
    for check in checks:
        _logger.info(
            "%s: %s, limit %s: %s",
            check.name,
            check.received,
            check.limit,
            "passed" if check.passed else "FAILED",
        )
    if report["algorithm"] == SCANN and not checks[0].passed:
        _logger.warning(
            "Search more: retrieval.scann.leaves_to_search above %s or reorder above %s, or use "
            "the algorithm brute_force.",
            report["options"]["leaves_to_search"],
            report["options"]["reorder"],
        )
    return {
        **report,
        "checks": [dataclasses.asdict(check) for check in checks],
        "blessed": all(check.passed for check in checks),
    }


def write_report(report: Mapping[str, Any], path: str) -> None:
    """Writes a report as JSON."""
    with fileio.open(path, "w") as file:
        file.write(json.dumps(report, indent=2))


def directory_bytes(path: str) -> int:
    """Returns the bytes of all files below a directory, local or remote."""
    return sum(
        tf.io.gfile.stat(os.path.join(folder, name)).length
        for folder, _, names in fileio.walk(path)
        for name in names
    )
