"""Buyer and product features with transforms.

Older files of this shape have `type` for `data_type`, the embedding's options beside it, and
`annual` for `yearly`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tfx_retrieval.config.findings import Path, describe, path_text, quote
from tfx_retrieval.config.importers.source import Entry, Log, interaction_time

KEYS = (
    "buyer_model_features",
    "product_model_features",
    "buyer_model_crosses",
    "product_model_crosses",
)

_TYPES = ("text", "numeric", "temporal", "history")
_OLDER_TYPES = {"string_embedding": "text", "numeric": "numeric", "timestamp": "temporal"}
_CYCLES = {
    "yearly": "day_of_year",
    "annual": "day_of_year",
    "quarterly": "day_of_quarter",
    "monthly": "day_of_month",
    "weekly": "day_of_week",
    "daily": "hour_of_day",
}
_METHODS = {(-1, 1): "min_max_symmetric", (0, 1): "min_max"}
_OPTIONS = {
    "embedding": ("embedding_dim", "vocab_settings"),
    "normalize": ("range",),
    "bucketize": ("buckets", "embedding_dim"),
    "cyclical": tuple(_CYCLES),
    "history": ("shared_with", "embedding_dim", "max_length"),
}
_BUCKETS = 100
_BUCKET_DIMENSION = 32
_HISTORY_LENGTH = 50

Feature = dict[str, Any]


@dataclasses.dataclass
class _Side:
    """A side while it is converted.

    Attributes:
        ids: Paths and columns of the features marked as the id.
        features: The features, by path.
        crosses: The crosses.
    """

    ids: list[tuple[Path, str]]
    features: list[tuple[Path, Feature]]
    crosses: list[dict[str, Any]]


def convert(root: Entry, log: Log) -> tuple[dict[str, Any], None]:
    """Returns the FeatureConfig document of a file; it holds no model.

    Args:
        root: The whole file.
        log: Takes notes and problems.
    """
    query, candidate = _side(root, "buyer", log), _side(root, "product", log)
    document: dict[str, Any] = {
        "version": 1,
        "name": root.text("name", "features"),
        "query": _side_document(query, root.at("buyer_model_features"), log),
        "candidate": _side_document(candidate, root.at("product_model_features"), log),
    }
    _settle_histories(query, document["candidate"], log)
    interaction = interaction_time(
        (feature for _, feature in query.features + candidate.features), log
    )
    target = root.text("target_column")
    if target:
        interaction["label"] = target
    if interaction:
        document["interaction"] = interaction
    root.finish()
    return document, None


def _side(root: Entry, prefix: str, log: Log) -> _Side:
    crossed: dict[str, str] = {}
    crosses = [_cross(entry, crossed, log) for entry in root.entries(f"{prefix}_model_crosses")]
    side = _Side([], [], crosses)
    for entry in root.entries(f"{prefix}_model_features"):
        column = entry.text("column")
        if entry.flag("is_primary_id", False):
            side.ids.append((entry.path, column))
        elif not column:
            log.problem(entry.at("column"), "no such key", "the name of a column")
        feature = _feature(entry, column, log)
        if feature is None and column in crossed:
            feature = _member(column, crossed[column])
            log.note(entry.path, "no transform is enabled, but a cross needs the feature; kept")
        if feature is not None:
            side.features.append((entry.path, feature))
        elif column not in (name for _, name in side.ids):
            log.note(entry.path, f"no transform is enabled, so {quote(column)} was left out")
        entry.finish()
    known = {feature["column"] for _, feature in side.features}
    for column, member_type in crossed.items():
        if column not in known:
            path = root.at(f"{prefix}_model_crosses")
            log.note(path, f"{quote(column)} is no feature, but a cross needs it; added as one")
            side.features.append((path, _member(column, member_type)))
    return side


def _side_document(side: _Side, path: Path, log: Log) -> dict[str, Any]:
    features = [feature for _, feature in side.features]
    document: dict[str, Any] = {"id": _id(side, path, log), "features": features}
    if side.crosses:
        document["crosses"] = side.crosses
    return document


def _id(side: _Side, path: Path, log: Log) -> str:
    """Returns a side's id column: the one marked as such, else its first categorical one."""
    if len(side.ids) > 1:
        for extra, column in side.ids[1:]:
            first = path_text(side.ids[0][0])
            received = f"{quote(column)} as a second id"
            log.problem((*extra, "is_primary_id"), received, f"one id, which is {first}")
    if side.ids:
        return side.ids[0][1]
    for _, feature in side.features:
        if feature["type"] == "categorical" and "values" not in feature:
            column = feature["column"]
            log.note(path, f"no feature is marked as the id; took the first, {quote(column)}")
            return str(column)
    log.problem(path, "no feature with is_primary_id", "the id of this side")
    return ""


