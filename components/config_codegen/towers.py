"""Writes the query and the candidate tower of a generated trainer."""

from __future__ import annotations

import dataclasses

from tfx_retrieval.components.config_codegen import naming
from tfx_retrieval.components.config_codegen.layers import (
    dense,
    has_dropout,
    layer_definitions,
    stack_calls,
)
from tfx_retrieval.components.config_codegen.source import (
    LINE_LENGTH,
    Call,
    Expression,
    assign,
    augment,
    call,
    items,
    literal,
    render,
    returns,
)
from tfx_retrieval.components.config_codegen.tower_inputs import (
    Kind,
    Table,
    TowerInput,
    id_table,
    tower_inputs,
)
from tfx_retrieval.proto import feature_config_pb2, model_config_pb2

__all__ = ["Table", "Tower", "TowerInput", "embedding", "id_table", "write_towers"]

_BODY = 8


@dataclasses.dataclass
class Tower:
    """A tower as the template prints it.

    Attributes:
        name: Python name, `query_tower` or `candidate_tower`.
        class_name: Name of its class.
        side: `query` or `candidate`.
        width: Width of its output.
        inputs: What it reads.
        shortcut: The id's embedding, if it is added to the output instead of feeding the layers.
        shared_tables: Embedding tables that both towers use.
        id_dropout: Share of its ids that are hidden in training.
        tuned_dropout: Whether its dropout layers take their rate from outside.
        init: Statements of `__init__`.
        call: Statements of `call`.
        looked_up: Table of each feature that a TPU may look up; the tower gets its embedding.
    """

    name: str
    class_name: str
    side: str
    width: int
    inputs: list[TowerInput]
    shortcut: TowerInput | None
    shared_tables: list[Table]
    id_dropout: float
    tuned_dropout: bool
    init: list[str]
    call: list[str]
    looked_up: dict[str, Table] = dataclasses.field(default_factory=dict)

    @property
    def features(self) -> list[str]:
        """Names of the transformed features that the tower reads."""
        return [item.feature for item in self.inputs]

    @property
    def tables(self) -> list[Table]:
        """Distinct embedding tables that the tower reads, shared ones included."""
        return list(dict.fromkeys(item.table for item in self.inputs if item.table))

    @property
    def shared(self) -> list[str]:
        """Names of the layers that the tower gets from outside."""
        held = self.looked_up.values()
        tables = [table for table in self.shared_tables if table in self.tables]
        return [table.name for table in tables if table not in held]

    @property
    def parameters(self) -> list[str]:
        """Parameters of the tower's `__init__` after `self`."""
        dropout = ["dropout"] if self.tuned_dropout else []
        return ["tf_transform_output", *self.shared, *dropout]

    @property
    def signature(self) -> str:
        """The beginning of its `__init__`, up to the colon."""
        definition = call("def __init__", "self", *self.parameters)
        return f"    {render(definition, 4, LINE_LENGTH - 5)}:"


def write_towers(
    features: feature_config_pb2.FeatureConfig, model: model_config_pb2.ModelConfig
) -> tuple[Tower, Tower]:
    """Returns the query and the candidate tower of two resolved configs."""
    width = model.output_embedding_dim
    query_inputs = tower_inputs(features, features.query, width)
    candidate_inputs = tower_inputs(features, features.candidate, width)
    shared = _shared_tables(features, query_inputs, candidate_inputs)
    looked_up: list[dict[str, Table]] = [{}, {}]
    if model.distribution.HasField("tpu_embedding"):
        looked_up = [
            _looked_up(inputs, other, shared)
            for inputs, other in (
                (query_inputs, candidate_inputs),
                (candidate_inputs, query_inputs),
            )
        ]
    return (
        _write(features.query, "query", query_inputs, shared, model, looked_up[0]),
        _write(features.candidate, "candidate", candidate_inputs, shared, model, looked_up[1]),
    )


def embedding(table: Table) -> Call:
    """Returns the constructor of an embedding layer."""
    return call("tf.keras.layers.Embedding", table.rows, str(table.dim), name=literal(table.name))


