"""Approximate search with ScaNN's TensorFlow operations (Guo et al. 2020, arXiv 1908.10396)."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

import numpy as np
import tensorflow as tf
from packaging.requirements import Requirement

from tfx_retrieval.components.scann_indexer.options import ScannOptions
from tfx_retrieval.errors import InputError, Problem

NAMESPACE = "Scann"

# ScaNN's operations load into one minor version of TensorFlow only; the pair that is tested.
_SCANN_OF_TENSORFLOW = {"2.16": "1.3.2"}
_REMEDY = (
    "Run `pip install 'tfx-retrieval[scann]'`, or use the algorithm brute_force "
    "(an index that exists has an exact twin in its artifact's folder `exact`)."
)
# In the order of the arguments of `tensors_to_scann`.
_STATE = (
    "dataset",
    "scann_config",
    "serialized_partitioner",
    "datapoint_to_token",
    "ah_codebook",
    "hashed_dataset",
    "int8_dataset",
    "int8_multipliers",
    "dp_norms",
)
# ScaNN's guide uses 0.2 for vectors of length 1; the threshold is an absolute inner product.
_ANISOTROPIC_THRESHOLD = 0.2


def require_scann() -> Any:
    """Imports ScaNN's TensorFlow operations, which also registers them for loading SavedModels.

    Returns:
        The module `scann.scann_ops.py.scann_ops`.

    Raises:
        InputError: scann is not installed or was built for another TensorFlow.
    """
    installed = _installed_version()
    problem = Problem(
        "Python environment: package scann",
        f"scann {installed or 'not installed'} with tensorflow {tf.__version__}",
        _needed_version(),
        _REMEDY,
    )
    if installed is None or not _fits_tensorflow():
        raise InputError(problem)
    try:
        return importlib.import_module("scann.scann_ops.py.scann_ops")
    except (ImportError, OSError, AttributeError, tf.errors.OpError) as error:
        raise InputError(problem) from error


def scann_version() -> str:
    """Returns the version of the installed scann."""
    return importlib.metadata.version("scann")


def _installed_version() -> str | None:
    try:
        return scann_version()
    except importlib.metadata.PackageNotFoundError:
        return None


def _needed_version() -> str:
    minor = ".".join(tf.__version__.split(".")[:2])
    version = _SCANN_OF_TENSORFLOW.get(minor)
    return f"scann {version}" if version else f"a scann built for tensorflow {minor}"


def _fits_tensorflow() -> bool:
    """Whether the installed scann's own requirement, if it states one, is this TensorFlow."""
    requirements = map(Requirement, importlib.metadata.requires("scann") or ())
    return all(
        requirement.specifier.contains(tf.__version__, prereleases=True)
        for requirement in requirements
        if requirement.name == "tensorflow"
    )


class ScannSearcher(tf.Module):
    """Searches the leaves nearest to a query and rescores the best candidates exactly.

    Attributes:
        size: Number of candidates.
    """

    def __init__(self, embeddings: np.ndarray, top_k: int, options: ScannOptions):
        """Trains the partitions and the quantiser; not deterministic, as ScaNN is not.

        Args:
            embeddings: [n, dimension] float32, at least 16 rows.
            top_k: Candidates returned without exclusions.
            options: What to build with.

        Raises:
            InputError: See `require_scann`.
        """
        super().__init__(name="scann_searcher")
        self._operations = require_scann()
        self.size = len(embeddings)
        self._top_k = top_k
        self._options = options
        length = float(np.linalg.norm(embeddings, axis=1).mean())
        searcher = (
            self._operations.builder(tf.constant(embeddings), top_k, "dot_product")
            .tree(options.leaves, options.leaves_to_search)
            .score_ah(
                options.dimensions_per_block,
                anisotropic_quantization_threshold=_ANISOTROPIC_THRESHOLD * length,
            )
            .reorder(options.reorder)
            .build()
        )
        state = searcher.serialize_to_module()
        self._state = [getattr(state, part) for part in _STATE]

    def search(self, queries: tf.Tensor, depth: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns good candidates of each query.

        Args:
            queries: [batch, dimension] float32.
            depth: Candidates to return, at most `size`; above `top_k` proportionally more leaves
                are searched.

        Returns:
            Scores [batch, depth] float32, falling, and positions [batch, depth] int32. Where fewer
            candidates are found, the score is minus infinity and the position 0.
        """
        options = self._options
        # tensors_to_scann builds its searcher once and keeps it for as long as the function lives.
        handle = self._operations.tensors_to_scann(*self._state)
        leaves = -(-options.leaves_to_search * depth // self._top_k)
        found = self._operations.scann_search_batched(
            handle,
            queries,
            depth,
            tf.maximum(options.reorder, depth),
            tf.clip_by_value(leaves, 1, options.leaves),
            True,
        )
        missing = tf.math.is_nan(found.distances)
        scores = tf.where(missing, float("-inf"), found.distances)
        positions = tf.where(missing, 0, found.indices)
        # The result is only as wide as the longest row of the batch.
        padding = [[0, 0], [0, depth - tf.shape(scores)[1]]]
        return (
            tf.pad(scores, padding, constant_values=float("-inf")),
            tf.pad(positions, padding),
        )