def _feature(entry: Entry, column: str, log: Log) -> Feature | None:
    """Returns a feature, or None if the file has no transform of it switched on."""
    entry.drop(("display_name",), "names for display have no counterpart here")
    if entry.has("type") and not entry.has("data_type"):
        data_type = _OLDER_TYPES[entry.choice("type", tuple(_OLDER_TYPES), "string_embedding")]
        # Older files have the embedding's options at the feature itself.
        enabled = {"embedding": entry} if data_type == "text" else {}
    else:
        data_type = entry.choice("data_type", _TYPES, "")
        enabled = {}
    stored_type = entry.text("bq_type").upper()
    transforms = entry.entry("transforms")
    for name in _OPTIONS:
        options = _enabled(transforms, name)
        if options is not None:
            enabled[name] = options
    transforms.finish()
    feature = _MAKERS[data_type](column, dict(enabled), log) if data_type else None
    for options in enabled.values():
        if options is not entry:
            options.finish()
    if feature is not None and stored_type.startswith("ARRAY") and data_type != "history":
        _make_multiple(feature, stored_type, entry.at("bq_type"), log)
    return feature


def _enabled(transforms: Entry, name: str) -> Entry | None:
    """Returns a transform's options if it is switched on."""
    if not transforms.has(name):
        return None
    options = transforms.entry(name)
    if options.flag("enabled", True):
        return options
    _forget(options, name)
    options.finish()
    return None


def _forget(options: Entry, name: str) -> None:
    """Takes the options of a transform that is not used."""
    for key in _OPTIONS[name]:
        options.take(key)


def _unused(enabled: dict[str, Entry], kind: str, log: Log) -> None:
    """Notes the transforms that a type cannot have here."""
    for name, options in enabled.items():
        _forget(options, name)
        log.note(options.path, f"a {kind} feature has no {name} here; left out")


def _text(column: str, enabled: dict[str, Entry], log: Log) -> Feature | None:
    options = enabled.pop("embedding", None)
    _unused(enabled, "text", log)
    return None if options is None else _categorical(column, options)


def _categorical(column: str, options: Entry) -> Feature:
    settings = options.entry("vocab_settings")
    vocabulary = {"embedding_dim": options.number("embedding_dim")}
    for name in ("max_size", "min_frequency", "oov_buckets"):
        vocabulary[name] = settings.number(name)
    settings.finish()
    given = {name: number for name, number in vocabulary.items() if number is not None}
    return {"column": column, "type": "categorical", "vocabulary": given}


def _numeric(column: str, enabled: dict[str, Entry], log: Log) -> Feature | None:
    transforms = _scaled(enabled, log)
    embedding = enabled.pop("embedding", None)
    if embedding is not None and not transforms:
        log.note(embedding.path, "numbers with an embedding became a categorical feature")
        _unused(enabled, "numeric", log)
        return _categorical(column, embedding)
    if embedding is not None:
        enabled["embedding"] = embedding
    _unused(enabled, "numeric", log)
    return {"column": column, "type": "numeric", **transforms} if transforms else None


def _temporal(column: str, enabled: dict[str, Entry], log: Log) -> Feature | None:
    transforms = _scaled(enabled, log)
    options = enabled.pop("cyclical", None)
    if options is not None:
        cycles = [cycle for key, cycle in _CYCLES.items() if options.flag(key, False)]
        if cycles:
            transforms["cyclical"] = {"cycles": list(dict.fromkeys(cycles))}
        else:
            log.note(options.path, "no cycle is switched on; left out")
    _unused(enabled, "temporal", log)
    return {"column": column, "type": "temporal", **transforms} if transforms else None


def _scaled(enabled: dict[str, Entry], log: Log) -> dict[str, Any]:
    """Returns the transforms that numbers and times have in common."""
    transforms: dict[str, Any] = {}
    if (options := enabled.pop("normalize", None)) is not None:
        transforms["normalize"] = {"method": _method(options, log)}
    if (options := enabled.pop("bucketize", None)) is not None:
        transforms["bucketize"] = {
            "buckets": options.number("buckets", _BUCKETS),
            "embedding_dim": options.number("embedding_dim", _BUCKET_DIMENSION),
        }
    return transforms


