"""A training file with dataset features and a model of hashed or plain embeddings."""

from __future__ import annotations

from typing import Any

from tfx_retrieval.config.findings import listing, quote
from tfx_retrieval.config.importers.source import Entry, Log

KEYS = ("dataset_features",)

_TIME_COLUMNS = ("timestamp", "time", "event_time", "event_timestamp")
_TYPES = ("string", "int", "float")

Feature = dict[str, Any]


def convert(root: Entry, log: Log) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the FeatureConfig and the ModelConfig document of a file.

    Args:
        root: The whole file.
        log: Takes notes and problems.
    """
    columns = _columns(root.entry("dataset_features"))
    model = root.entry("model")
    sides, widths = _sides(model.entry("features"), columns, log)
    interaction = _interaction(root, sides, columns, log)
    features = {"version": 1, "name": "features", **sides, "interaction": interaction}
    document = {
        "version": 1,
        "model_type": "ranking",
        "learning_rate": model.number("learning_rate", 0.01),
        "batch_size": root.number("global_batch_size", 1024),
        "epochs": root.number("epochs", 1),
        # The last unit of the old embeddings was the bias.
        "output_embedding_dim": max(1, widths["query"] - 1),
        "ranking_loss": {"kind": "binary_crossentropy"},
        "query_bias": True,
        "candidate_bias": True,
    }
    text = "towers end in a linear layer here, where the embeddings were used as they are; biases"
    log.note(model.path, f"{text} are learned apart instead of in the last unit")
    model.finish()
    _note_data(root, columns, log)
    root.finish()
    return features, document


def _columns(entry: Entry) -> dict[str, str]:
    """Returns the types of the data's columns, in the order of the file."""
    columns = {}
    for name, column in entry.named_entries():
        columns[name] = column.choice("type", _TYPES, "string")
        column.finish()
    return columns


def _sides(
    entry: Entry, columns: dict[str, str], log: Log
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Returns both sides and the width of each side's embeddings together."""
    sides: dict[str, dict[str, Any]] = {
        name: {"id": "", "features": []} for name in ("query", "candidate")
    }
    widths = {"query": 0, "candidate": 0}
    for column, options in entry.named_entries():
        if column not in columns:
            expected = "a column out of " + listing(map(quote, columns))
            log.problem(options.path, quote(column), f"{expected} at $.dataset_features")
        owner = options.choice("belongs_to", ("user", "movie", "item"), "user")
        side_name = "query" if owner == "user" else "candidate"
        side = sides[side_name]
        dimension = options.number("embedding_dim", 16)
        is_id = not side["id"]
        side["id"] = side["id"] or column
        column_type = columns.get(column, "string")
        side["features"].append(_feature(column, column_type, options, dimension, is_id, log))
        widths[side_name] += int(dimension)
        options.finish()
    for side_name, owner in (("query", "user"), ("candidate", "movie")):
        if sides[side_name]["id"]:
            column = quote(sides[side_name]["id"])
            log.note(entry.path, f"took the first feature of the {owner}, {column}, as its id")
        else:
            log.problem(entry.path, "no feature", f"a feature that belongs_to {owner}")
    return sides, widths


def _feature(
    column: str, column_type: str, options: Entry, dimension: int, is_id: bool, log: Log
) -> Feature:
    size = options.number("vocab_size")
    feature: Feature = {"column": column, "type": "categorical"}
    if options.flag("hash", False):
        if size is None:
            log.problem(options.at("vocab_size"), "no such key", "the number of hash buckets")
        feature["hash"] = {"buckets": size, "embedding_dim": dimension}
    elif column_type == "float" and not is_id:
        log.note(options.path, "a float became a number with a linear projection of this width")
        if size is not None:
            log.note(options.at("vocab_size"), "a number has no vocabulary; left out")
        return {"column": column, "type": "numeric", "normalize": {"projection_dim": dimension}}
    elif column_type == "int" and size is not None:
        feature["integer_id"] = {"size": size, "embedding_dim": dimension}
    else:
        feature["vocabulary"] = {"embedding_dim": dimension}
        if size is not None:
            feature["vocabulary"]["max_size"] = size
    return feature


def _interaction(
    root: Entry, sides: dict[str, dict[str, Any]], columns: dict[str, str], log: Log
) -> dict[str, Any]:
    """Returns the label and the time, and notes columns that nothing uses."""
    interaction = {}
    label = root.text("label")
    if label in columns:
        interaction["label"] = label
    else:
        received = quote(label) if label else "no such key"
        log.problem(root.at("label"), received, "a column out of " + listing(map(quote, columns)))
    used = {feature["column"] for side in sides.values() for feature in side["features"]}
    for column in columns:
        if column in used or column == label:
            continue
        path = (*root.at("dataset_features"), column)
        if column.lower() in _TIME_COLUMNS and "timestamp" not in interaction:
            interaction["timestamp"] = column
            log.note(path, "taken to be the time of the interaction, in seconds if integer")
        else:
            log.note(path, "no feature uses the column; left out")
    return interaction


def _note_data(root: Entry, columns: dict[str, str], log: Log) -> None:
    """Notes what belongs to the data and the run here, not to a config."""
    header = ",".join(columns)
    log.note(root.at("dataset_features"), f"files need a first line with the names: {header}")
    root.drop(
        ("train_path", "validate_path"),
        "belongs to the command line here: tfx-retrieval run --data",
    )
    root.drop(("save_model_path",), "belongs to the command line here: tfx-retrieval run --output")
    root.drop(("train_rows", "trainval_rows", "eval_rows"), "rows are counted here")
    root.drop(("shuffle_buffer", "cycle_length"), "reading is not configured here")
    root.drop(("compression",), "compression is found out from the files here")
