"""Scores of a trained model: its catalogue and its queries, embedded once each."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf
from tfx.types import artifact

from tfx_retrieval.components.retrieval_evaluator.ranking import (
    IntArray,
    ScoreFunction,
    dot_product_scores,
)
from tfx_retrieval.components.scann_indexer import embed, reading
from tfx_retrieval.errors import InputError, Problem

SIGNATURES = ("query_embedding", "embed_query_examples", "embed_candidate_examples")
"""The signatures that a model must have to be measured."""

_logger = logging.getLogger("tfx_retrieval.retrieval_evaluator")
_EMBEDDED_ROWS = 8192
_THREADS = 2


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Distinct candidates, ascending by id, and where their rows are.

    Attributes:
        source: The Examples that name them.
        selection: The row chosen for each.
        ids: Their ids, a large_binary or int64 Arrow array.
    """

    source: reading.Source
    selection: reading.Selection
    ids: pa.Array


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A loaded SavedModel.

    Attributes:
        model: The object with the signatures.
        where: Its path, for messages.
        query_columns: Names of its raw query columns.
    """

    model: Any
    where: str
    query_columns: tuple[str, ...]


def load_model(path: str) -> TrainedModel:
    """Loads a SavedModel.

    Args:
        path: Its directory.

    Returns:
        The model.

    Raises:
        InputError: It lacks some of `SIGNATURES`; holds all of them.
    """
    model = tf.saved_model.load(path)
    problems: list[Problem] = []
    for name in SIGNATURES:
        try:
            embed.signature(model, name, path)
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    inputs = model.signatures["query_embedding"].structured_input_signature[1]
    return TrainedModel(model, path, tuple(sorted(inputs)))


def read_catalogue(
    examples: Sequence[artifact.Artifact], candidate_id: str, timestamp: str | None
) -> Catalogue:
    """Chooses one row for each distinct candidate.

    Args:
        examples: Raw Examples: their split `candidates`, or else all splits.
        candidate_id: Column of the ids.
        timestamp: Column of int64 times, of which the latest row is chosen; without it the first.

    Returns:
        The catalogue.

    Raises:
        InputError: See `reading.candidate_source` and `reading.select_rows`.
    """
    source = reading.candidate_source(examples)
    selection = reading.select_rows(source, candidate_id, timestamp=timestamp)
    kind = pa.int64() if selection.ids.dtype == np.int64 else pa.large_binary()
    _logger.info("the catalogue has %s candidates", f"{len(selection.ids):,}")
    return Catalogue(source, selection, pa.array(selection.ids, kind))


def score_function(
    trained: TrainedModel, catalogue: Catalogue, records: pa.Array
) -> tuple[ScoreFunction, IntArray]:
    """Embeds the candidates and the distinct query features.

    Args:
        trained: The model.
        catalogue: The candidates.
        records: Serialized tf.Examples of the query columns, one per interaction.

    Returns:
        The score function over the distinct records, and the row of each interaction in it.

    Raises:
        InputError: An embedding is not finite.
    """
    candidates = _candidate_embeddings(trained, catalogue)
    encoded = records.dictionary_encode()
    queries = _query_embeddings(trained, encoded.dictionary, candidates.shape[1])
    _logger.info(
        "embedded %s candidates and %s distinct queries",
        f"{len(candidates):,}",
        f"{len(queries):,}",
    )
    return dot_product_scores(queries, candidates), encoded.indices.to_numpy().astype(np.int64)


def _query_embeddings(
    trained: TrainedModel, records: pa.Array, dimension: int
) -> npt.NDArray[np.float32]:
    """Embeds serialized tf.Examples of the query columns, a part at a time."""
    embedder = embed.embedder(trained.model, "embed_query_examples", trained.where)
    embeddings = np.empty((len(records), dimension), np.float32)

    def embed_part(start: int) -> None:
        part = records.slice(start, _EMBEDDED_ROWS)
        embeddings[start : start + len(part)] = embedder(np.array(part.to_pylist(), object))

    with concurrent.futures.ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(embed_part, range(0, len(records), _EMBEDDED_ROWS)):
            pass
    return embeddings


def _candidate_embeddings(trained: TrainedModel, catalogue: Catalogue) -> npt.NDArray[np.float32]:
    """Embeds each candidate once, in the order of the catalogue."""
    embedder = embed.embedder(trained.model, "embed_candidate_examples", trained.where)
    embeddings: npt.NDArray[np.float32] | None = None
    for places, vectors in embed.embed_selected(catalogue.source, catalogue.selection, embedder):
        if embeddings is None:
            embeddings = np.empty((len(catalogue.ids), vectors.shape[1]), np.float32)
        embeddings[places] = vectors
    assert embeddings is not None, "a catalogue has at least one candidate"
    return embeddings
