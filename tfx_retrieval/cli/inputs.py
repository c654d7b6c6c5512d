"""Reads what a person hands in, and collects everything that is wrong with it."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tfx_retrieval.errors import InputError, Problem

if TYPE_CHECKING:
    from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
    from tfx_retrieval.proto.model_config_pb2 import ModelConfig


class Problems:
    """Collects the problems of several steps, so that one bad file does not hide the next."""

    def __init__(self) -> None:
        """Starts with none."""
        self._found: list[Problem] = []

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Keeps the InputError of a block for later."""
        try:
            yield
        except InputError as error:
            self._found += error.problems

    def add(self, problem: Problem) -> None:
        """Keeps a problem for later."""
        self._found.append(problem)

    def raise_if_any(self) -> None:
        """Raises everything kept.

        Raises:
            InputError: If there is any problem.
        """
        if self._found:
            # Two steps may tell of the same thing.
            raise InputError(dict.fromkeys(self._found))


def read_pair(features: pathlib.Path, model: pathlib.Path) -> tuple[FeatureConfig, ModelConfig]:
    """Reads both configs and checks that they go together.

    Args:
        features: File with a FeatureConfig.
        model: File with a ModelConfig.

    Raises:
        InputError: With all problems of both files.
    """
    from tfx_retrieval import config

    problems = Problems()
    feature_config = model_config = None
    with problems.collected():
        feature_config = config.read_feature_config(features)
    with problems.collected():
        model_config = config.read_model_config(model)
    if feature_config is not None and model_config is not None:
        with problems.collected():
            config.check_pair(feature_config, model_config, str(features), str(model))
    problems.raise_if_any()
    assert feature_config is not None
    assert model_config is not None
    return feature_config, model_config


def parse_query(text: str) -> dict[str, Any]:
    """Parses the query of `recommend`: a JSON object of column values.

    Args:
        text: The JSON, or `@` and the name of a file that holds it.

    Raises:
        InputError: If it is no JSON object, or the file cannot be read.
    """
    if text.startswith("@"):
        path = pathlib.Path(text[1:])
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                Problem(f"--query @{path}", _reason(error), "a text file with a JSON object")
            ) from error
    remedy = """For example --query '{"user": "u17"}'; the shell needs the outer quotes."""
    try:
        query = json.loads(text)
    except json.JSONDecodeError as error:
        received = f"{text!r}, which ends JSON at column {error.colno}: {error.msg}"
        raise InputError(Problem("--query", received, "a JSON object", remedy)) from error
    if not isinstance(query, dict):
        raise InputError(Problem("--query", f"{text!r}", "a JSON object", remedy))
    return query


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return str(getattr(error, "strerror", None) or error)


def check_split(feature_config: FeatureConfig, split: str, source: str) -> None:
    """Checks that the rows of a config can be divided in a way.

    Args:
        feature_config: A resolved config.
        split: `random`, `temporal` or `leave-one-out`.
        source: The config's file.

    Raises:
        InputError: The split goes by time and the config names none.
    """
    if split != "random" and not feature_config.interaction.timestamp:
        raise InputError(
            Problem(
                f"{source}: $.interaction.timestamp",
                "no such key",
                f"the column with the time of an interaction, for --split {split}",
                "Name the column, or pass --split random.",
            )
        )


def parse_assignments(option: str, texts: Sequence[str], problems: Problems) -> dict[str, str]:
    """Parses repeated `NAME=VALUE` options.

    Args:
        option: The option, for messages.
        texts: What was given.
        problems: Takes what is no assignment, or names one thing twice.

    Returns:
        Values by name, of all that are assignments.
    """
    values: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            problems.add(Problem(f"{option} {text}", "no NAME=VALUE", "NAME=VALUE"))
            continue
        if name in values:
            problems.add(Problem(f"{option} {text}", f"{name} for a second time", f"{name} once"))
        values[name] = value
    return values
