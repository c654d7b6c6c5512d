"""Leaves out rows that the config does not want and counts them by rule."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.components.interaction_example_gen import numbers
from tfx_retrieval.components.interaction_example_gen.table_spec import FilterSpec, TableSpec
from tfx_retrieval.components.interaction_example_gen.tables import Block

_WHOLE_NUMBER = r"^(-?\d+)\.0$"


@dataclasses.dataclass(frozen=True)
class Rule:
    """One condition on one column.

    Attributes:
        name: What a row lacks that is left out by it, for the report.
        column: The column.
        test: Returns for each value whether the rule holds; null counts as no.
    """

    name: str
    column: str
    test: Callable[[pa.Array], pa.Array]


def rules(spec: TableSpec) -> tuple[Rule, ...]:
    """Returns the rules in the order in which a row meets them.

    Rows need both ids; a timestamp too if the split goes by time; then come the config's filters.
    """
    needed = [spec.query_id, spec.candidate_id]
    if spec.needs_time and spec.timestamp:
        needed.append(spec.timestamp)
    found = [Rule(f"no {name}", name, pc.is_valid) for name in needed]
    for rule in spec.filters:
        found += _conditions(rule)
    return tuple(found)


def apply(block: Block, row_rules: tuple[Rule, ...]) -> tuple[Block, dict[str, int]]:
    """Leaves out the rows of a block that fail a rule.

    Args:
        block: Rows with converted columns.
        row_rules: What `rules` returned.

    Returns:
        The rows that are left, and how many each rule left out; a row counts for the first rule
        that it fails.
    """
    kept = np.ones(block.num_rows, bool)
    left_out = {}
    for rule in row_rules:
        passes = pc.fill_null(rule.test(block.columns[rule.column]), False)
        remaining = kept & passes.to_numpy(zero_copy_only=False)
        left_out[rule.name] = int(kept.sum() - remaining.sum())
        kept = remaining
    if kept.all():
        return block, left_out
    mask = pa.array(kept)
    columns = {name: column.filter(mask) for name, column in block.columns.items()}
    return Block(columns, block.kinds, int(kept.sum())), left_out


def _conditions(rule: FilterSpec) -> Iterator[Rule]:
    column = rule.column
    if rule.present is not None:
        test = pc.is_valid if rule.present else pc.is_null
        yield Rule(f"{column} {'missing' if rule.present else 'present'}", column, test)
    if rule.minimum is not None:
        test = _compare(pc.greater_equal, rule.minimum)
        yield Rule(f"{column} below {rule.minimum:.15g}", column, test)
    if rule.maximum is not None:
        test = _compare(pc.less_equal, rule.maximum)
        yield Rule(f"{column} above {rule.maximum:.15g}", column, test)
    if rule.one_of:
        yield Rule(f"{column} not one of {_list(rule.one_of)}", column, _is_in(rule.one_of))
    if rule.none_of:
        is_in = _is_in(rule.none_of)
        yield Rule(f"{column} one of {_list(rule.none_of)}", column, lambda a: pc.invert(is_in(a)))
    if rule.not_prefix:
        test = _has_not_prefix(rule.not_prefix)
        yield Rule(f"{column} beginning with {rule.not_prefix}", column, test)


def _list(values: tuple[str, ...]) -> str:
    shown = ", ".join(values[:5])
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown


def _compare(
    operator: Callable[[pa.Array, float], pa.Array], bound: float
) -> Callable[[pa.Array], pa.Array]:
    def test(array: pa.Array) -> pa.Array:
        if pa.types.is_dictionary(array.type):
            # Text that is no number becomes null here, and so fails the rule.
            return operator(numbers.to_numbers(array.dictionary)[0], bound).take(array.indices)
        return operator(array, bound)

    return test


def _is_in(values: tuple[str, ...]) -> Callable[[pa.Array], pa.Array]:
    plain = sorted({re.sub(_WHOLE_NUMBER, r"\1", value) for value in values})

    def test(array: pa.Array) -> pa.Array:
        if pa.types.is_dictionary(array.type):
            text = pc.replace_substring_regex(array.dictionary, _WHOLE_NUMBER, r"\1")
            found = pc.is_in(text, pa.array(plain, text.type)).take(array.indices)
            return pc.fill_null(found, False)
        wanted = [float(value) for value in plain if _is_number(value)]
        return pc.is_in(array.cast(pa.float64()), pa.array(wanted, pa.float64()))

    return test


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _has_not_prefix(prefix: str) -> Callable[[pa.Array], pa.Array]:
    def test(array: pa.Array) -> pa.Array:
        if not pa.types.is_dictionary(array.type):
            text = array.cast(pa.large_string())
            return pc.fill_null(pc.invert(pc.starts_with(text, prefix)), True)
        starts = pc.starts_with(array.dictionary, prefix).take(array.indices)
        return pc.fill_null(pc.invert(starts), True)

    return test
