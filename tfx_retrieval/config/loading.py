"""Reading whole configs: text to message, with all problems at once."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from google.protobuf.message import Message

from tfx_retrieval.config import upgrade
from tfx_retrieval.config.checks import FEATURE_CONFIG_CHECKS, MODEL_CONFIG_CHECKS
from tfx_retrieval.config.findings import Finding, listing, quote, unrelated_to
from tfx_retrieval.config.json_text import parse_json, quote_path, read_text
from tfx_retrieval.config.reader import Reader
from tfx_retrieval.config.resolve import add_default_transforms, settle_missing_times
from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
from tfx_retrieval.proto.model_config_pb2 import ModelConfig

_KEYS_OF_OTHER_SYSTEMS = (
    "buyer_model_features",
    "product_model_features",
    "buyer_tower_layers",
    "product_tower_layers",
    "user_embedding_layers",
    "item_embedding_layers",
    "dataset_features",
)
_MAX_PROBLEMS = 500

_Config = TypeVar("_Config", bound=Message)


def read_feature_config(path: str | os.PathLike[str]) -> FeatureConfig:
    """Returns the FeatureConfig in a JSON file, resolved: every default is filled in.

    Args:
        path: A local file.

    Raises:
        InputError: The file cannot be read or something in it is wrong; holds all problems.
    """
    return parse_feature_config(read_text(path), quote_path(pathlib.Path(path)))


def read_model_config(path: str | os.PathLike[str]) -> ModelConfig:
    """Returns the ModelConfig in a JSON file, resolved: every default is filled in.

    Args:
        path: A local file.

    Raises:
        InputError: The file cannot be read or something in it is wrong; holds all problems.
    """
    return parse_model_config(read_text(path), quote_path(pathlib.Path(path)))


def parse_feature_config(text: str, source: str = "FeatureConfig") -> FeatureConfig:
    """Returns the FeatureConfig in a JSON text, resolved: every default is filled in.

    Args:
        text: The JSON text.
        source: What to call the text in a message, usually its file.

    Raises:
        InputError: Something in the text is wrong; holds all problems.
    """
    reader = Reader()
    config = _parse(text, source, FeatureConfig(), reader)
    add_default_transforms(config, reader.broken)
    settle_missing_times(config)
    _raise_if_wrong(reader, FEATURE_CONFIG_CHECKS, config, source)
    return config


def parse_model_config(text: str, source: str = "ModelConfig") -> ModelConfig:
    """Returns the ModelConfig in a JSON text, resolved: every default is filled in.

    Args:
        text: The JSON text.
        source: What to call the text in a message, usually its file.

    Raises:
        InputError: Something in the text is wrong; holds all problems.
    """
    reader = Reader()
    config = _parse(text, source, ModelConfig(), reader)
    _raise_if_wrong(reader, MODEL_CONFIG_CHECKS, config, source)
    return config


def _parse(text: str, source: str, config: _Config, reader: Reader) -> _Config:
    document = parse_json(text, source)
    unreadable = upgrade.upgrade(document)
    if unreadable is not None:
        raise InputError(unreadable.problem(source))
    mistaken = _other_kind(document, config)
    if mistaken is not None:
        raise InputError(mistaken.problem(source))
    reader.read(document, config)
    return config


def _other_kind(document: Any, config: Message) -> Finding | None:
    """Returns what is wrong with a document that is a config of another kind altogether."""
    if not isinstance(document, dict) or any(key in document for key in _own_keys(config)):
        return None
    expected = f"a {config.DESCRIPTOR.name}"
    other = ModelConfig() if isinstance(config, FeatureConfig) else FeatureConfig()
    own_keys = [key for key in _own_keys(other) if key in document]
    if own_keys:
        received = f"a {other.DESCRIPTOR.name}, with the keys {listing(map(quote, own_keys))}"
        return Finding((), received, expected, "Check the order of the two files.")
    foreign = [key for key in _KEYS_OF_OTHER_SYSTEMS if key in document]
    if foreign:
        received = f"another system's config, with the keys {listing(map(quote, foreign))}"
        return Finding((), received, expected, "Convert it with: tfx-retrieval import-config")
    return None


def _own_keys(config: Message) -> list[str]:
    """Returns the keys that tell this kind of config from the other one."""
    return [name for name in config.DESCRIPTOR.fields_by_name if name not in ("version", "name")]


def _raise_if_wrong(
    reader: Reader,
    checks: list[Callable[[_Config], Iterator[Finding]]],
    config: _Config,
    source: str,
) -> None:
    """Raises what the reader and the checks found, if anything."""
    crossed = [finding for check in checks for finding in check(config)]
    findings = [*reader.findings, *unrelated_to(crossed, reader.broken)]
    if findings:
        problems = [finding.problem(source) for finding in findings[:_MAX_PROBLEMS]]
        if len(findings) > _MAX_PROBLEMS:
            left_out = len(findings) - _MAX_PROBLEMS
            problems.append(
                Problem(
                    source,
                    f"{left_out:,} problems more",
                    "none",
                    f"Only the first {_MAX_PROBLEMS:,} are shown.",
                )
            )
        raise InputError(problems)
