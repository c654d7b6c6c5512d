"""The candidates that a query met before each interaction.

A row's history holds what was known at its time: interactions of the same query at an earlier
second, never the row itself and never one of the same second, oldest first. An earlier interaction
with the row's own candidate stays in it, as it would when serving.

It holds rows of the row's own split and of those before it only (train, eval, test), so that a
random split does not show the trainer what is asked for in eval. The two other splits are in order
of time anyway.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tfx_retrieval.components.interaction_example_gen import keys
from tfx_retrieval.components.interaction_example_gen.keys import NO_TIME, Keys


@dataclasses.dataclass(frozen=True)
class History:
    """Earlier interactions of the rows of a split, as ranges of one long list.

    Attributes:
        met: int, row numbers, by query and then by time.
        first: int [n], by row number, where in `met` the rows of its query begin.
        stop: int [n], by row number, where in `met` those before its own second end.

    Together they take 12 bytes a row, 24 for tables of two thousand million rows and more.
    """

    met: np.ndarray
    first: np.ndarray
    stop: np.ndarray

    def lists(self, rows: np.ndarray, max_length: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the histories of some rows.

        Args:
            rows: int [r], row numbers; all of the split.
            max_length: Most recent interactions kept.

        Returns:
            int64 [r + 1] offsets, and int64 [offsets[-1]] row numbers of the interactions met.
        """
        stop = self.stop[rows]
        start = np.maximum(self.first[rows], stop - max_length)
        lengths = stop - start
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        positions = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], lengths)
        return offsets, self.met[positions]


def make_history(table_keys: Keys, split_codes: np.ndarray, split_code: int) -> History:
    """Finds what the queries of a split's rows met before.

    Args:
        table_keys: Keys of all rows.
        split_codes: int8 [n], the split of each row.
        split_code: The split whose rows get histories.

    Returns:
        Histories of the rows of the split. A row without a time has none and is in none.
    """
    rows_in_all = len(table_keys)
    integer = np.int32 if rows_in_all <= np.iinfo(np.int32).max else np.int64
    met = [np.empty(0, integer)]
    first, stop = np.zeros(rows_in_all, integer), np.zeros(rows_in_all, integer)
    begin = 0
    for rows in keys.query_parts(table_keys):
        known = rows[(split_codes[rows] <= split_code) & (table_keys.time[rows] != NO_TIME)]
        pool = table_keys.take(known)
        # The candidate's hash makes the order within a second independent of the order of rows.
        order = keys.sorted_rows(pool.query, pool.time, pool.candidate_hash[pool.candidate])
        query, time = pool.query[order], pool.time[order]
        ordered = known[order]
        first[ordered] = begin + keys.group_starts(query)
        stop[ordered] = begin + keys.group_starts(query, time)
        met.append(ordered.astype(integer))
        begin += len(ordered)
    return History(np.concatenate(met), first, stop)