def _looked_up(
    inputs: list[TowerInput], other_inputs: list[TowerInput], shared: list[Table]
) -> dict[str, Table]:
    """Returns the table of each feature of a tower whose readers all read one index a row."""
    readers = [*inputs, *(item for item in other_inputs if item.table in shared)]
    several = {item.table for item in readers if item.kind is not Kind.EMBEDDING}
    return {
        item.feature: item.table
        for item in inputs
        if item.table and item.kind is Kind.EMBEDDING and item.table not in several
    }


def _shared_tables(
    features: feature_config_pb2.FeatureConfig,
    query_inputs: list[TowerInput],
    candidate_inputs: list[TowerInput],
) -> list[Table]:
    """Returns the tables that both towers read because the config says so.

    A history reads the candidate id's table, and columns with a common vocabulary name share
    one; a column that merely stands on both sides has a table in each tower.
    """
    named = set()
    vocabularies = naming.vocabulary_names(features)
    for side in (features.query, features.candidate):
        for feature in side.features:
            if feature.HasField("vocabulary") and feature.vocabulary.name:
                named.add(vocabularies[feature.column])
    in_query = {item.table: item.kind for item in query_inputs if item.table}
    in_candidate = {item.table for item in candidate_inputs if item.table}
    return [
        table
        for table, kind in in_query.items()
        if table in in_candidate and (kind is Kind.HISTORY or table.vocabulary in named)
    ]


def _write(
    side: feature_config_pb2.Side,
    side_name: str,
    inputs: list[TowerInput],
    shared: list[Table],
    model: model_config_pb2.ModelConfig,
    looked_up: dict[str, Table],
) -> Tower:
    stack = model.query_tower if side_name == "query" else model.candidate_tower
    tower = Tower(
        name=f"{side_name}_tower",
        class_name=f"{side_name.capitalize()}Tower",
        side=side_name,
        width=model.output_embedding_dim,
        inputs=inputs,
        shortcut=_shortcut(side, inputs, model, stack),
        shared_tables=shared,
        id_dropout=stack.id_dropout,
        tuned_dropout=bool(model.search_space.dropout) and has_dropout(stack.layers),
        init=[],
        call=[],
        looked_up=looked_up,
    )
    tower.init += [f"{' ' * _BODY}self.{name} = {name}" for name in tower.shared]
    for table in tower.tables:
        if table.name not in tower.shared and table not in looked_up.values():
            tower.init.append(assign(f"self.{table.name}", embedding(table), _BODY))
    for item in inputs:
        layer = _input_layer(item)
        if layer is not None:
            tower.init.append(assign(f"self.{item.name}", layer, _BODY))
    if side_name == "candidate" and tower.id_dropout:
        shares = call("hidden_shares", "tf_transform_output", literal(tower.id_dropout))
        tower.init.append(
            assign("self.hidden_shares", call("tf.constant", shares, "tf.float32"), _BODY)
        )
    layered = [item for item in inputs if item is not tower.shortcut]
    width = sum(item.width for item in layered)
    definitions, _ = layer_definitions(stack.layers, width, tuned_dropout=tower.tuned_dropout)
    tower.init += [assign(f"self.{name}", layer, _BODY) for name, layer in definitions]
    if layered and model.output_projection:
        projection = dense(model.output_embedding_dim, "projection")
        tower.init.append(assign("self.projection", projection, _BODY))
    _write_call(tower, side.id, model, stack, [name for name, _ in definitions])
    return tower


def _shortcut(
    side: feature_config_pb2.Side,
    inputs: list[TowerInput],
    model: model_config_pb2.ModelConfig,
    stack: model_config_pb2.Tower,
) -> TowerInput | None:
    """Returns the id's input if its embedding goes past the layers.

    Layers that would be left without any input keep the id.
    """
    if not model.id_shortcut:
        return None
    for item in inputs:
        if item.feature == side.id and item.kind is Kind.EMBEDDING:
            return None if len(inputs) == 1 and stack.layers else item
    return None


