"""Measures the stock pipeline's model by the protocol of this project's evaluator."""

import glob
import json
import sys

import numpy as np
import tensorflow as tf
from speed_sets import SETS

from tfx_retrieval.components.retrieval_evaluator import evaluation, ranking

_TYPES = {"bytes_list": tf.string, "int64_list": tf.int64}


def read(folder, names, time):
    """Returns the serialised rows of a split and some of their columns, in order of time."""
    files = sorted(glob.glob(f"{folder}/*.gz"))
    rows = np.array(list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()), object)
    first = tf.train.Example.FromString(rows[0]).features.feature
    kinds = {name: _TYPES[first[name].WhichOneof("kind")] for name in (*names, time)}
    spec = {name: tf.io.FixedLenFeature([], kind) for name, kind in kinds.items()}
    columns = {name: x.numpy() for name, x in tf.io.parse_example(rows, spec).items()}
    # Strings of NumPy's own sort and compare, Python's bytes in an array do not all.
    columns = {name: x.astype("S") if x.dtype == object else x for name, x in columns.items()}
    order = np.argsort(columns[time], kind="stable")
    return rows[order], {name: values[order] for name, values in columns.items()}


def main(name, output):
    """Prints the metrics of a finished run of `run_stock.py`."""
    speed_set = SETS[name]
    query_id, candidate_id = speed_set.query.id, speed_set.candidate.id
    (examples,) = glob.glob(f"{output}/pipeline/CsvExampleGen/examples/*")
    (model,) = glob.glob(f"{output}/pipeline/Trainer/model/*/Format-Serving")
    (catalogue,) = glob.glob(f"{output}/pipeline/Trainer/model_run/*/catalogue.npz")
    _, train = read(f"{examples}/Split-train", (query_id, candidate_id), speed_set.time)
    rows, test = read(f"{examples}/Split-eval", (query_id, candidate_id), speed_set.time)
    catalogue = np.load(catalogue)
    # Candidates are numbered by ascending id, as in the evaluator.
    ids = catalogue["ids"]
    if train[candidate_id].dtype.kind == "i":
        ids = ids.astype(np.int64)
    order = np.argsort(ids)
    ids, embeddings = ids[order], catalogue["embeddings"][order]

    def number(candidates):
        places = np.minimum(np.searchsorted(ids, candidates), len(ids) - 1)
        return np.where(ids[places] == candidates, places, len(ids))

    # By protocol a query is judged by its first row.
    users, first, queries = np.unique(test[query_id], return_index=True, return_inverse=True)
    serve = tf.saved_model.load(model).signatures["serving_default"]
    parts = [serve(tf.constant(rows[part]))["embeddings"] for part in np.array_split(first, 16)]
    known = np.isin(train[query_id], users)
    measured = evaluation.evaluate_rankings(
        ranking.dot_product_scores(np.concatenate(parts), embeddings),
        queries,
        number(test[candidate_id]),
        number_of_candidates=len(ids),
        seen_queries=np.searchsorted(users, train[query_id][known]),
        seen_candidates=number(train[candidate_id][known]),
    )
    print("MEASURED", json.dumps({"steps": {}, "metrics": measured.model}))


if __name__ == "__main__":
    main(*sys.argv[1:])
