"""The index as a SavedModel: signatures, id table and a note of how it was built."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from tfx.dsl.io import fileio

from tfx_retrieval.components.scann_indexer import reading, scann_index
from tfx_retrieval.components.scann_indexer.embed import Catalogue
from tfx_retrieval.components.scann_indexer.options import SCANN, IndexPlan
from tfx_retrieval.components.scann_indexer.query_tower import QueryTower

FORMAT_VERSION = 1
# TensorFlow leaves this folder of a SavedModel to its owner, and Pusher copies it with the model.
EXTRA_FOLDER = "assets.extra"
CANDIDATES_FILE = "candidates.parquet"
METADATA_FILE = "index.json"
# In places without a candidate, which have the score minus infinity.
NO_ID = {tf.string: "", tf.int64: -1}

Columns = Mapping[str, tf.Tensor]
Outputs = dict[str, tf.Tensor]


class Searcher(Protocol):
    """Finds the candidates with the greatest dot products.

    Attributes:
        size: Number of candidates.
    """

    size: int

    def search(self, queries: tf.Tensor, depth: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns scores [batch, depth], falling, and positions [batch, depth] int32."""


class IndexModule(tf.Module):
    """Query tower, searcher and ids, with the signatures to serve."""

    def __init__(self, tower: QueryTower, searcher: Searcher, ids: np.ndarray, top_k: int):
        """Puts the parts together.

        Args:
            tower: Embeds queries.
            searcher: Searches the candidates.
            ids: [n] id of each candidate, `bytes` objects or int64.
            top_k: Candidates returned, at most n.
        """
        super().__init__(name="index")
        self._tower = tower
        self._searcher = searcher
        dtype = tf.string if ids.dtype == object else tf.int64
        self._ids = tf.Variable(tf.constant(ids, dtype), trainable=False, name="ids")
        self._top_k = top_k

    def signatures(self) -> dict[str, Any]:
        """Returns the concrete functions to save, by signature name.

        All recommendations are `ids` [batch, top_k] in the type of the candidate id and `scores`
        [batch, top_k] float32, best first. A score of minus infinity marks a place without a
        candidate.

        - `serving_default`, `query_embedding`: one input for each raw query column.
        - `recommend_examples`, `embed_query_examples`: `examples` [batch] serialized tf.Examples.
        - `recommend_embeddings`: `embeddings` [batch, dimension] float32.
        - `recommend_excluding`: `examples` and `excluded_ids` [batch, m]: candidates to leave out;
          rows are padded with ids that are no candidates or are there already.
        """
        tower = self._tower
        examples = tf.TensorSpec([None], tf.string, name="examples")
        excluded = tf.TensorSpec([None, None], self._ids.dtype, name="excluded_ids")

        def embedding(vectors: tf.Tensor) -> Outputs:
            return {"embedding": vectors}

        query_embedding = _function(
            lambda **columns: embedding(tower.embed_columns(columns)), tower.inputs
        )
        width = query_embedding.structured_outputs["embedding"].shape[-1]
        embeddings = tf.TensorSpec([None, width], tf.float32, name="embeddings")
        return {
            "serving_default": _function(
                lambda **columns: self._recommend(tower.embed_columns(columns)), tower.inputs
            ),
            "query_embedding": query_embedding,
            "recommend_examples": _function(
                lambda examples: self._recommend(tower.embed_examples(examples)),
                {"examples": examples},
            ),
            "embed_query_examples": _function(
                lambda examples: embedding(tower.embed_examples(examples)),
                {"examples": examples},
            ),
            "recommend_embeddings": _function(
                lambda embeddings: self._recommend(embeddings), {"embeddings": embeddings}
            ),
            "recommend_excluding": _function(
                lambda examples, excluded_ids: self._recommend_excluding(
                    tower.embed_examples(examples), excluded_ids
                ),
                {"examples": examples, "excluded_ids": excluded},
            ),
        }

    def _recommend(self, queries: tf.Tensor) -> Outputs:
        return self._outputs(*self._searcher.search(queries, self._top_k))

    def _recommend_excluding(self, queries: tf.Tensor, excluded: tf.Tensor) -> Outputs:
        """Searches deeper by the number of exclusions, then leaves them out."""
        width = tf.shape(excluded)[1]

        def search() -> tuple[tf.Tensor, tf.Tensor]:
            depth = tf.minimum(self._top_k + width, self._searcher.size)
            scores, positions = self._searcher.search(queries, depth)
            is_excluded = _is_among(tf.gather(self._ids, positions), excluded)
            # top_k is stable: candidates of equal score keep their order.
            top = tf.math.top_k(tf.where(is_excluded, float("-inf"), scores), self._top_k)
            return top.values, tf.gather(positions, top.indices, batch_dims=1)

        found = tf.cond(width > 0, search, lambda: self._searcher.search(queries, self._top_k))
        return self._outputs(*found)

    def _outputs(self, scores: tf.Tensor, positions: tf.Tensor) -> Outputs:
        ids = tf.gather(self._ids, positions)
        no_id = tf.constant(NO_ID[self._ids.dtype], self._ids.dtype)
        ids = tf.where(tf.math.is_inf(scores), no_id, ids)
        shape = [None, self._top_k]
        return {"ids": tf.ensure_shape(ids, shape), "scores": tf.ensure_shape(scores, shape)}


