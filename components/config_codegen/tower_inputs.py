"""What each tower reads of the transformed features, and how."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator

from tfx_retrieval.components.config_codegen import naming
from tfx_retrieval.config.widths import BUCKET_DIM, TOKEN_DIM, categorical_width, given_width
from tfx_retrieval.proto import feature_config_pb2

_Type = feature_config_pb2.FeatureType
_Cyclical = feature_config_pb2.Cyclical


class Kind(enum.Enum):
    """How a tower turns a transformed feature into numbers."""

    EMBEDDING = "one index, looked up"
    POOLED = "several indices, looked up and averaged"
    HISTORY = "earlier candidates, looked up and pooled"
    NUMBER = "a number as it is"
    FLAG = "0 or 1, as a number"
    PROJECTED = "a number through a linear layer"
    VECTOR = "a vector as it is"
    MAPPED_VECTOR = "a vector through a linear layer"


@dataclasses.dataclass(frozen=True)
class Table:
    """An embedding table.

    Attributes:
        name: Python name of its layer.
        rows: Source of the number of rows.
        dim: Width.
        vocabulary: File name of the vocabulary that gives the rows their meaning, or "".
        unknown_rows: How many of the last rows stand for unknown ids.
    """

    name: str
    rows: str
    dim: int
    vocabulary: str = ""
    unknown_rows: int = 0


@dataclasses.dataclass(frozen=True)
class TowerInput:
    """One transformed feature that a tower reads.

    Attributes:
        feature: Name of the transformed feature.
        kind: How the tower reads it.
        width: Numbers it adds to the tower's input.
        table: Its embedding table, for the kinds that have one.
        name: Python name of the layer of a kind without a table.
        pooling: `mean`, `gru` or `attention` for a history.
        length: Entries of a history.
    """

    feature: str
    kind: Kind
    width: int
    table: Table | None = None
    name: str = ""
    pooling: str = ""
    length: int = 0


def tower_inputs(
    config: feature_config_pb2.FeatureConfig,
    side: feature_config_pb2.Side,
    output_dim: int,
) -> list[TowerInput]:
    """Lists what the tower of `side` reads, in the order of the config.

    Args:
        config: A resolved FeatureConfig.
        side: Its query or candidate side.
        output_dim: Width of the towers' outputs, which ids without a width of their own get.
    """
    builder = _Builder(config, output_dim)
    inputs: list[TowerInput] = []
    for feature in side.features:
        inputs.extend(builder.inputs_of(feature))
    inputs.extend(builder.cross_input(cross) for cross in side.crosses)
    return inputs


class _Builder:
    def __init__(self, config: feature_config_pb2.FeatureConfig, output_dim: int):
        self._config = config
        self._output_dim = output_dim
        self._vocabularies = naming.vocabulary_names(config)
        self._names = naming.variables(_columns(config))
        self._tables = naming.table_names(config)

    def inputs_of(self, feature: feature_config_pb2.Feature) -> Iterator[TowerInput]:
        """Yields the tower inputs of one feature."""
        column = feature.column
        if feature.type == _Type.categorical:
            kind = Kind.POOLED if feature.HasField("values") else Kind.EMBEDDING
            table = self.categorical_table(feature)
            yield TowerInput(column, kind, table.dim, table)
        elif feature.type == _Type.text:
            dim = given_width(feature.tokens, TOKEN_DIM)
            vocabulary = self._vocabularies[column]
            rows = _vocabulary_rows(vocabulary, feature.tokens.oov_buckets)
            table = Table(self._tables["vocabulary", vocabulary], rows, dim, vocabulary)
            yield TowerInput(naming.tokens(column), Kind.POOLED, dim, table)
        elif feature.type == _Type.history:
            yield self._history_input(feature)
        elif feature.type == _Type.boolean:
            yield TowerInput(column, Kind.FLAG, 1)
        elif feature.type == _Type.vector:
            kind = Kind.MAPPED_VECTOR if feature.vector.trainable else Kind.VECTOR
            name = f"{self._names[column]}_map"
            yield TowerInput(column, kind, feature.vector.dimension, name=name)
        else:
            yield from self._number_inputs(feature)

    def cross_input(self, cross: feature_config_pb2.Cross) -> TowerInput:
        """Returns the tower input of a cross."""
        feature = naming.cross(cross.columns)
        dim = given_width(cross, BUCKET_DIM)
        table = Table(self._tables["cross", feature], str(cross.hash_buckets), dim)
        return TowerInput(feature, Kind.EMBEDDING, dim, table)

    def _number_inputs(self, feature: feature_config_pb2.Feature) -> Iterator[TowerInput]:
        column = feature.column
        if feature.HasField("normalize"):
            name = naming.norm(column)
            if feature.normalize.HasField("projection_dim"):
                layer = f"{self._names[column]}_projection"
                yield TowerInput(name, Kind.PROJECTED, feature.normalize.projection_dim, name=layer)
            else:
                yield TowerInput(name, Kind.NUMBER, 1)
        if feature.HasField("bucketize"):
            dim = given_width(feature.bucketize, BUCKET_DIM)
            # Missing values have a bucket of their own behind the others.
            rows = str(feature.bucketize.buckets + 1)
            table = Table(self._tables["bucket", column], rows, dim)
            yield TowerInput(naming.bucket(column), Kind.EMBEDDING, dim, table)
        for cycle in feature.cyclical.cycles:
            for wave in naming.cyclical(column, _Cyclical.Cycle.Name(cycle)):
                yield TowerInput(wave, Kind.NUMBER, 1)

    def _history_input(self, feature: feature_config_pb2.Feature) -> TowerInput:
        candidate = self._config.candidate
        by_column = {f.column: f for f in candidate.features}
        table = self.categorical_table(by_column[candidate.id])
        return TowerInput(
            feature.column,
            Kind.HISTORY,
            table.dim,
            table,
            name=f"{self._names[feature.column]}_encoder",
            pooling=feature_config_pb2.History.Pooling.Name(feature.history.pooling),
            length=feature.history.max_length,
        )

    def categorical_table(self, feature: feature_config_pb2.Feature) -> Table:
        """Returns the embedding table of a categorical feature."""
        dim = categorical_width(self._config, feature, self._output_dim)
        column = ("column", feature.column)
        if feature.HasField("integer_id"):
            # Ids outside the range share the row behind the others.
            rows = str(feature.integer_id.size + 1)
            return Table(self._tables[column], rows, dim, unknown_rows=1)
        if feature.HasField("hash"):
            return Table(self._tables[column], str(feature.hash.buckets), dim)
        vocabulary = self._vocabularies[feature.column]
        unknown_rows = feature.vocabulary.oov_buckets
        rows = _vocabulary_rows(vocabulary, unknown_rows)
        return Table(self._tables["vocabulary", vocabulary], rows, dim, vocabulary, unknown_rows)


def id_table(config: feature_config_pb2.FeatureConfig, side: feature_config_pb2.Side) -> Table:
    """Returns the table that a side's id column has, its rows above all.

    An id that is no feature of its side has a vocabulary of its own, as the Transform module
    makes one for the loss.

    Args:
        config: A resolved FeatureConfig.
        side: Its query or candidate side.
    """
    for feature in side.features:
        if feature.column == side.id:
            return _Builder(config, 1).categorical_table(feature)
    vocabulary = naming.vocabulary_names(config)[side.id]
    name = naming.table_names(config)["vocabulary", vocabulary]
    return Table(name, _vocabulary_rows(vocabulary, 1), 1, vocabulary)


def _vocabulary_rows(vocabulary: str, oov_buckets: int) -> str:
    return f'tf_transform_output.vocabulary_size_by_name("{vocabulary}") + {oov_buckets}'


def _columns(config: feature_config_pb2.FeatureConfig) -> Iterator[str]:
    for side in (config.query, config.candidate):
        for feature in side.features:
            yield feature.column
