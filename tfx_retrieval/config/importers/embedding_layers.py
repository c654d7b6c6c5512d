"""Embedding layers by column, for users and items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfx_retrieval.config.findings import quote
from tfx_retrieval.config.importers.source import Entry, Log, interaction_time

KEYS = ("user_embedding_layers", "item_embedding_layers")

# The width that the command line of that system has where none is given.
_WIDTH = 64
_TYPES = ("string", "int", "text", "pretrained", "timestamp", "sequence")

Feature = dict[str, Any]


def convert(root: Entry, log: Log) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the FeatureConfig and the ModelConfig document of a file.

    Args:
        root: The whole file.
        log: Takes notes and problems.
    """
    document: dict[str, Any] = {"version": 1, "name": "features"}
    for side_name, key in (("query", KEYS[0]), ("candidate", KEYS[1])):
        document[side_name] = _side(root.entry(key), log)
    _note_histories(document, log)
    interaction = interaction_time(
        document["query"]["features"] + document["candidate"]["features"], log
    )
    if interaction:
        document["interaction"] = interaction
    root.finish()
    text = f"the width of the towers was given on the command line; took {_WIDTH}"
    log.note((), f"{text}, change $.output_embedding_dim of the model and its dense layers")
    log.note((), "logq_correction is on; switch it off at $.retrieval_loss to train as before")
    return document, _model()


def _side(entry: Entry, log: Log) -> dict[str, Any]:
    side: dict[str, Any] = {"id": "", "features": []}
    for column, layer in entry.named_entries():
        feature = _feature(column, layer, not side["id"], log)
        side["id"] = side["id"] or column
        side["features"].append(feature)
        layer.finish()
    if not side["id"]:
        log.problem(entry.path, "no columns", "the id column first, then further columns")
    return side


def _feature(column: str, layer: Entry, is_id: bool, log: Log) -> Feature:
    layer_type = layer.choice("type", _TYPES, "string")
    size = layer.number("embedding_size")
    if is_id and layer_type != "string":
        text = f"the first column, {quote(column)}, is the id and became categorical"
        log.note(layer.at("type"), text)
        layer_type = "string"
    if layer_type == "pretrained" and size is None:
        expected = "the length of the vectors"
        log.problem(layer.at("embedding_size"), "no such key", expected)
    makers: dict[str, Callable[[Any], Feature]] = {
        "string": lambda size: {"type": "categorical", "vocabulary": _set(embedding_dim=size)},
        "int": lambda size: {"type": "numeric", "normalize": _set(projection_dim=size)},
        "text": lambda size: {"type": "text", "tokens": _set(embedding_dim=size)},
        "pretrained": lambda size: {"type": "vector", "vector": {"dimension": size}},
        "timestamp": lambda size: {"type": "temporal", "normalize": _set(projection_dim=size)},
        "sequence": lambda size: {"type": "history", "_size": size, "_path": layer.path},
    }
    return {"column": column, **makers[layer_type](size)}


def _set(**options: Any) -> dict[str, Any]:
    """Returns the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def _note_histories(document: dict[str, Any], log: Log) -> None:
    """Notes what a sequence's own embedding was; here it shares that of the item id."""
    items = document["candidate"]["features"]
    size = items[0].get("vocabulary", {}).get("embedding_dim") if items else None
    for feature in document["query"]["features"] + items:
        if feature["type"] != "history":
            continue
        own, path = feature.pop("_size"), feature.pop("_path")
        if own not in (None, size):
            text = f"a history has the width of the item id's embedding, {size}"
            log.note((*path, "embedding_size"), text)
        log.note(path, "a history is made from the table's rows, by the time of the interaction")


def _model() -> dict[str, Any]:
    """Returns that system's model: two dense layers a tower, outputs of length 1."""
    # Two lists: the document may be edited afterwards.
    towers = {
        f"{side_name}_tower": {"layers": [{"dense": {"units": 2 * _WIDTH, "activation": "relu"}}]}
        for side_name in ("query", "candidate")
    }
    return {
        "version": 1,
        **towers,
        "output_embedding_dim": _WIDTH,
        "retrieval_loss": {"l2_normalize": True},
    }
