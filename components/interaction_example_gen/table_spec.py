"""What InteractionExampleGen needs to know of a table: its columns, filters, history and split.

A `TableSpec` holds only what changes the Examples. Embedding widths, vocabularies and the like stay
in the FeatureConfig, so that editing them does not make InteractionExampleGen read the data again.
Nothing here imports TensorFlow or TFX.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from tfx_retrieval.components.interaction_example_gen import spec_json
from tfx_retrieval.errors import InputError, Problem

# Raised when the same table and spec give other Examples, so that cached outputs are not reused.
FORMAT_VERSION = 1

CATEGORICAL = "categorical"
NUMERIC = "numeric"
TEMPORAL = "temporal"
TEXT = "text"
BOOLEAN = "boolean"
VECTOR = "vector"
# A column that is only asked whether it has a value.
ANY = "any"
COLUMN_TYPES = (CATEGORICAL, NUMERIC, TEMPORAL, TEXT, BOOLEAN, VECTOR, ANY)

SECONDS = "seconds"
TIME_UNITS = (SECONDS, "milliseconds", "microseconds", "nanoseconds", "days")

RANDOM = "random"
TEMPORAL_SPLIT = "temporal"
LEAVE_ONE_OUT = "leave-one-out"
SPLIT_METHODS = (RANDOM, TEMPORAL_SPLIT, LEAVE_ONE_OUT)

TRAIN = "train"
EVAL = "eval"
TEST = "test"
CANDIDATES = "candidates"


@dataclasses.dataclass(frozen=True)
class ColumnSpec:
    """A column that is read.

    Attributes:
        name: Name of the feature in the Examples, and of the column wherever a spec names one.
        type: One of `COLUMN_TYPES`.
        time_unit: Unit of integers in a temporal column.
        multiple: Whether a categorical row holds several values.
        separator: What separates several values in text; unset: the column is a list.
        integer: Whether a categorical value must be an integer.
        dimension: Length of each vector of a vector column; unset: any.
        heading: Name of the column in the table; unset: `name`.
    """

    name: str
    type: str
    time_unit: str = SECONDS
    multiple: bool = False
    separator: str | None = None
    integer: bool = False
    dimension: int | None = None
    heading: str | None = None

    @property
    def source(self) -> str:
        """Name of the column in the table."""
        return self.name if self.heading is None else self.heading

    @property
    def is_list(self) -> bool:
        """Whether a row holds a list."""
        return self.multiple or self.type == VECTOR


@dataclasses.dataclass(frozen=True)
class FilterSpec:
    """A rule that a row must meet; every condition that is set must hold.

    A missing value fails `minimum`, `maximum` and `one_of`, and passes `none_of` and `not_prefix`.

    Attributes:
        column: Column the rule looks at.
        present: True keeps rows with a value, False rows without one.
        minimum: Smallest number kept; epoch seconds for a temporal column.
        maximum: Largest number kept; epoch seconds for a temporal column.
        one_of: Values kept; empty: no such rule.
        none_of: Values left out.
        not_prefix: Values with this prefix are left out.
    """

    column: str
    present: bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    not_prefix: str | None = None


@dataclasses.dataclass(frozen=True)
class HistorySpec:
    """A list column made of the candidates that the query met earlier.

    Attributes:
        column: Name of the column that is added.
        max_length: Most recent candidates kept.
    """

    column: str
    max_length: int


@dataclasses.dataclass(frozen=True)
class SplitSpec:
    """How rows are divided into train, eval and, if `test_fraction` is above 0, test.

    Attributes:
        method: `random`, `temporal` or `leave-one-out`.
        eval_fraction: Share of rows in eval; leave-one-out takes one row of each query instead.
        test_fraction: Share of rows in test; leave-one-out: above 0 takes one more row.
        seed: Seed of the random split, of the sample and of the order of rows.
    """

    method: str = RANDOM
    eval_fraction: float = 0.2
    test_fraction: float = 0.0
    seed: int = 42

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the splits, in order of time."""
        return (TRAIN, EVAL, TEST) if self.test_fraction > 0 else (TRAIN, EVAL)


