"""Index options: from the Retrieval message to what is built for a catalogue of a given size.

Size rules follow ScaNN's own guide (docs/algorithms.md): below about 20,000 points exact search is
as fast; above, a tree of about sqrt(n) leaves, asymmetric hashing of two dimensions a block and
exact rescoring of the best.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

from tfx_retrieval import config
from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.proto.model_config_pb2 import Algorithm, ModelConfig, Retrieval

BRUTE_FORCE = "brute_force"
SCANN = "scann"

# Asymmetric hashing trains 16 centres a block and needs a point for each.
MIN_SCANN_CANDIDATES = 16
_SEARCHED_SHARE = 10
_REORDER_FACTOR = 4
_MIN_REORDER = 100


@dataclasses.dataclass(frozen=True)
class ScannOptions:
    """What ScaNN is built with.

    Attributes:
        leaves: Partitions of the catalogue.
        leaves_to_search: Partitions searched for a query.
        dimensions_per_block: Dimensions of a quantised block.
        reorder: Candidates scored exactly before the top are cut.
    """

    leaves: int
    leaves_to_search: int
    dimensions_per_block: int
    reorder: int


@dataclasses.dataclass(frozen=True)
class IndexPlan:
    """The index to build.

    Attributes:
        algorithm: `brute_force` or `scann`.
        reason: Why this algorithm, for people.
        top_k: Candidates returned, at most the size of the catalogue.
        scann: Options of ScaNN; None for `brute_force`.
    """

    algorithm: str
    reason: str
    top_k: int
    scann: ScannOptions | None


def parse_retrieval(value: str | dict[str, Any] | None) -> Retrieval:
    """Returns the Retrieval message of a component parameter, defaults filled in.

    Args:
        value: JSON text, or the object it stands for (the local runner hands over either); None
            for the defaults.

    Raises:
        InputError: Something in it is wrong; holds all problems.
    """
    text = value if isinstance(value, str) else json.dumps(value or {})
    # Read as a part of a ModelConfig, so that rules and messages are those of model.json.
    model_config: ModelConfig = config.parse_model_config(
        f'{{"retrieval": {text or "{}"}}}', "ScaNNIndexer(retrieval=...)"
    )
    return model_config.retrieval


def plan_index(retrieval: Retrieval, candidates: int, dimension: int) -> IndexPlan:
    """Chooses the algorithm and fills in what depends on the catalogue.

    Args:
        retrieval: A resolved Retrieval message.
        candidates: Size of the catalogue, at least 1.
        dimension: Width of the embeddings.

    Raises:
        InputError: An option does not fit the catalogue; holds all problems.
    """
    top_k = min(retrieval.top_k, candidates)
    algorithm, reason = _choose_algorithm(retrieval, candidates)
    if algorithm == BRUTE_FORCE:
        return IndexPlan(algorithm, reason, top_k, None)
    return IndexPlan(algorithm, reason, top_k, _scann_options(retrieval, candidates, dimension))


def _choose_algorithm(retrieval: Retrieval, candidates: int) -> tuple[str, str]:
    """Returns the algorithm and why."""
    if retrieval.algorithm == Algorithm.brute_force:
        return BRUTE_FORCE, "asked for"
    if retrieval.algorithm == Algorithm.scann:
        return SCANN, "asked for"
    threshold = max(retrieval.scann_threshold, MIN_SCANN_CANDIDATES)
    if candidates < threshold:
        return BRUTE_FORCE, f"auto: {candidates:,} candidates are fewer than {threshold:,}"
    return SCANN, f"auto: {candidates:,} candidates are at least {threshold:,}"


def _scann_options(retrieval: Retrieval, candidates: int, dimension: int) -> ScannOptions:
    """Returns ScaNN's options with size-aware defaults."""
    asked = retrieval.scann
    top_k = min(retrieval.top_k, candidates)
    reorder = min(
        asked.reorder if asked.HasField("reorder") else max(_REORDER_FACTOR * top_k, _MIN_REORDER),
        candidates,
    )
    leaves = (
        asked.leaves
        if asked.HasField("leaves")
        else max(1, min(round(math.sqrt(candidates)), candidates))
    )
    if asked.HasField("leaves_to_search"):
        leaves_to_search = asked.leaves_to_search
    else:
        # A tenth of a small catalogue would hold fewer points than are asked for.
        share = max(1 / _SEARCHED_SHARE, min(1.0, _REORDER_FACTOR * reorder / candidates))
        leaves_to_search = max(1, math.ceil(leaves * share))
    options = ScannOptions(leaves, leaves_to_search, asked.dimensions_per_block, reorder)
    _check_scann(options, candidates, dimension)
    return options


def _check_scann(options: ScannOptions, candidates: int, dimension: int) -> None:
    """Raises an InputError with every option that does not fit."""
    where = "ScaNNIndexer(retrieval=...): $.retrieval"
    checks = (
        (
            candidates >= MIN_SCANN_CANDIDATES,
            f"{where}.algorithm",
            f"scann for a catalogue of {candidates}",
            f"a catalogue of at least {MIN_SCANN_CANDIDATES} candidates for scann",
            'Use "auto" or "brute_force".',
        ),
        (
            options.leaves <= candidates,
            f"{where}.scann.leaves",
            f"{options.leaves:,}",
            f"at most {candidates:,}, the size of the catalogue",
            "Leave it out for the square root of the catalogue size.",
        ),
        (
            options.leaves_to_search <= options.leaves,
            f"{where}.scann.leaves_to_search",
            f"{options.leaves_to_search:,}",
            f"at most {options.leaves:,}, the number of leaves",
            "Leave it out for a tenth of the leaves.",
        ),
        (
            options.dimensions_per_block <= dimension,
            f"{where}.scann.dimensions_per_block",
            f"{options.dimensions_per_block:,}",
            f"at most {dimension:,}, the width of the embeddings",
            "Leave it out for 2.",
        ),
    )
    problems = [Problem(*check[1:]) for check in checks if not check[0]]
    if problems:
        raise InputError(problems)
