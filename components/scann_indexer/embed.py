"""Embeddings of Examples from a trained model's signatures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_retrieval.components.scann_indexer import reading
from tfx_retrieval.errors import InputError, Problem

Embed = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Distinct candidates and their embeddings.

    Attributes:
        ids: [n] `bytes` objects or int64, ascending.
        embeddings: [n, dimension] float32.
        titles: Title of each candidate, or None without a title column.
        duplicates: Rows left out because their candidate has a row already.
    """

    ids: np.ndarray
    embeddings: np.ndarray
    titles: tuple[str | None, ...] | None
    duplicates: int


def signature(model: Any, name: str, where: str) -> Any:
    """Returns a signature of a loaded SavedModel.

    Raises:
        InputError: The model has no signature of this name.
    """
    if name not in model.signatures:
        raise InputError(
            Problem(
                f"model at {where}",
                f"the signatures {', '.join(sorted(model.signatures))}",
                f"a signature named {name!r}",
                "Use a model that TwoTowerTrainer wrote.",
            )
        )
    return model.signatures[name]


def embedder(model: Any, name: str, where: str) -> Embed:
    """Returns a function from serialized Examples [b] to embeddings [b, dimension] float32.

    Args:
        model: A loaded SavedModel.
        name: `embed_query_examples` or `embed_candidate_examples`.
        where: What to call the model in a message.

    Raises:
        InputError: The model has no such signature.
    """
    function = signature(model, name, where)

    def embed(serialized: np.ndarray) -> np.ndarray:
        return function(examples=tf.constant(serialized, tf.string))["embedding"].numpy()

    return embed


def embed_selected(
    source: reading.Source,
    selection: reading.Selection,
    embed: Embed,
    batch_rows: int = reading.BATCH_ROWS,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Embeds the chosen rows batch by batch, in reading order.

    Args:
        source: The source that `selection` was made from.
        selection: The rows to embed.
        embed: See `embedder`.
        batch_rows: Rows of a batch.

    Yields:
        Places in `selection.ids`, [b] int64, and their embeddings, [b, dimension] float32.

    Raises:
        InputError: An embedding is not finite or has no width.
    """
    for places, serialized in reading.read_selected(source, selection, batch_rows):
        vectors = embed(serialized)
        if vectors.ndim != 2 or vectors.shape[1] == 0:
            raise InputError(
                Problem(
                    f"embeddings of {source.name}",
                    f"an array of shape {vectors.shape}",
                    f"shape ({len(serialized)}, dimension), dimension at least 1",
                )
            )
        require_finite(vectors, selection.ids[places], source.name)
        yield places, vectors


def require_finite(vectors: np.ndarray, ids: np.ndarray, name: str) -> None:
    """Raises an InputError that names the ids whose vectors hold NaN or infinity."""
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        raise InputError(
            Problem(
                f"embeddings of {name}",
                f"NaN or infinity for {reading.shown(ids[bad])}",
                "finite numbers",
                "Look for numbers out of range in these rows, or train with a lower learning rate.",
            )
        )


def embed_catalogue(
    source: reading.Source, model: Any, where: str, candidate_id: str, title: str | None
) -> Catalogue:
    """Embeds each distinct candidate once.

    Of several rows of a candidate the first counts. Candidates are ordered by id, so that the
    index, and the order of candidates with equal scores, does not depend on the order of rows.

    Args:
        source: Raw Examples.
        model: A loaded SavedModel with the signature `embed_candidate_examples`.
        where: What to call the model in a message.
        candidate_id: Column of the ids.
        title: Column to keep as title.

    Raises:
        InputError: See `reading.select_rows`, `embedder` and `embed_selected`.
    """
    embed = embedder(model, "embed_candidate_examples", where)
    selection = reading.select_rows(source, candidate_id, title=title)
    embeddings: np.ndarray | None = None
    for places, vectors in embed_selected(source, selection, embed):
        if embeddings is None:
            embeddings = np.empty((len(selection.ids), vectors.shape[1]), np.float32)
        embeddings[places] = vectors
    assert embeddings is not None, "select_rows returns at least one row"
    return Catalogue(selection.ids, embeddings, selection.titles, selection.duplicates)
