"""Measures predicted labels: RMSE and AUC, of simple baselines and of a SavedModel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from quality_splits import IntArray
from sklearn.metrics import roc_auc_score

RMSE, AUC = "rmse", "auc"

FloatArray = npt.NDArray[np.float64]

_BATCH = 8192
# Weights of zero in the biases; those of Surprise's BaselineOnly.
_QUERY_REGULARIZATION, _CANDIDATE_REGULARIZATION, _SWEEPS = 15.0, 10.0, 10


def candidate_means(candidates: IntArray, labels: FloatArray, asked: IntArray) -> FloatArray:
    """Returns the mean label of each candidate that is asked for; of all rows for unknown ones.

    Args:
        candidates: [train rows].
        labels: [train rows].
        asked: [rows].
    """
    size = max(candidates.max(), asked.max()) + 1
    counts = np.bincount(candidates, minlength=size)
    sums = np.bincount(candidates, weights=labels, minlength=size)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), labels.mean())
    return means[asked]


def biases(
    queries: IntArray,
    candidates: IntArray,
    labels: FloatArray,
    asked_queries: IntArray,
    asked_candidates: IntArray,
) -> FloatArray:
    """Predicts labels as the mean plus a bias of the query and one of the candidate.

    The biases are fitted by alternating least squares with shrinkage (Koren 2010, Factor in the
    neighbors, section 2.1).

    Args:
        queries: [train rows].
        candidates: [train rows].
        labels: [train rows].
        asked_queries: [rows].
        asked_candidates: [rows].
    """
    mean = labels.mean()
    query_bias = np.zeros(max(queries.max(), asked_queries.max()) + 1)
    candidate_bias = np.zeros(max(candidates.max(), asked_candidates.max()) + 1)
    for _ in range(_SWEEPS):
        for bias, ids, other, other_ids, weight in (
            (candidate_bias, candidates, query_bias, queries, _CANDIDATE_REGULARIZATION),
            (query_bias, queries, candidate_bias, candidates, _QUERY_REGULARIZATION),
        ):
            rest = labels - mean - other[other_ids]
            sums = np.bincount(ids, weights=rest, minlength=len(bias))
            bias[:] = sums / (weight + np.bincount(ids, minlength=len(bias)))
    return mean + query_bias[asked_queries] + candidate_bias[asked_candidates]


def baseline_figures(
    train: pa.Table, test: pa.Table, label: str, binary: bool
) -> dict[str, dict[str, float]]:
    """Returns the figures of what knows labels, but nothing of tastes, by name.

    Args:
        train: Rows with user_id, movie_id and the label.
        test: The same of the rows to predict.
        label: Name of the label.
        binary: Whether the AUC is measured, and not the RMSE.
    """
    queries, candidates = (train[name].to_numpy() for name in ("user_id", "movie_id"))
    asked_queries, asked = (test[name].to_numpy() for name in ("user_id", "movie_id"))
    labels, truth = (table[label].to_numpy().astype(np.float64) for table in (train, test))
    predictions = {
        "mean of all ratings": np.full(len(truth), labels.mean()),
        "mean of the film": candidate_means(candidates, labels, asked),
        "biases of user and film": biases(queries, candidates, labels, asked_queries, asked),
    }
    return {name: figures(truth, values, binary) for name, values in predictions.items()}


def figures(labels: FloatArray, predictions: FloatArray, binary: bool) -> dict[str, float]:
    """Returns the RMSE, or of labels that are 0 or 1 the AUC, by metric name.

    Args:
        labels: [rows].
        predictions: [rows].
        binary: Whether the labels are 0 or 1.
    """
    if binary:
        return {AUC: float(roc_auc_score(labels, predictions))}
    return {RMSE: float(np.sqrt(np.mean((labels - predictions) ** 2)))}


def predict(model: str, rows: pa.Table) -> FloatArray:
    """Returns the labels that a SavedModel of the Trainer predicts, [rows].

    Args:
        model: Directory of the SavedModel; it has the signature `predict_label`.
        rows: Raw columns of both sides.
    """
    import tensorflow as tf

    signature = tf.saved_model.load(model).signatures["predict_label"]
    inputs = signature.structured_input_signature[1]
    columns = {name: rows[name].to_numpy() for name in inputs}
    found = []
    for start in range(0, len(rows), _BATCH):
        batch = {
            name: tf.constant(columns[name][start : start + _BATCH], spec.dtype)
            for name, spec in inputs.items()
        }
        found.append(signature(**batch)["prediction"].numpy())
    return np.concatenate(found).astype(np.float64)