@dataclasses.dataclass(frozen=True)
class TableSpec:
    """Everything that decides which Examples come of a table.

    Attributes:
        columns: Columns that are read.
        example_columns: Names of the columns written to the Examples, history not counted.
        query_id: Id column of the query side.
        candidate_id: Id column of the candidate side.
        candidate_columns: Names of the columns of the candidate Examples, id and title included.
        title: Column shown to people beside the candidate id.
        timestamp: Column with the time of the interaction.
        label: Column that a ranking model predicts.
        weight: Column with the weight of a row.
        filters: Rules that rows must meet.
        histories: History columns to add.
        split: How rows are divided.
        sample_rows: About how many rows to keep, for a quick test; 0 keeps all.
        version: Version of what InteractionExampleGen writes.
    """

    columns: tuple[ColumnSpec, ...]
    example_columns: tuple[str, ...]
    query_id: str
    candidate_id: str
    candidate_columns: tuple[str, ...]
    title: str | None = None
    timestamp: str | None = None
    label: str | None = None
    weight: str | None = None
    filters: tuple[FilterSpec, ...] = ()
    histories: tuple[HistorySpec, ...] = ()
    split: SplitSpec = SplitSpec()
    sample_rows: int = 0
    version: int = FORMAT_VERSION

    def column(self, name: str) -> ColumnSpec:
        """Returns the column called `name`.

        Raises:
            KeyError: There is no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def kept_columns(self) -> tuple[str, ...]:
        """Names of the columns still needed once the filters have run."""
        wanted = {*self.example_columns, *self.candidate_columns, self.timestamp}
        return tuple(column.name for column in self.columns if column.name in wanted)

    @property
    def needs_time(self) -> bool:
        """Whether a row without a timestamp cannot be used."""
        return self.split.method != RANDOM

    def to_json(self) -> str:
        """Returns canonical JSON: sorted keys, no white space, every field."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | dict[str, Any], source: str = "table_spec") -> TableSpec:
        """Reads what `to_json` wrote; fields with a default may be left out.

        Args:
            text: JSON text, or the object that it stands for.
            source: Name of the text in errors.

        Raises:
            InputError: With every unknown key, wrong type and contradiction.
        """
        value = spec_json.loads(text, source)
        problems: list[Problem] = []
        spec = spec_json.build(cls, value, f"{source}: $", problems)
        if problems or spec is None:
            raise InputError(problems)
        problems = list(find_problems(spec, source))
        if problems:
            raise InputError(problems)
        return spec


def find_problems(spec: TableSpec, source: str = "table_spec") -> Iterable[Problem]:
    """Yields every contradiction within `spec`; `source` names it in the problems."""
    yield from _column_problems(spec, source)
    yield from _reference_problems(spec, source)
    yield from _split_problems(spec, source)
    yield from _filter_problems(spec, source)
    if spec.version != FORMAT_VERSION:
        yield Problem(f"{source}: $.version", str(spec.version), f"{FORMAT_VERSION}")
    if spec.sample_rows < 0:
        yield Problem(f"{source}: $.sample_rows", str(spec.sample_rows), "0 or more")


def _column_problems(spec: TableSpec, source: str) -> Iterable[Problem]:
    seen: set[str] = set()
    sources: set[str] = set()
    for index, column in enumerate(spec.columns):
        path = f"{source}: $.columns[{index}]"
        if column.name in seen:
            yield Problem(f"{path}.name", repr(column.name), "each column once")
        elif column.source in sources:
            yield Problem(f"{path}.heading", repr(column.source), "each column's own")
        seen.add(column.name)
        sources.add(column.source)
        if column.type not in COLUMN_TYPES:
            yield Problem(f"{path}.type", repr(column.type), f"one of {', '.join(COLUMN_TYPES)}")
        if column.time_unit not in TIME_UNITS:
            received, expected = repr(column.time_unit), f"one of {', '.join(TIME_UNITS)}"
            yield Problem(f"{path}.time_unit", received, expected)
        if column.multiple and column.type != CATEGORICAL:
            yield Problem(f"{path}.multiple", f"true for a {column.type} column", "categorical")
        if column.separator == "":
            yield Problem(f"{path}.separator", "''", "at least one character")
    for index, history in enumerate(spec.histories):
        path = f"{source}: $.histories[{index}]"
        if history.column in seen:
            yield Problem(
                f"{path}.column",
                repr(history.column),
                "a name that no column of the table has",
                "The history is made from the interactions; give it a name of its own.",
            )
        seen.add(history.column)
        if history.max_length < 1:
            yield Problem(f"{path}.max_length", str(history.max_length), "1 or more")


