"""Tiny real models and hand-made Examples artifacts for tests of the downstream components.

`save_tiny_two_tower` writes a SavedModel with the signatures of a trained model
(`serving_default`, `query_embedding`, `candidate_embedding`, `recommend_examples`,
`embed_query_examples`, `embed_candidate_examples`), made of lookup tables and embedding matrices,
so that a test knows every vector. `write_examples` writes raw Examples as InteractionExampleGen
does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

Id = str | int
Row = Mapping[str, Any]


class _Tower(tf.Module):
    """Looks ids up in a table of vectors; unknown ids get the first row of the matrix."""

    def __init__(
        self,
        vectors: Mapping[Id, Sequence[float]],
        default: Sequence[float] | None,
        context_vector: Sequence[float] | None = None,
    ):
        super().__init__()
        ids = list(vectors)
        matrix = np.asarray([vectors[key] for key in ids], np.float32)
        first = np.zeros(matrix.shape[1]) if default is None else np.asarray(default)
        self.id_dtype = tf.string if isinstance(ids[0], str) else tf.int64
        self.matrix = tf.Variable(np.vstack([first[None], matrix]).astype(np.float32))
        self.context_vector = (
            None if context_vector is None else tf.constant(context_vector, tf.float32)
        )
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(ids, self.id_dtype), tf.range(1, len(ids) + 1, dtype=tf.int64)
            ),
            default_value=0,
        )

    def embed(self, ids: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        vectors = tf.gather(self.matrix, self.table.lookup(ids))
        if context is None or self.context_vector is None:
            return vectors
        return vectors + context[:, None] * self.context_vector[None, :]


class TinyTwoTower(tf.Module):
    """Two lookup towers with the signatures of a trained model."""

    def __init__(
        self,
        query_tower: _Tower,
        candidate_tower: _Tower,
        query_id: str,
        candidate_id: str,
        context_column: str | None,
        top_k: int,
    ):
        super().__init__()
        self.query_tower = query_tower
        self.candidate_tower = candidate_tower
        self._query_id = query_id
        self._candidate_id = candidate_id
        self._context_column = context_column
        self._top_k = top_k
        catalogue_ids, indices = candidate_tower.table.export()
        order = tf.argsort(indices)
        self.catalogue_ids = tf.Variable(tf.gather(catalogue_ids, order))
        self.catalogue = tf.Variable(candidate_tower.matrix[1:])

    def _embed_query(self, columns: Mapping[str, tf.Tensor]) -> tf.Tensor:
        context = columns[self._context_column] if self._context_column else None
        return self.query_tower.embed(columns[self._query_id], context)

    def _recommend(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        scores = tf.matmul(self._embed_query(columns), self.catalogue, transpose_b=True)
        top = tf.math.top_k(scores, k=self._top_k)
        return {"ids": tf.gather(self.catalogue_ids, top.indices), "scores": top.values}

    def signatures(self) -> dict[str, Any]:
        """Returns the concrete functions to save, by signature name."""
        query = {self._query_id: tf.TensorSpec([None], self.query_tower.id_dtype)}
        if self._context_column:
            query[self._context_column] = tf.TensorSpec([None], tf.float32)
        candidate = {self._candidate_id: tf.TensorSpec([None], self.candidate_tower.id_dtype)}

        def of_columns(function: Any, columns: Mapping[str, tf.TensorSpec]) -> Any:
            named = {
                name: tf.TensorSpec(spec.shape, spec.dtype, name=name)
                for name, spec in columns.items()
            }
            return tf.function(lambda **inputs: function(inputs)).get_concrete_function(**named)

        def of_examples(function: Any, columns: Mapping[str, tf.TensorSpec]) -> Any:
            spec = {
                name: tf.io.FixedLenFeature(
                    [], column.dtype, "" if column.dtype == tf.string else -1
                )
                for name, column in columns.items()
            }
            if self._context_column in spec:
                spec[self._context_column] = tf.io.FixedLenFeature([], tf.float32, 0.0)
            return tf.function(
                lambda examples: function(tf.io.parse_example(examples, spec))
            ).get_concrete_function(tf.TensorSpec([None], tf.string, name="examples"))

        def embed_query(columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return {"embedding": self._embed_query(columns)}

        def embed_candidate(columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return {"embedding": self.candidate_tower.embed(columns[self._candidate_id])}

        return {
            "serving_default": of_columns(self._recommend, query),
            "query_embedding": of_columns(embed_query, query),
            "candidate_embedding": of_columns(embed_candidate, candidate),
            "recommend_examples": of_examples(self._recommend, query),
            "embed_query_examples": of_examples(embed_query, query),
            "embed_candidate_examples": of_examples(embed_candidate, candidate),
        }


def save_tiny_two_tower(
    directory: str,
    query_vectors: Mapping[Id, Sequence[float]],
    candidate_vectors: Mapping[Id, Sequence[float]],
    *,
    query_id: str = "user_id",
    candidate_id: str = "item_id",
    unknown_query: Sequence[float] | None = None,
    unknown_candidate: Sequence[float] | None = None,
    context_column: str | None = None,
    context_vector: Sequence[float] | None = None,
    top_k: int | None = None,
    leave_out: Sequence[str] = (),
) -> str:
    """Writes a SavedModel whose towers return the given vectors.

    Args:
        directory: Where to write the SavedModel itself (for a Model artifact pass
            `path_utils.serving_model_dir(artifact.uri)` or use `model_artifact`).
        query_vectors: Vector of each query id; all ids `str` or all `int`.
        candidate_vectors: Vector of each candidate id, the catalogue of `serving_default`.
        query_id: Name of the query id column.
        candidate_id: Name of the candidate id column.
        unknown_query: Vector of ids not in `query_vectors`; zeros by default.
        unknown_candidate: Vector of ids not in `candidate_vectors`; zeros by default.
        context_column: A float query column; adds `value * context_vector` to the query vector.
        context_vector: See `context_column`.
        top_k: How many ids `serving_default` returns; by default all, at most 10.
        leave_out: Names of signatures not to save.

    Returns:
        `directory`.
    """
    model = TinyTwoTower(
        _Tower(query_vectors, unknown_query, context_vector),
        _Tower(candidate_vectors, unknown_candidate),
        query_id,
        candidate_id,
        context_column,
        top_k or min(10, len(candidate_vectors)),
    )
    signatures = {
        name: function for name, function in model.signatures().items() if name not in leave_out
    }
    tf.saved_model.save(model, directory, signatures=signatures)
    return directory


def model_artifact(
    directory: str,
    query_vectors: Mapping[Id, Sequence[float]],
    candidate_vectors: Mapping[Id, Sequence[float]],
    **options: Any,
) -> standard_artifacts.Model:
    """Returns a Model artifact at `directory` holding `save_tiny_two_tower` in Format-Serving."""
    artifact = standard_artifacts.Model()
    artifact.uri = str(directory)
    save_tiny_two_tower(
        path_utils.serving_model_dir(artifact.uri), query_vectors, candidate_vectors, **options
    )
    return artifact


def encode_example(row: Row) -> bytes:
    """Serializes a row: str/bytes, int/bool and float values or lists; None and [] mean missing."""
    features = {}
    for name, value in row.items():
        if value is None:
            continue
        values = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
        if not values:
            continue
        if isinstance(values[0], str | bytes):
            encoded = [item.encode() if isinstance(item, str) else item for item in values]
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
        elif isinstance(values[0], float | np.floating):
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            whole = [int(item) for item in values]
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=whole))
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def write_examples(
    directory: str, splits: Mapping[str, Sequence[Row]], shards: int = 1
) -> standard_artifacts.Examples:
    """Writes rows as gzip TFRecords, one directory per split, and returns the artifact.

    Args:
        directory: The artifact's uri.
        splits: Rows (column name to value) of each split, in order; a split may be empty.
        shards: How many files to deal a split's rows over, row by row.

    Returns:
        An Examples artifact with `uri` and `split_names` set.
    """
    artifact = standard_artifacts.Examples()
    artifact.uri = str(directory)
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    for split, rows in splits.items():
        split_directory = os.path.join(artifact.uri, f"Split-{split}")
        os.makedirs(split_directory, exist_ok=True)
        for shard in range(shards):
            path = os.path.join(split_directory, f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz")
            with tf.io.TFRecordWriter(path, "GZIP") as writer:
                for row in rows[shard::shards]:
                    writer.write(encode_example(row))
    return artifact
