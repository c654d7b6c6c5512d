"""Full-pass analyses folded batch by batch: terms and their counts, vocabularies, combiners.

Nothing here knows TensorFlow Transform; `tft_internal` maps its analyzers to these.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Batches' counts are merged once they hold this many terms, or as many as are known already: the
# work stays linear and the memory within a small multiple of the distinct terms.
_MERGE_AT_TERMS = 1 << 20
_WRITE_TERMS = 1 << 20


class Fold(Protocol):
    """Something that takes the batches of one pass, one after the other."""

    def add(self, values: Sequence[np.ndarray]) -> None:
        """Folds in the values of one batch."""


class TermCounts:
    """How often each term occurs."""

    def __init__(self) -> None:
        """Starts without terms."""
        self._merged: pa.Table | None = None
        self._pending: list[pa.Table] = []
        self._pending_terms = 0

    def add(self, values: Sequence[np.ndarray | pa.Array]) -> None:
        """Adds the distinct terms of one batch.

        Args:
            values: Terms [n], bytes or integers, and their counts [n], int.
        """
        terms, counts = values
        if not len(terms):
            return
        self._pending.append(
            pa.table({"term": _as_terms(terms), "count": _as_array(counts).cast(pa.int64())})
        )
        self._pending_terms += len(terms)
        known = self._merged.num_rows if self._merged is not None else 0
        if self._pending_terms >= max(_MERGE_AT_TERMS, known):
            self._merge()

    def table(self) -> pa.Table | None:
        """Returns columns `term` and `count`, each term once, unordered; None without terms."""
        if self._pending:
            self._merge()
        return self._merged

    def __len__(self) -> int:
        """Returns the number of distinct terms."""
        table = self.table()
        return 0 if table is None else table.num_rows

    def _merge(self) -> None:
        tables = [*([self._merged] if self._merged is not None else []), *self._pending]
        summed = pa.concat_tables(tables).group_by("term").aggregate([("count", "sum")])
        summed = summed.select(["term", "count_sum"]).rename_columns(["term", "count"])
        self._merged = summed.combine_chunks()
        self._pending, self._pending_terms = [], 0


def _as_terms(terms: np.ndarray | pa.Array) -> pa.Array:
    array = _as_array(terms)
    # Terms of many batches together may pass 2 GiB, so the offsets have 64 bits.
    return array.cast(pa.int64() if pa.types.is_integer(array.type) else pa.large_binary())


def _as_array(values: np.ndarray | pa.Array) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values)


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The terms of `counts` that pass the limits, most frequent first.

    Ties are broken by the term's bytes, descending; integers count as their decimal text, the
    order of `tft.vocabulary`.

    Attributes:
        counts: Terms and counts of the whole pass.
        top_k: Keep that many terms at most; None keeps all.
        frequency_threshold: Keep terms with at least this count.
    """

    counts: TermCounts
    top_k: int | None = None
    frequency_threshold: float = 0

    @functools.cached_property
    def rows(self) -> pa.Table:
        """Columns `term` (large_binary) and `count` (int64), in the vocabulary's order."""
        table = self.counts.table()
        if table is None:
            return pa.table(
                {"term": pa.array([], pa.large_binary()), "count": pa.array([], pa.int64())}
            )
        if self.frequency_threshold > 0:
            table = table.filter(pc.greater_equal(table["count"], self.frequency_threshold))
        term = table["term"]
        if not pa.types.is_large_binary(term.type):
            term = pc.cast(pc.cast(term, pa.large_string()), pa.large_binary())
        table = pa.table({"term": term, "count": table["count"]})
        order = pc.sort_indices(table, sort_keys=[("count", "descending"), ("term", "descending")])
        if self.top_k is not None:
            order = order.slice(0, self.top_k)
        return table.take(order)

    def __len__(self) -> int:
        """Returns the number of terms kept."""
        return self.rows.num_rows


@dataclasses.dataclass(frozen=True)
class VocabularyFile:
    """A vocabulary as a text file, one term a line.

    Attributes:
        vocabulary: What it holds.
        path: Local path.
        store_frequency: Writes `count term` instead of `term`.
        placeholder: Count and term that stand for an empty vocabulary, which no lookup table
            accepts.
    """

    vocabulary: Vocabulary
    path: str
    store_frequency: bool
    placeholder: tuple[int, bytes]

    def write(self) -> str:
        """Writes the file.

        Returns:
            `path`.
        """
        rows = self.vocabulary.rows
        if not rows.num_rows:
            count, term = self.placeholder
            rows = pa.table(
                {"term": pa.array([term], pa.large_binary()), "count": pa.array([count])}
            )
        lines = rows["term"]
        if self.store_frequency:
            counts = pc.cast(pc.cast(rows["count"], pa.large_string()), pa.large_binary())
            lines = pc.binary_join_element_wise(counts, lines, pa.scalar(b" ", pa.large_binary()))
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "wb") as file:
            for start in range(0, len(lines), _WRITE_TERMS):
                file.writelines(
                    line + b"\n" for line in lines.slice(start, _WRITE_TERMS).to_pylist()
                )
        return self.path


class Combiner(Protocol):
    """The part of TensorFlow Transform's combiners that is used."""

    def create_accumulator(self) -> Any:
        """Returns an empty accumulator."""

    def add_input(self, accumulator: Any, batch_values: Sequence[np.ndarray]) -> Any:
        """Returns the accumulator with one batch more."""

    def merge_accumulators(self, accumulators: Sequence[Any]) -> Any:
        """Returns one accumulator for several."""

    def compact(self, accumulator: Any) -> Any:
        """Returns the accumulator in a smaller form."""

    def extract_output(self, accumulator: Any) -> Sequence[np.ndarray]:
        """Returns the results."""


class CombinerFold:
    """Folds batches with a combiner, the same calls in the same order as under Beam."""

    def __init__(self, combiner: Combiner) -> None:
        """Starts with an empty accumulator."""
        self._combiner = combiner
        self._accumulator = combiner.create_accumulator()

    def add(self, values: Sequence[np.ndarray]) -> None:
        """Adds one batch of the combiner's inputs."""
        self._accumulator = self._combiner.add_input(self._accumulator, values)

    @functools.cached_property
    def outputs(self) -> Sequence[np.ndarray]:
        """The combiner's results; no batch may be added after they were read."""
        combiner = self._combiner
        merged = combiner.merge_accumulators(
            [combiner.create_accumulator(), combiner.compact(self._accumulator)]
        )
        return combiner.extract_output(merged)