def _function(function: Callable[..., Outputs], inputs: Mapping[str, tf.TensorSpec]) -> Any:
    """Returns the concrete function of inputs given by name."""
    specs = {
        name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in inputs.items()
    }
    return tf.function(function, autograph=False).get_concrete_function(**specs)


def _is_among(values: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    """Returns which values [batch, n] are in their row of the table [batch, m], m at least 1.

    Sorts and looks up, where comparing all pairs would need n * m places a row. Texts are looked up
    by a 63-bit hash and then compared.
    """

    def keys(ids: tf.Tensor) -> tf.Tensor:
        if ids.dtype == tf.string:
            return tf.strings.to_hash_bucket_fast(ids, 2**63 - 1)
        return ids

    table_keys = keys(table)
    order = tf.argsort(table_keys, axis=1)
    places = tf.searchsorted(tf.gather(table_keys, order, batch_dims=1), keys(values))
    places = tf.minimum(places, tf.shape(table)[1] - 1)
    nearest = tf.gather(tf.gather(table, order, batch_dims=1), places, batch_dims=1)
    return tf.equal(nearest, values)


def save_index(
    tower: QueryTower,
    searcher: Searcher,
    catalogue: Catalogue,
    plan: IndexPlan,
    directory: str,
    candidate_id: str,
) -> None:
    """Writes an index as a SavedModel with an id table beside it.

    `assets.extra/candidates.parquet` has the columns `id` (string or int64) and `title` (string,
    null where there is none), one row a candidate in the order of the index. Parquet because it
    keeps the type of the ids, any character and null titles, and is read by everything.
    `assets.extra/index.json` says how the index was built and what loading it needs.

    Args:
        tower: Embeds queries.
        searcher: Searches `catalogue.embeddings`.
        catalogue: The candidates.
        plan: What `searcher` was built with.
        directory: Where to write the SavedModel.
        candidate_id: Column of the ids.
    """
    module = IndexModule(tower, searcher, catalogue.ids, plan.top_k)
    is_scann = plan.algorithm == SCANN
    tf.saved_model.save(
        module,
        directory,
        signatures=module.signatures(),
        options=tf.saved_model.SaveOptions(
            namespace_whitelist=[scann_index.NAMESPACE] if is_scann else []
        ),
    )
    metadata = {
        "format_version": FORMAT_VERSION,
        "algorithm": plan.algorithm,
        "reason": plan.reason,
        "top_k": plan.top_k,
        "options": dataclasses.asdict(plan.scann) if plan.scann else {},
        "candidates": len(catalogue.ids),
        "dimension": catalogue.embeddings.shape[1],
        "candidate_id": candidate_id,
        "tensorflow": tf.__version__,
        "scann": scann_index.scann_version() if is_scann else None,
    }
    extra = os.path.join(directory, EXTRA_FOLDER)
    fileio.makedirs(extra)
    _write(os.path.join(extra, METADATA_FILE), json.dumps(metadata, indent=2).encode())
    _write(os.path.join(extra, CANDIDATES_FILE), _candidates_parquet(catalogue))


def _write(path: str, content: bytes) -> None:
    with fileio.open(path, "wb") as file:
        file.write(content)


def _candidates_parquet(catalogue: Catalogue) -> bytes:
    """Returns the id table as a Parquet file."""
    table = pa.table(
        {
            "id": id_array(catalogue.ids),
            "title": pa.array(catalogue.titles or [None] * len(catalogue.ids), pa.string()),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def id_array(ids: np.ndarray) -> pa.Array:
    """Returns ids as an Arrow array of int64 or of text.

    Raises:
        InputError: An id is not UTF-8 text.
    """
    if ids.dtype == object:
        return pa.array([reading.as_text(key) for key in ids.tolist()], pa.string())
    return pa.array(ids, pa.int64())
