"""Measures the stock pipeline's model by the protocol of this project's evaluator."""

import glob
import json
import sys

import numpy as np
import tensorflow as tf

from tfx_retrieval.components.retrieval_evaluator import evaluation, ranking

_COLUMNS = ("user_id", "movie_id", "timestamp")


def read(folder):
    """Returns the serialised rows of a split and their columns, in order of time."""
    files = sorted(glob.glob(f"{folder}/*.gz"))
    rows = np.array(list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()), object)
    spec = {name: tf.io.FixedLenFeature([], tf.int64) for name in _COLUMNS}
    columns = {name: x.numpy() for name, x in tf.io.parse_example(rows, spec).items()}
    order = np.argsort(columns["timestamp"], kind="stable")
    return rows[order], {name: values[order] for name, values in columns.items()}


def main(output):
    """Prints recall of a finished run of `run_stock.py`."""
    (examples,) = glob.glob(f"{output}/pipeline/CsvExampleGen/examples/*")
    (model,) = glob.glob(f"{output}/pipeline/Trainer/model/*/Format-Serving")
    (catalogue,) = glob.glob(f"{output}/pipeline/Trainer/model_run/*/catalogue.npz")
    catalogue = np.load(catalogue)
    # Candidates are numbered by ascending id, as in the evaluator.
    order = np.argsort(catalogue["ids"])
    ids, embeddings = catalogue["ids"][order], catalogue["embeddings"][order]

    def number(movies):
        places = np.minimum(np.searchsorted(ids, movies), len(ids) - 1)
        return np.where(ids[places] == movies, places, len(ids))

    _, train = read(f"{examples}/Split-train")
    rows, test = read(f"{examples}/Split-eval")
    # By protocol a query is judged by its first row.
    users, first, queries = np.unique(test["user_id"], return_index=True, return_inverse=True)
    serve = tf.saved_model.load(model).signatures["serving_default"]
    parts = [serve(tf.constant(rows[part]))["embeddings"] for part in np.array_split(first, 16)]
    known = np.isin(train["user_id"], users)
    measured = evaluation.evaluate_rankings(
        ranking.dot_product_scores(np.concatenate(parts), embeddings),
        queries,
        number(test["movie_id"]),
        number_of_candidates=len(ids),
        seen_queries=np.searchsorted(users, train["user_id"][known]),
        seen_candidates=number(train["movie_id"][known]),
    )
    metrics = {name: measured.model[name] for name in ("recall@10", "recall@100")}
    print("MEASURED", json.dumps({"steps": {}, "metrics": metrics}))


if __name__ == "__main__":
    main(*sys.argv[1:])