def _reference_problems(spec: TableSpec, source: str) -> Iterable[Problem]:
    types = {column.name: column for column in spec.columns}
    references: list[tuple[str, str | None, tuple[str, ...] | None]] = [
        ("query_id", spec.query_id, (CATEGORICAL,)),
        ("candidate_id", spec.candidate_id, (CATEGORICAL,)),
        ("title", spec.title, (CATEGORICAL, TEXT, NUMERIC, TEMPORAL, BOOLEAN)),
        ("timestamp", spec.timestamp, (TEMPORAL,)),
        ("label", spec.label, (NUMERIC, BOOLEAN)),
        ("weight", spec.weight, (NUMERIC, BOOLEAN)),
    ]
    kept = tuple(column_type for column_type in COLUMN_TYPES if column_type != ANY)
    references += [(f"example_columns[{i}]", n, kept) for i, n in enumerate(spec.example_columns)]
    references += [
        (f"candidate_columns[{i}]", n, kept) for i, n in enumerate(spec.candidate_columns)
    ]
    references += [(f"filters[{i}].column", f.column, None) for i, f in enumerate(spec.filters)]
    for path, name, allowed in references:
        if name is None:
            continue
        if name not in types:
            yield Problem(f"{source}: $.{path}", repr(name), "one of the names in $.columns")
        elif allowed and types[name].type not in allowed:
            received = f"column {name!r} of type {types[name].type}"
            yield Problem(f"{source}: $.{path}", received, f"a {' or '.join(allowed)} column")
    for path, name in (("query_id", spec.query_id), ("candidate_id", spec.candidate_id)):
        if name in types and types[name].multiple:
            received = f"column {name!r} with several values a row"
            yield Problem(f"{source}: $.{path}", received, "one value a row")
    if spec.query_id == spec.candidate_id:
        received = f"{spec.query_id!r} for the query and for the candidate"
        yield Problem(f"{source}: $.candidate_id", received, "another column than $.query_id")


def _split_problems(spec: TableSpec, source: str) -> Iterable[Problem]:
    split = spec.split
    if split.method not in SPLIT_METHODS:
        expected = f"one of {', '.join(SPLIT_METHODS)}"
        yield Problem(f"{source}: $.split.method", repr(split.method), expected)
    if not 0 < split.eval_fraction < 1:
        expected = "a number above 0 and below 1"
        yield Problem(f"{source}: $.split.eval_fraction", str(split.eval_fraction), expected)
    if not 0 <= split.test_fraction < 1 - split.eval_fraction:
        expected = f"0 or more and below {1 - split.eval_fraction:g}, which is what eval leaves"
        yield Problem(f"{source}: $.split.test_fraction", str(split.test_fraction), expected)
    if spec.timestamp is None:
        users = [f"a history ({history.column!r})" for history in spec.histories]
        if split.method != RANDOM:
            users.insert(0, f"a {split.method} split")
        if users:
            yield Problem(
                f"{source}: $.timestamp",
                "no timestamp column",
                f"one, since there is {' and '.join(users)}",
                "Name the column in the config at $.interaction.timestamp.",
            )


def _filter_problems(spec: TableSpec, source: str) -> Iterable[Problem]:
    types = {column.name: column for column in spec.columns}
    for index, rule in enumerate(spec.filters):
        column = types.get(rule.column)
        if column is None:
            continue
        path = f"{source}: $.filters[{index}]"
        named = f"{column.type} column {column.name!r}"
        bounded = rule.minimum is not None or rule.maximum is not None
        by_value = bounded or bool(rule.one_of or rule.none_of or rule.not_prefix)
        if by_value and (column.is_list or column.type == ANY):
            received = f"a rule on the values of the {named}"
            yield Problem(path, received, "no rule but 'present' for such a column")
            continue
        if rule.not_prefix and column.type not in (CATEGORICAL, TEXT):
            expected = "a categorical or text column"
            yield Problem(f"{path}.not_prefix", f"a prefix for the {named}", expected)
        for value in (*rule.one_of, *rule.none_of):
            expected = _expected_value(column.type, value)
            if expected:
                yield Problem(path, f"{value!r} for the {named}", expected)
        if column.type == TEXT and bounded:
            received = f"a number for the {named}"
            yield Problem(path, received, "a numeric, temporal, boolean or categorical column")


def _expected_value(column_type: str, value: str) -> str:
    """Returns what a rule's value should be, or nothing if it is right."""
    if column_type in (CATEGORICAL, TEXT):
        return ""
    if column_type == TEMPORAL:
        return "min or max, in seconds since 1970-01-01 UTC"
    try:
        float(value)
    except ValueError:
        return "0 or 1" if column_type == BOOLEAN else "a number"
    return ""
