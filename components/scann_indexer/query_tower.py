"""The query side of a trained model, carried into the index's SavedModel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_retrieval.components.scann_indexer.embed import signature


class QueryTower(tf.Module):
    """Embeds queries with the functions of a loaded model.

    Holds the variables and tables that those functions read, and nothing else of the model: the
    candidate tower and the model's own catalogue would only make the index larger.

    Attributes:
        inputs: Name and spec of each raw query column.
    """

    def __init__(self, model: Any, name: str):
        """Takes the query functions of a model.

        Args:
            model: What `tf.saved_model.load` returned for a trained model.
            name: What to call the model in a message.

        Raises:
            InputError: The model has no signature for queries.
        """
        super().__init__(name="query_tower")
        columns = signature(model, "query_embedding", name)
        examples = signature(model, "embed_query_examples", name)
        self._columns = columns
        self._examples = examples
        self.inputs: Mapping[str, tf.TensorSpec] = dict(columns.structured_input_signature[1])
        # A function finds its tables after loading only if the saved object tracks them.
        self._resources = _resources(model, (columns, examples))

    def embed_columns(self, columns: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the embeddings of raw query columns, [batch, dimension] float32."""
        return self._columns(**columns)["embedding"]

    def embed_examples(self, examples: tf.Tensor) -> tf.Tensor:
        """Returns the embeddings of serialized tf.Examples, [batch, dimension] float32."""
        return self._examples(examples=examples)["embedding"]


def _resources(model: Any, functions: tuple[Any, ...]) -> list[Any]:
    """Returns the parts of `model` whose resources the functions capture."""
    captured = {
        id(tensor): tensor
        for function in functions
        for tensor in function.captured_inputs
        if tensor.dtype == tf.resource
    }
    parts = {
        id(_handle(part)): part
        for part in tf.train.TrackableView(model).descendants()
        if id(_handle(part)) in captured
    }
    if len(parts) < len(captured):
        raise RuntimeError(
            f"The query functions of the model read {len(captured)} resources, but only "
            f"{len(parts)} of them are parts of the loaded model."
        )
    return list(parts.values())


def _handle(part: Any) -> Any:
    """Returns the resource handle of a variable or a table, None for other parts."""
    if isinstance(part, tf.Variable):
        return part.handle
    return getattr(part, "resource_handle", None)
