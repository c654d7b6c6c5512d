"""Writes the embedding tables that a generated trainer may spread over the cores of a TPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfx_retrieval.components.config_codegen.source import (
    LINE_LENGTH,
    assign,
    call,
    items,
    literal,
    render,
    returns,
)
from tfx_retrieval.components.config_codegen.towers import Table, Tower
from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.proto import model_config_pb2

_OPTIMIZERS = {"adagrad": "Adagrad", "adam": "Adam", "sgd": "SGD", "ftrl": "FTRL"}
_KEYWORDS: dict[str, dict[str, str]] = {
    "adagrad": {"initial_accumulator_value": "initial_accumulator_value"},
    "adam": {"beta_1": "beta_1", "beta_2": "beta_2", "epsilon": "epsilon"},
    "sgd": {},
    "ftrl": {
        "learning_rate_power": "learning_rate_power",
        "initial_accumulator_value": "initial_accumulator_value",
        "l1": "l1_regularization_strength",
        "l2": "l2_regularization_strength",
    },
}


def template_values(
    model: model_config_pb2.ModelConfig, towers: Sequence[Tower]
) -> dict[str, object]:
    """Returns what the templates use of a resolved ModelConfig's `tpu_embedding`.

    Args:
        model: A resolved ModelConfig.
        towers: Its towers.

    Raises:
        InputError: No table can be spread.
    """
    looks_up = any(tower.looked_up for tower in towers)
    if model.distribution.HasField("tpu_embedding") and not looks_up:
        raise InputError(
            Problem(
                "ModelConfig: $.distribution.tpu_embedding",
                "no table for it",
                "a table that is read one index a row: of a category, of buckets or of a cross",
                "Leave distribution out.",
            )
        )
    features = {tower.side: "inputs" if tower.looked_up else "features" for tower in towers}
    return {
        "tpu_embedding": looks_up,
        "tower_features": features,
        "looked_up_sides": [tower.side for tower in towers if tower.looked_up],
        "vectors_parameter": ", vectors=None" if looks_up else "",
        "table_definitions": _table_definitions(towers),
        "table_optimizer": _table_optimizer(model) if looks_up else [],
    }


def feature_names(towers: Sequence[Tower]) -> list[str]:
    """Returns the constant that names what is looked up, no lines where nothing is.

    Args:
        towers: Both towers.
    """
    if not any(tower.looked_up for tower in towers):
        return []
    lines = ["", "# Features that are looked up in tables, by tower.", "TABLE_FEATURES = {"]
    for tower in towers:
        key = f"    {literal(tower.side)}: "
        names = items([literal(name) for name in tower.looked_up])
        lines.append(f"{key}{render(names, 4, LINE_LENGTH - len(key) - 1)},")
    return [*lines, "}"]


def named_tables(towers: Sequence[Tower]) -> list[Table]:
    """Returns all tables under the names that their weights have.

    Args:
        towers: Both towers.
    """
    tables: list[Table] = []
    for tower in towers:
        held = tower.looked_up.values()
        tables += [_named(tower, t) if t in held else t for t in tower.tables]
    return tables


def _named(tower: Tower, table: Table) -> Table:
    """Returns a table under a name that no other of the layer that holds them all has."""
    prefix = "" if table in tower.shared_tables else f"{tower.side}_"
    return dataclasses.replace(table, name=f"{prefix}{table.name}")


def _table_definitions(towers: Sequence[Tower]) -> list[str]:
    named = [_named(tower, t) for tower in towers for t in tower.looked_up.values()]
    lines = [
        assign(table.name, call("table", table.rows, str(table.dim), literal(table.name)))
        for table in dict.fromkeys(named)
    ]
    lines.append("    tables = {")
    for tower in towers:
        lines.append(f"        {literal(tower.side)}: {{")
        lines += [
            f"            {literal(feature)}: {_named(tower, table).name},"
            for feature, table in tower.looked_up.items()
        ]
        lines.append("        },")
    return [*lines, "    }"]


def _table_optimizer(model: model_config_pb2.ModelConfig) -> list[str]:
    own = model.HasField("embedding_optimizer")
    config = model.embedding_optimizer if own else model.optimizer
    lines = []
    if own and model.HasField("embedding_learning_rate"):
        ratio = model.embedding_learning_rate / model.learning_rate
        lines.append(f"    learning_rate = learning_rate * {literal(ratio)}")
    kind = config.WhichOneof("kind")
    options = getattr(config, kind)
    keywords = {
        keyword: literal(getattr(options, name)) for name, keyword in _KEYWORDS[kind].items()
    }
    name = f"tf.tpu.experimental.embedding.{_OPTIMIZERS[kind]}"
    return [*lines, returns(call(name, "learning_rate", **keywords))]
