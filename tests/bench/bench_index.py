"""Recall and speed of the exact and the ScaNN index on a file of vectors.

    python tests/bench/bench_index.py VECTORS.npy [--top-k 100] [--retrieval '{"scann": {...}}']

VECTORS.npy is an array [n, dimension]; rows are scaled to length 1 unless --raw is given. Queries
are perturbed rows, as ScaNNIndexer makes them without examples. Prints one line an index.
"""

import argparse
import dataclasses
import json
import time

import numpy as np
import tensorflow as tf

from tfx_retrieval.components.scann_indexer import evaluate, options
from tfx_retrieval.components.scann_indexer.exact import ExactSearcher
from tfx_retrieval.components.scann_indexer.scann_index import ScannSearcher


def measure(name, make_searcher, embeddings, queries, top_k):
    """Builds an index and prints what it finds and how fast."""
    start = time.perf_counter()
    searcher = make_searcher()
    build_seconds = time.perf_counter() - start
    dimension = embeddings.shape[1]

    @tf.function(input_signature=[tf.TensorSpec([None, dimension], tf.float32)], autograph=False)
    def search(vectors):
        return searcher.search(vectors, top_k)

    def positions(vectors):
        return search(vectors)[1].numpy()

    found = np.concatenate([positions(part) for part in np.array_split(queries, 8)])
    recall = evaluate.measure_recall(embeddings, queries, found, evaluate.recall_depths(top_k))
    speed = evaluate.measure_speed(positions, queries)
    print(
        f"{name:12} build {build_seconds:6.1f} s  single p50 {speed.p50_ms:7.3f} ms  "
        f"p99 {speed.p99_ms:7.3f} ms  batched {speed.queries_per_second:9,.0f} queries/s  "
        + "  ".join(f"{depth} {value:.4f}" for depth, value in recall.items()),
        flush=True,
    )


def main():
    """Measures both indexes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("vectors", help="a .npy file of vectors [n, dimension]")
    parser.add_argument("--top-k", type=int, default=100)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--retrieval", default="{}", help="JSON of retrieval options")
    parser.add_argument("--raw", action="store_true", help="do not scale rows to length 1")
    parser.add_argument("--skip-exact", action="store_true", help="measure ScaNN only")
    arguments = parser.parse_args()
    embeddings = np.load(arguments.vectors).astype(np.float32)
    if not arguments.raw:
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    queries = evaluate.perturbed_candidates(embeddings, arguments.queries, seed=1)
    asked = {
        **json.loads(arguments.retrieval),
        "algorithm": "scann",
        "top_k": arguments.top_k,
    }
    plan = options.plan_index(options.parse_retrieval(asked), *embeddings.shape)
    print(f"{embeddings.shape[0]:,} x {embeddings.shape[1]}, top {plan.top_k},", end=" ")
    print(json.dumps(dataclasses.asdict(plan.scann)))
    if not arguments.skip_exact:
        measure("exact", lambda: ExactSearcher(embeddings), embeddings, queries, plan.top_k)
    measure(
        "scann",
        lambda: ScannSearcher(embeddings, plan.top_k, plan.scann),
        embeddings,
        queries,
        plan.top_k,
    )


if __name__ == "__main__":
    main()
