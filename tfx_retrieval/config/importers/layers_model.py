"""Models of buyer and product towers."""

from __future__ import annotations

from typing import Any

from tfx_retrieval.config import rules
from tfx_retrieval.config.findings import describe
from tfx_retrieval.config.importers.source import Entry, Log
from tfx_retrieval.proto.model_config_pb2 import Dense, Optimizer

KEYS = (
    "buyer_tower_layers",
    "product_tower_layers",
    "rating_head_layers",
    "retrieval_algorithm",
    "loss_function",
    "scann_num_leaves",
    "scann_leaves_to_search",
    "top_k",
)

_ACTIVATIONS = list(rules.enum_docs(Dense.Activation.DESCRIPTOR))
_OPTIMIZERS = list(Optimizer.DESCRIPTOR.fields_by_name)
# What an absent key meant there.
_DEFAULTS = {
    "output_embedding_dim": 32,
    "learning_rate": 0.1,
    "batch_size": 4096,
    "epochs": 10,
    "retrieval_weight": 1.0,
    "ranking_weight": 1.0,
}


def convert(root: Entry, log: Log) -> tuple[None, dict[str, Any]]:
    """Returns the ModelConfig document of a file; it holds no features.

    Args:
        root: The whole file.
        log: Takes notes and problems.
    """
    model_type = root.choice("model_type", ("retrieval", "ranking", "multitask"), "retrieval")
    document: dict[str, Any] = {
        "version": 1,
        "name": root.text("name", "model"),
        "model_type": model_type,
        "query_tower": {"layers": _layers(root, "buyer_tower_layers", log)},
        "candidate_tower": {"layers": _layers(root, "product_tower_layers", log)},
        "optimizer": {root.choice("optimizer", _OPTIMIZERS, "adagrad"): {}},
    }
    document |= {name: root.number(name, default) for name, default in _DEFAULTS.items()}
    document["ranking_loss"] = {
        "kind": root.choice("loss_function", ("mse", "binary_crossentropy", "huber"), "mse"),
        "head": _layers(root, "rating_head_layers", log),
    }
    document["retrieval"] = {
        "algorithm": root.choice("retrieval_algorithm", ("brute_force", "scann"), "brute_force"),
        "top_k": root.number("top_k", 100),
        "scann": {
            "leaves": root.number("scann_num_leaves", 100),
            "leaves_to_search": root.number("scann_leaves_to_search", 10),
        },
    }
    if model_type != "ranking":
        text = "logq_correction is on; switch it off at $.retrieval_loss to train as before"
        log.note((), text)
    root.finish()
    return None, document


def _layers(root: Entry, key: str, log: Log) -> list[dict[str, Any]]:
    layers = []
    for entry in root.entries(key):
        kind = entry.choice("type", ("dense", "dropout", "batch_norm", "layer_norm"), "dense")
        layers.append({kind: _layer(entry, kind, log)})
        entry.finish()
    return layers


def _layer(entry: Entry, kind: str, log: Log) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if kind == "dense":
        options = {"units": entry.number("units"), "l1": entry.number("l1_reg")}
        options |= {"l2": entry.number("l2_reg")}
        if entry.has("activation"):
            options["activation"] = entry.choice("activation", _ACTIVATIONS, "relu")
        if options["units"] is None:
            log.problem(entry.at("units"), "no such key", "the width of the layer")
    elif kind == "dropout":
        options = {"rate": entry.number("rate")}
        if options["rate"] is None:
            log.problem(entry.at("rate"), describe(None), "a share from 0 to 1")
    elif kind == "layer_norm":
        options = {"epsilon": entry.number("epsilon")}
    return {name: value for name, value in options.items() if value is not None}