def _method(options: Entry, log: Log) -> str:
    """Returns how numbers are scaled; a range that is not known becomes the nearest one."""
    if not options.has("range"):
        log.note(options.path, "no range is given; scaled to mean 0 and standard deviation 1")
        return "z_score"
    limits = options.items("range")
    are_numbers = all(isinstance(limit, int | float) for limit in limits) and len(limits) == 2
    method = _METHODS.get(tuple(limits)) if are_numbers else None
    if method is not None:
        return method
    if not are_numbers or limits[0] >= limits[1]:
        log.problem(options.at("range"), describe(limits), "[-1, 1] or [0, 1]")
    method = "min_max_symmetric" if are_numbers and limits[0] < 0 else "min_max"
    log.note(options.at("range"), f"only [-1, 1] and [0, 1] can be carried over; took {method}")
    return method


def _history(column: str, enabled: dict[str, Entry], log: Log) -> Feature | None:
    options = enabled.pop("history", None)
    _unused(enabled, "history", log)
    if options is None:
        return None
    history = {"max_length": options.number("max_length", _HISTORY_LENGTH)}
    shared = {name: options.take(name) for name in ("shared_with", "embedding_dim")}
    return {"column": column, "type": "history", "history": history, "_shared": shared}


def _make_multiple(feature: Feature, stored_type: str, path: Path, log: Log) -> None:
    """Turns a feature of a list column into one of several values a row."""
    if feature["type"] == "categorical":
        feature["values"] = {}
    else:
        log.problem(path, f"{stored_type} for a {feature['type']} feature", "one value a row")


def _settle_histories(query: _Side, candidate: dict[str, Any], log: Log) -> None:
    """Notes what a history's own embedding was; here it shares that of the candidate id."""
    id_feature: Feature = next(
        (feature for feature in candidate["features"] if feature["column"] == candidate["id"]), {}
    )
    dimension = id_feature.get("vocabulary", {}).get("embedding_dim")
    for path, feature in query.features:
        shared = feature.pop("_shared", None)
        if shared is None:
            continue
        path = (*path, "transforms", "history")
        if shared["shared_with"] not in (None, candidate["id"]):
            text = f"a history shares the embedding of the candidate id, {quote(candidate['id'])}"
            log.note((*path, "shared_with"), text)
        if shared["embedding_dim"] not in (None, dimension):
            text = f"a history has the width of the candidate id's embedding, {dimension}"
            log.note((*path, "embedding_dim"), text)
        log.note(path, "a history is made from the table's rows, by the time of the interaction")


def _cross(entry: Entry, crossed: dict[str, str], log: Log) -> dict[str, Any]:
    """Returns a cross and adds its columns, with their types, to `crossed`."""
    columns: list[str] = []
    buckets: list[int] = []
    for position, value in enumerate(entry.items("features")):
        path = (*entry.at("features"), position)
        member = Entry({"column": value} if isinstance(value, str) else value, path, log)
        column = member.text("column")
        crossed.setdefault(column, member.choice("type", ("text", "numeric", "temporal"), "text"))
        columns.append(column)
        own = member.number("crossing_buckets")
        if own is not None:
            if buckets and own != buckets[0]:
                text = f"all members of a cross have the same number of buckets; took {buckets[0]}"
                log.note(member.at("crossing_buckets"), text)
            buckets.append(own)
        member.finish()
    cross: dict[str, Any] = {"columns": columns}
    for theirs, ours in (("hash_bucket_size", "hash_buckets"), ("embedding_dim", "embedding_dim")):
        number = entry.number(theirs)
        if number is not None:
            cross[ours] = number
    if buckets:
        cross["member_buckets"] = buckets[0]
    entry.finish()
    return cross


def _member(column: str, member_type: str) -> Feature:
    """Returns the plainest feature that a cross can be made of."""
    if member_type == "temporal":
        return {"column": column, "type": "temporal", "normalize": {}}
    return {"column": column, "type": "categorical" if member_type == "text" else "numeric"}


_MAKERS: dict[str, Callable[[str, dict[str, Entry], Log], Feature | None]] = {
    "text": _text,
    "numeric": _numeric,
    "temporal": _temporal,
    "history": _history,
}
