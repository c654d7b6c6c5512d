"""Makes the `TableSpec` of a FeatureConfig."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ANY,
    CATEGORICAL,
    NUMERIC,
    SECONDS,
    TEMPORAL,
    TEXT,
    ColumnSpec,
    FilterSpec,
    HistorySpec,
    SplitSpec,
    TableSpec,
    find_problems,
)
from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.proto import feature_config_pb2

_HISTORY = "history"


def table_spec(
    feature_config: feature_config_pb2.FeatureConfig,
    split: SplitSpec | str = "random",
    sample_rows: int = 0,
) -> TableSpec:
    """Returns what InteractionExampleGen needs of a FeatureConfig.

    Two configs that differ in transforms only (embedding widths, vocabulary sizes, buckets) give
    equal specs, so the Examples made for one are reused for the other.

    Args:
        feature_config: A resolved config (`tfx_retrieval.config.read_feature_config`).
        split: How to divide the rows; a name stands for that method with its default fractions.
        sample_rows: About how many rows to keep, for a quick test; 0 keeps all.

    Raises:
        InputError: With every contradiction, for example one column read as two types, or a
            temporal split without a timestamp.
    """
    split = SplitSpec(method=split) if isinstance(split, str) else split
    source = feature_config.name or "features"
    columns = _Columns(source, feature_config.headings)
    query = _add_side(columns, feature_config.query, "$.query")
    candidate = _add_side(columns, feature_config.candidate, "$.candidate")
    interaction = feature_config.interaction
    extra = _add_interaction(columns, interaction)
    # A title is text only where nothing else says what it is.
    if feature_config.query.title:
        columns.add(ColumnSpec(feature_config.query.title, TEXT), "$.query.title", weak=True)
        query.append(feature_config.query.title)
    title = feature_config.candidate.title or None
    if title:
        columns.add(ColumnSpec(title, TEXT), "$.candidate.title", weak=True)
    filters = tuple(_filter(rule) for rule in interaction.filters)
    for index, rule in enumerate(filters):
        path = f"$.interaction.filters[{index}].column"
        columns.add(_filter_column(rule, filters), path, weak=True)
    spec = TableSpec(
        columns=columns.all(),
        example_columns=tuple(dict.fromkeys([*query, *candidate, *extra])),
        query_id=feature_config.query.id,
        candidate_id=feature_config.candidate.id,
        candidate_columns=tuple(dict.fromkeys([*candidate, *([title] if title else [])])),
        title=title,
        timestamp=interaction.timestamp or None,
        label=interaction.label or None,
        weight=interaction.weight or None,
        filters=filters,
        histories=tuple(_histories(feature_config)),
        split=split,
        sample_rows=sample_rows,
    )
    problems = [*columns.problems, *find_problems(spec, source)]
    if problems:
        raise InputError(problems)
    return spec


class _Columns:
    """Columns by name, each read in one way only."""

    def __init__(self, source: str, headings: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._headings = dict(headings)
        self._columns: dict[str, tuple[ColumnSpec, str]] = {}

    def add(self, column: ColumnSpec, path: str, weak: bool = False) -> None:
        """Adds `column`, named at `path`; a weak one gives way to a type given elsewhere."""
        column = dataclasses.replace(column, heading=self._headings.get(column.name))
        known = self._columns.get(column.name)
        if known is None:
            self._columns[column.name] = (column, path)
        elif known[0] != column and not weak:
            self.problems.append(_conflict(self._source, column, path, *known))

    def all(self) -> tuple[ColumnSpec, ...]:
        """Returns the columns in the order in which they were first named."""
        return tuple(column for column, _ in self._columns.values())


def _conflict(source: str, new: ColumnSpec, path: str, old: ColumnSpec, old_path: str) -> Problem:
    differing = [
        field.name
        for field in dataclasses.fields(ColumnSpec)
        if getattr(new, field.name) != getattr(old, field.name)
    ]
    received = ", ".join(f"{name} {getattr(new, name)!r}" for name in differing)
    expected = ", ".join(f"{name} {getattr(old, name)!r}" for name in differing)
    return Problem(
        f"{source}: {path}",
        f"column {new.name!r} read with {received}",
        f"{expected}, as at {old_path}",
        "A column is read in one way only; make the two places agree.",
    )


def _add_side(columns: _Columns, side: feature_config_pb2.Side, path: str) -> list[str]:
    """Adds the columns of one side and returns their names."""
    names = []
    for index, feature in enumerate(side.features):
        type_name = feature_config_pb2.FeatureType.Value.Name(feature.type)
        if type_name == _HISTORY:
            continue
        column = _feature_column(feature, type_name)
        columns.add(column, f"{path}.features[{index}]")
        names.append(column.name)
    columns.add(ColumnSpec(side.id, CATEGORICAL), f"{path}.id", weak=True)
    return [side.id, *names]


def _feature_column(feature: feature_config_pb2.Feature, type_name: str) -> ColumnSpec:
    multiple = feature.HasField("values")
    separator = None
    if multiple and feature.values.HasField("separator"):
        separator = feature.values.separator
    return ColumnSpec(
        name=feature.column,
        type=type_name,
        time_unit=_time_unit(feature.time_unit) if type_name == TEMPORAL else SECONDS,
        multiple=multiple,
        separator=separator,
        integer=feature.HasField("integer_id"),
        dimension=feature.vector.dimension if feature.HasField("vector") else None,
    )


def _time_unit(value: int) -> str:
    unspecified = feature_config_pb2.TimeUnit.Value.Value("unspecified")
    return SECONDS if value == unspecified else feature_config_pb2.TimeUnit.Value.Name(value)


def _add_interaction(columns: _Columns, interaction: feature_config_pb2.Interaction) -> list[str]:
    """Adds timestamp, label and weight and returns the names of those that are set."""
    path = "$.interaction"
    if interaction.timestamp:
        unit = _time_unit(interaction.time_unit)
        column = ColumnSpec(interaction.timestamp, TEMPORAL, time_unit=unit)
        columns.add(column, f"{path}.timestamp")
    for role, name in (("label", interaction.label), ("weight", interaction.weight)):
        if name:
            columns.add(ColumnSpec(name, NUMERIC), f"{path}.{role}", weak=True)
    return [name for name in (interaction.timestamp, interaction.label, interaction.weight) if name]


def _filter(rule: feature_config_pb2.Filter) -> FilterSpec:
    return FilterSpec(
        column=rule.column,
        present=rule.present if rule.HasField("present") else None,
        minimum=rule.min if rule.HasField("min") else None,
        maximum=rule.max if rule.HasField("max") else None,
        one_of=tuple(rule.one_of),
        none_of=tuple(rule.none_of),
        not_prefix=rule.not_prefix if rule.HasField("not_prefix") else None,
    )


def _filter_column(rule: FilterSpec, filters: tuple[FilterSpec, ...]) -> ColumnSpec:
    """Returns how to read a column that nothing but filters use."""
    rules = [other for other in filters if other.column == rule.column]
    if any(other.one_of or other.none_of or other.not_prefix for other in rules):
        return ColumnSpec(rule.column, CATEGORICAL)
    if any(other.minimum is not None or other.maximum is not None for other in rules):
        return ColumnSpec(rule.column, NUMERIC)
    return ColumnSpec(rule.column, ANY)


def _histories(feature_config: feature_config_pb2.FeatureConfig) -> Iterator[HistorySpec]:
    for feature in feature_config.query.features:
        if feature_config_pb2.FeatureType.Value.Name(feature.type) == _HISTORY:
            yield HistorySpec(feature.column, feature.history.max_length)
