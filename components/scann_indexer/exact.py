"""Exact search for the greatest dot products, in plain TensorFlow operations."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

# 256 MB of float32 scores at a time, whatever the batch.
_MAX_SCORES = 2**26


class ExactSearcher(tf.Module):
    """Scores every candidate.

    Attributes:
        size: Number of candidates.
    """

    def __init__(self, embeddings: np.ndarray, max_scores: int = _MAX_SCORES):
        """Keeps the candidates.

        Args:
            embeddings: [n, dimension] float32.
            max_scores: Scores held in memory at once; larger batches are searched in blocks.
        """
        super().__init__(name="exact_searcher")
        self.size = len(embeddings)
        # Stored as [dimension, n]: reading it is all the time of a single query, and Eigen reads
        # this layout at the memory's speed (1M x 64 on 2 cores: 18 ms, against 25 ms for [n, d]).
        self._matrix = tf.Variable(tf.transpose(embeddings), trainable=False, name="candidates")
        self._block = max(1, max_scores // self.size)

    def search(self, queries: tf.Tensor, depth: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the best candidates of each query; among equal scores the first in the table.

        Args:
            queries: [batch, dimension] float32.
            depth: Candidates to return, at most `size`.

        Returns:
            Scores [batch, depth] float32, falling, and positions [batch, depth] int32.
        """
        return tf.cond(
            tf.shape(queries)[0] <= self._block,
            lambda: self._search_block(queries, depth),
            lambda: self._search_blocks(queries, depth),
        )

    def _search_block(
        self, queries: tf.Tensor, depth: int | tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        top = tf.math.top_k(tf.matmul(queries, self._matrix), depth)
        return top.values, top.indices

    def _search_blocks(
        self, queries: tf.Tensor, depth: int | tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Searches block after block, so that memory does not grow with the batch."""
        rows = tf.shape(queries)[0]
        blocks = (rows + self._block - 1) // self._block
        shape = tf.TensorShape([None, None])

        def search_one(
            block: tf.Tensor, scores: tf.TensorArray, positions: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.TensorArray, tf.TensorArray]:
            part = queries[block * self._block : (block + 1) * self._block]
            values, indices = self._search_block(part, depth)
            return block + 1, scores.write(block, values), positions.write(block, indices)

        _, scores, positions = tf.while_loop(
            lambda block, *_: block < blocks,
            search_one,
            (
                tf.constant(0),
                tf.TensorArray(tf.float32, blocks, element_shape=shape, infer_shape=False),
                tf.TensorArray(tf.int32, blocks, element_shape=shape, infer_shape=False),
            ),
            parallel_iterations=1,
        )
        return scores.concat(), positions.concat()
