"""What splits, histories and candidates look at: who met what, and when."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.components.interaction_example_gen import hashing
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec

# Stands in for a missing time; no real time is as early.
NO_TIME = np.iinfo(np.int64).min


@dataclasses.dataclass(frozen=True)
class Keys:
    """The keys of n interactions.

    Codes are only good within one `Keys`; hashes are the same everywhere.

    Attributes:
        query: int32 [n], from 0, one for each distinct query.
        candidate: int32 [n], from 0, one for each distinct candidate.
        time: int64 [n] epoch seconds, `NO_TIME` where missing.
        query_hash: uint64, by query code.
        candidate_hash: uint64, by candidate code.
        has_timestamp: Whether the table has a timestamp column.
    """

    query: np.ndarray
    candidate: np.ndarray
    time: np.ndarray
    query_hash: np.ndarray
    candidate_hash: np.ndarray
    has_timestamp: bool

    def __len__(self) -> int:
        """Returns the number of interactions."""
        return len(self.query)

    def pair_hash(self, seed: int) -> np.ndarray:
        """Returns a hash of each row's query and candidate, uint64 [n]."""
        candidate_hash = hashing.seeded(self.candidate_hash, seed)
        return hashing.combine(self.query_hash[self.query], candidate_hash[self.candidate])

    def row_hash(self, seed: int) -> np.ndarray:
        """Returns a hash of each row's query, candidate and time, uint64 [n]."""
        time_hash = hashing.mix(self.time.view(np.uint64))
        return hashing.combine(self.pair_hash(seed), time_hash)

    def take(self, rows: np.ndarray) -> Keys:
        """Returns the keys of `rows` (int [m]), with the same codes."""
        return dataclasses.replace(
            self,
            query=self.query[rows],
            candidate=self.candidate[rows],
            time=self.time[rows],
        )


def make_keys(table: pa.Table, spec: TableSpec) -> Keys:
    """Returns the keys of a table's rows.

    Args:
        table: Loaded rows; neither id is ever missing.
        spec: Names the key columns.
    """
    query, query_hash = _codes(table[spec.query_id])
    candidate, candidate_hash = _codes(table[spec.candidate_id])
    if spec.timestamp:
        times = table[spec.timestamp].combine_chunks()
        time = times.fill_null(int(NO_TIME)).to_numpy()
    else:
        time = np.full(table.num_rows, NO_TIME)
    return Keys(query, candidate, time, query_hash, candidate_hash, spec.timestamp is not None)


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Returns a code for each row, and each code's hash."""
    array = column.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    return array.indices.to_numpy(), hashing.hash_array(_canonical(array.dictionary))


def _canonical(ids: pa.Array) -> pa.Array:
    """Returns ids as text, alike for 17850, "17850" and "17850.0".

    So a table is divided in the same way whichever type its ids were stored as.
    """
    text = ids.cast(pa.large_string())
    if pc.any(pc.ends_with(text, ".0")).as_py():
        return pc.replace_substring_regex(text, r"^(-?\d+)\.0$", r"\1")
    return text


def sorted_rows(*keys: np.ndarray) -> np.ndarray:
    """Returns row numbers sorted by the first key, then by the second, and so on; stable."""
    return np.lexsort(keys[::-1])


def group_starts(*sorted_keys: np.ndarray) -> np.ndarray:
    """Returns for each row of sorted keys where its group of equal keys begins, int64 [n]."""
    size = len(sorted_keys[0])
    starts = np.zeros(size, bool)
    starts[:1] = True
    for key in sorted_keys:
        starts[1:] |= key[1:] != key[:-1]
    return np.maximum.accumulate(np.where(starts, np.arange(size), 0))


def group_ends(*sorted_keys: np.ndarray) -> np.ndarray:
    """Returns for each row of sorted keys where its group of equal keys ends, int64 [n]."""
    size = len(sorted_keys[0])
    reversed_starts = group_starts(*(key[::-1] for key in sorted_keys))
    return size - reversed_starts[::-1]
