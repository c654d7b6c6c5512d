"""From rows with keys and splits to encoders of Examples; what both engines share."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from tfx_retrieval.components.interaction_example_gen import history
from tfx_retrieval.components.interaction_example_gen.example_encoder import (
    ExampleEncoder,
    ListValues,
)
from tfx_retrieval.components.interaction_example_gen.keys import Keys
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec


def column_encoder(table: pa.Table, names: Sequence[str]) -> ExampleEncoder:
    """Returns an encoder of some columns of a table."""
    encoder = ExampleEncoder()
    for name in names:
        encoder.add_column(name, table[name].combine_chunks())
    return encoder


def candidate_values(table_keys: Keys) -> ListValues:
    """Returns the candidate id of each row, for lists of row numbers."""
    codes = pa.array(table_keys.candidate)
    ids = table_keys.candidate_ids
    return ListValues(pa.DictionaryArray.from_arrays(codes, ids, safe=False))


def add_histories(
    encoder: ExampleEncoder,
    spec: TableSpec,
    values: ListValues,
    met: history.History,
    numbers: np.ndarray | None = None,
) -> None:
    """Adds the history columns to an encoder.

    Args:
        encoder: Encodes rows of a split.
        spec: Names the columns.
        values: What `candidate_values` returned.
        met: Histories of the rows of the split.
        numbers: int [n], the row number of each row that the encoder knows; unset: the rows are
            numbered alike.
    """

    def lists(rows: np.ndarray, max_length: int) -> tuple[np.ndarray, np.ndarray]:
        return met.lists(rows if numbers is None else numbers[rows], max_length)

    for column in spec.histories:
        found = functools.partial(lists, max_length=column.max_length)
        encoder.add_lists(column.column, values, found)


def split_rows(
    table: pa.Table, table_keys: Keys, split_codes: np.ndarray, spec: TableSpec
) -> Iterator[tuple[str, np.ndarray, ExampleEncoder]]:
    """Yields each split with its rows, shuffled, and an encoder that serialises them.

    Args:
        table: Loaded rows; all rows of each query that is among them.
        table_keys: Their keys.
        split_codes: int8 [n], the split of each row.
        spec: What the Examples hold.
    """
    encoder = column_encoder(table, spec.example_columns)
    # By a hash of who met what and when, the shuffle is the same for every order of rows.
    order = np.argsort(table_keys.row_hash(spec.split.seed), kind="stable")
    for code, name in enumerate(spec.split.names):
        if spec.histories:
            met = history.make_history(table_keys, split_codes, code)
            add_histories(encoder, spec, candidate_values(table_keys), met)
        yield name, order[split_codes[order] == code], encoder