def _write_call(
    tower: Tower,
    id_column: str,
    model: model_config_pb2.ModelConfig,
    stack: model_config_pb2.Tower,
    layer_names: list[str],
) -> None:
    def value(item: TowerInput) -> Expression:
        if item.kind is Kind.FLAG:
            dtype = "self.compute_dtype" if model.mixed_precision else "tf.float32"
            return call("tf.cast", _column_of_numbers(item), dtype)
        if item.feature in tower.looked_up and item.kind is Kind.EMBEDDING:
            return f"features[{literal(item.feature)}]"
        hides = item.feature == id_column and item.kind is Kind.EMBEDDING
        return _hidden_ids(item, tower) if hides else _input_value(item)

    lines = tower.call
    parts: list[Expression] = []
    for item in tower.inputs:
        if item is tower.shortcut:
            continue
        if item.kind is Kind.HISTORY and item.pooling != "mean":
            lines += _encode_history(item)
            parts.append(item.name.removesuffix("_encoder"))
        else:
            parts.append(value(item))
    shortcut = value(tower.shortcut) if tower.shortcut else ""
    if parts:
        x: Expression = parts[0]
        if len(parts) > 1:
            x = call("tf.concat", items(parts), axis="1")
        lines.append(assign("x", x, _BODY))
        lines += stack_calls(stack.layers, layer_names, _BODY)
        x = "self.projection(x)" if model.output_projection else "x"
        if shortcut:
            if model.output_projection:
                lines.append(assign("x", x, _BODY))
            lines.append(f"{' ' * _BODY}# The id is learned on its own, past the layers.")
            lines.append(augment("x", shortcut, _BODY))
            x = "x"
    else:
        x = shortcut
    if model.mixed_precision:
        x = call("tf.cast", x, "tf.float32")
    if model.retrieval_loss.l2_normalize:
        x = call("tf.math.l2_normalize", x, axis="1")
    lines.append(returns(x, _BODY))


def _input_layer(item: TowerInput) -> Call | None:
    """Returns the constructor of the layer that an input has to itself, if it has one."""
    name = literal(item.name)
    if item.kind is Kind.PROJECTED:
        return dense(item.width, item.name)
    if item.kind is Kind.MAPPED_VECTOR:
        return dense(item.width, item.name, kernel_initializer='"identity"')
    if item.kind is Kind.HISTORY and item.pooling == "gru":
        return call("tf.keras.layers.GRU", str(item.width), name=name)
    if item.kind is Kind.HISTORY and item.pooling == "attention":
        return call("AttentionEncoder", str(item.length), str(item.width), name=name)
    return None


def _input_value(item: TowerInput) -> Expression:
    """Returns the source of what an input adds to the tower's first vector."""
    feature = f"features[{literal(item.feature)}]"
    if item.kind is Kind.EMBEDDING and item.table:
        return call(f"self.{item.table.name}", feature)
    if item.kind in (Kind.POOLED, Kind.HISTORY) and item.table:
        return call("mean_embedding", f"self.{item.table.name}", feature)
    if item.kind is Kind.PROJECTED:
        return call(f"self.{item.name}", _column_of_numbers(item))
    if item.kind is Kind.MAPPED_VECTOR:
        return call(f"self.{item.name}", feature)
    return feature if item.kind is Kind.VECTOR else _column_of_numbers(item)


def _column_of_numbers(item: TowerInput) -> str:
    """Returns the source of a feature `[batch]` as `[batch, 1]`."""
    return f"features[{literal(item.feature)}][:, None]"


def _hidden_ids(item: TowerInput, tower: Tower) -> Expression:
    """Returns the source of an id's embedding, with a share of the ids hidden in training."""
    if not tower.id_dropout:
        return _input_value(item)
    assert item.table is not None
    layer = f"self.{item.table.name}"
    unknown_rows = str(item.table.unknown_rows)
    feature = f"features[{literal(item.feature)}]"
    share: Expression = literal(tower.id_dropout)
    if tower.side == "candidate":
        share = call("tf.gather", "self.hidden_shares", feature)
    return call(layer, call("hide_ids", feature, layer, share, unknown_rows, "training"))


def _encode_history(item: TowerInput) -> list[str]:
    variable = item.name.removesuffix("_encoder")
    feature = f"features[{literal(item.feature)}]"
    assert item.table is not None
    vectors = call(f"self.{item.table.name}", f"tf.maximum({variable}, 0)")
    keywords: dict[str, Expression] = {"mask": f"{variable} >= 0"}
    if item.pooling == "attention":
        keywords["training"] = "training"
    encoded = call(f"self.{item.name}", vectors, **keywords)
    return [assign(variable, feature, _BODY), assign(variable, encoded, _BODY)]
