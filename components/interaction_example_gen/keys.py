"""What splits, histories and candidates look at: who met what, and when."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfx_retrieval.components.interaction_example_gen import columns, hashing
from tfx_retrieval.components.interaction_example_gen.columns import Kind
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec

# Stands in for a missing time; no real time is as early.
NO_TIME = np.iinfo(np.int64).min
_ROWS_AT_ONCE = 1 << 20


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
        candidate_ids: int64 or large text, by candidate code.
        has_timestamp: Whether the table has a timestamp column.
    """

    query: np.ndarray
    candidate: np.ndarray
    time: np.ndarray
    query_hash: np.ndarray
    candidate_hash: np.ndarray
    candidate_ids: pa.Array
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
    return make_key_part(table, spec).keys()


@dataclasses.dataclass(frozen=True)
class KeyPart:
    """The keys of some rows of a table.

    Attributes:
        query: Dictionary of ids [n].
        candidate: Dictionary of ids [n].
        time: int64 [n] epoch seconds, `NO_TIME` where missing; None without a timestamp column.
    """

    query: pa.DictionaryArray
    candidate: pa.DictionaryArray
    time: np.ndarray | None

    def keys(self) -> Keys:
        """Returns them as `Keys`."""
        return Keys(
            query=self.query.indices.to_numpy(),
            candidate=self.candidate.indices.to_numpy(),
            time=np.full(len(self.query), NO_TIME) if self.time is None else self.time,
            query_hash=_hash_ids(self.query.dictionary),
            candidate_hash=_hash_ids(self.candidate.dictionary),
            candidate_ids=self.candidate.dictionary,
            has_timestamp=self.time is not None,
        )


def make_key_part(table: pa.Table, spec: TableSpec) -> KeyPart:
    """Returns the keys of rows; see `make_keys`."""
    time = None
    if spec.timestamp:
        time = table[spec.timestamp].combine_chunks().fill_null(int(NO_TIME)).to_numpy()
    return KeyPart(_encoded(table[spec.query_id]), _encoded(table[spec.candidate_id]), time)


def join_keys(parts: Sequence[KeyPart], spec: TableSpec, kinds: Mapping[str, Kind]) -> Keys:
    """Returns the keys of a whole table, 16 bytes a row.

    Args:
        parts: The keys of all rows, in parts; ids as they stand in blocks.
        spec: Names the key columns.
        kinds: Kind of each column of the whole table.
    """
    query = _join_ids([part.query for part in parts], spec.query_id, spec, kinds)
    candidate = _join_ids([part.candidate for part in parts], spec.candidate_id, spec, kinds)
    times = [part.time for part in parts if part.time is not None]
    return KeyPart(query, candidate, np.concatenate(times) if times else None).keys()


def _join_ids(
    parts: Sequence[pa.DictionaryArray], name: str, spec: TableSpec, kinds: Mapping[str, Kind]
) -> pa.DictionaryArray:
    # Two ids of a part may turn out to be one: 5 and 5.0.
    pieces = [_as_values(part.dictionary) for part in parts]
    ids = _encoded(columns.finish(pieces, spec.column(name), kinds[name]))
    # Values that filters have left behind in a dictionary may have no id; no row has them either.
    codes = ids.indices.fill_null(0).to_numpy()
    bounds = np.cumsum([0, *(len(part.dictionary) for part in parts)])
    joined = [
        codes[start:][part.indices.to_numpy()]
        for part, start in zip(parts, bounds[:-1], strict=True)
    ]
    return pa.DictionaryArray.from_arrays(pa.array(np.concatenate(joined)), ids.dictionary)


def _as_values(dictionary: pa.Array) -> pa.Array:
    """Returns the values of a dictionary as a column in which each stands once."""
    return dictionary if pa.types.is_int64(dictionary.type) else columns.as_text(dictionary)


def _encoded(column: pa.ChunkedArray | pa.Array) -> pa.DictionaryArray:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


def _hash_ids(ids: pa.Array) -> np.ndarray:
    return hashing.hash_array(_canonical(ids))


def _canonical(ids: pa.Array) -> pa.Array:
    """Returns ids as text, alike for 17850, "17850" and "17850.0".

    So a table is divided in the same way whichever type its ids were stored as.
    """
    text = ids.cast(pa.large_string())
    if pc.any(pc.ends_with(text, ".0")).as_py():
        return pc.replace_substring_regex(text, r"^(-?\d+)\.0$", r"\1")
    return text


def query_parts(table_keys: Keys) -> Iterator[np.ndarray]:
    """Yields row numbers, ascending: all rows of some queries, then of others, and so on.

    What takes many bytes a row is done part by part, since a query is never torn.
    """
    parts = -(-len(table_keys) // _ROWS_AT_ONCE)
    if parts <= 1:
        yield np.arange(len(table_keys))
        return
    part = (table_keys.query % parts).astype(np.int16)
    for number in range(parts):
        yield np.flatnonzero(part == number)


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
