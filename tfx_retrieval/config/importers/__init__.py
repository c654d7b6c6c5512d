"""Reads the configs of other retrieval systems.

Three shapes are known: buyer and product features with transforms (JSON, one file for the features
and one for the model), embedding layers by column (JSON), and a training file with dataset and
model features (YAML). What has no counterpart is told by its path and never dropped silently.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

from tfx_retrieval.config.findings import describe
from tfx_retrieval.config.importers import (
    buyer_product,
    dataset_features,
    embedding_layers,
    layers_model,
)
from tfx_retrieval.config.importers.source import Entry, Log
from tfx_retrieval.config.importers.yaml_text import parse_yaml
from tfx_retrieval.config.json_text import parse_json, quote_path, read_text
from tfx_retrieval.config.loading import parse_feature_config, parse_model_config
from tfx_retrieval.errors import InputError, Problem

Documents = tuple[dict[str, Any] | None, dict[str, Any] | None]

# The keys that a shape is known by, and the function that converts it.
_SHAPES: tuple[tuple[tuple[str, ...], Callable[[Entry, Log], Documents]], ...] = (
    (buyer_product.KEYS, buyer_product.convert),
    (embedding_layers.KEYS, embedding_layers.convert),
    (dataset_features.KEYS, dataset_features.convert),
    (layers_model.KEYS, layers_model.convert),
)


@dataclasses.dataclass(frozen=True)
class Imported:
    """What a foreign config has become.

    Attributes:
        feature_config: JSON object of a FeatureConfig, or None if the file describes a model only.
        model_config: JSON object of a ModelConfig, or None if the file describes features only.
        notes: What could not be carried over, or was in another way, each beginning with its path
            in the file.
    """

    feature_config: dict[str, Any] | None
    model_config: dict[str, Any] | None
    notes: tuple[str, ...]


def import_config(path: str | os.PathLike[str]) -> Imported:
    """Converts a config file of another system.

    Args:
        path: A local JSON or YAML file.

    Raises:
        InputError: The file cannot be read, has none of the known shapes, or holds values that no
            config can hold; holds all problems.
    """
    return import_text(read_text(path), quote_path(pathlib.Path(path)))


def import_text(text: str, source: str) -> Imported:
    """Converts the text of another system's config; see `import_config`.

    Args:
        text: JSON or YAML.
        source: What to call the text in a message, usually its file.
    """
    is_json = text.lstrip().startswith("{") and not source.endswith((".yaml", ".yml"))
    document = parse_json(text, source) if is_json else parse_yaml(text, source)
    log = Log(source)
    feature_config, model_config = _converter(document, source)(Entry(document, (), log), log)
    problems = list(log.problems)
    if not problems:
        problems += _problems_of(feature_config, parse_feature_config, f"{source}, as features")
        problems += _problems_of(model_config, parse_model_config, f"{source}, as model")
    if problems:
        raise InputError(problems)
    return Imported(feature_config, model_config, tuple(log.notes))


def _converter(document: Any, source: str) -> Callable[[Entry, Log], Documents]:
    """Returns the function that converts a document of this shape."""
    for keys, convert in _SHAPES:
        if isinstance(document, dict) and any(key in document for key in keys):
            return convert
    expected = "one of " + ", ".join(keys[0] for keys, _ in _SHAPES) + " at the top"
    remedy = ""
    if isinstance(document, dict) and {"query", "candidate"} & document.keys():
        remedy = "This looks like a FeatureConfig already; check it with: tfx-retrieval validate"
    raise InputError(Problem(source, describe(document), expected, remedy))


def _problems_of(
    document: dict[str, Any] | None, parse: Callable[[str, str], Any], source: str
) -> tuple[Problem, ...]:
    """Returns what our own reader says of a converted document."""
    if document is None:
        return ()
    try:
        parse(json.dumps(document), source)
    except InputError as error:
        return error.problems
    return ()
