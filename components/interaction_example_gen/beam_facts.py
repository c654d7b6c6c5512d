"""First pass of the Beam engine: what must be known of a table before its rows can be divided.

That is the type of each column, bad values, how many rows each rule leaves out, the cuts of a
temporal split, and up to where queries are in the sample. The pass writes one small JSON file.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from tfx.dsl.io import fileio

from tfx_retrieval.components.interaction_example_gen import beam_read, splits, time_counts
from tfx_retrieval.components.interaction_example_gen.columns import Kind
from tfx_retrieval.components.interaction_example_gen.keys import make_keys
from tfx_retrieval.components.interaction_example_gen.table_spec import TEMPORAL_SPLIT, TableSpec
from tfx_retrieval.components.interaction_example_gen.tables import BadColumn, BadColumns


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the first pass finds.

    Attributes:
        rows_read: Rows in the files.
        left_out: Rows left out, by rule.
        kinds: Kind of each column's values.
        bad: Bad values by column.
        times: Rows by time: by second where a cut may fall, by spans elsewhere.
        sample_threshold: See `splits.sample_threshold`.
    """

    rows_read: int
    left_out: dict[str, int]
    kinds: dict[str, Kind]
    bad: dict[str, BadColumn]
    times: time_counts.Counts | None = None
    sample_threshold: int | None = None

    def to_json(self) -> str:
        """Returns the facts as JSON text."""
        value = dataclasses.asdict(self)
        value["times"] = [part.tolist() for part in self.times] if self.times else None
        return json.dumps(value)

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """Reads what `to_json` wrote."""
        value: dict[str, Any] = json.loads(text)
        value["kinds"] = {name: Kind(kind) for name, kind in value["kinds"].items()}
        value["bad"] = {name: BadColumn(**bad) for name, bad in value["bad"].items()}
        if value["times"]:
            value["times"] = tuple(np.array(part, np.int64) for part in value["times"])
        return cls(**value)


def find_facts(
    pipeline: beam.Pipeline, units: list[beam_read.Unit], spec: TableSpec, path: str
) -> None:
    """Adds the first pass to a pipeline.

    Args:
        pipeline: The pipeline.
        units: What is to be read.
        spec: What is to be made of it.
        path: The JSON file to write.
    """
    blocks = pipeline | "Read" >> beam_read.ReadBlocks(units, spec)
    facts = (
        blocks
        | "BlockFacts" >> beam.Map(_block_facts)
        | "MergeFacts" >> beam.CombineGlobally(_merge_facts)
    )
    nothing = pipeline | "Nothing" >> beam.Create([None])
    threshold = times = beam.pvalue.AsSingleton(nothing)
    if spec.sample_rows:
        threshold = beam.pvalue.AsSingleton(_sample_threshold(blocks, spec))
    if spec.split.method == TEMPORAL_SPLIT:
        times = beam.pvalue.AsSingleton(_times(blocks, spec, threshold))
    _ = facts | "Write" >> beam.Map(_write, path, times, threshold)


def read_facts(path: str) -> Facts:
    """Reads what `find_facts` wrote."""
    with fileio.open(path, "r") as file:
        return Facts.from_json(file.read())


def _block_facts(block: beam_read.ReadBlock) -> Facts:
    return Facts(block.rows_read, block.left_out, block.block.kinds, block.bad.columns)


def _merge_facts(parts: Iterable[Facts]) -> Facts:
    rows_read = 0
    left_out: dict[str, int] = {}
    kinds: dict[str, Kind] = {}
    bad = BadColumns()
    for part in parts:
        rows_read += part.rows_read
        for name, count in part.left_out.items():
            left_out[name] = left_out.get(name, 0) + count
        for name, kind in part.kinds.items():
            kinds[name] = max(kinds.get(name, Kind.EMPTY), kind)
        for name, column in part.bad.items():
            bad.add(name, column)
    return Facts(rows_read, left_out, kinds, bad.columns)


def _write(
    facts: Facts, path: str, times: time_counts.Counts | None, threshold: int | None
) -> None:
    facts = dataclasses.replace(facts, times=times, sample_threshold=threshold)
    with fileio.open(path, "w") as file:
        file.write(facts.to_json())


def _sample_threshold(
    blocks: beam.PCollection[beam_read.ReadBlock], spec: TableSpec
) -> beam.PCollection[int | None]:
    """Returns `splits.sample_threshold` of the queries of all blocks."""
    # Each query has a row at least, so that no more than `sample_rows` queries are ever needed; one
    # more shows that there are more.
    most = spec.sample_rows + 1
    return (
        blocks
        | "QueryCounts" >> beam.FlatMap(_query_counts, spec)
        | "SumQueries" >> beam.CombinePerKey(sum)
        | "FirstQueries" >> beam.combiners.Top.Smallest(most)
        | "Threshold" >> beam.Map(_threshold, spec.sample_rows)
    )


def _query_counts(block: beam_read.ReadBlock, spec: TableSpec) -> Iterator[tuple[int, int]]:
    table_keys = make_keys(beam_read.key_table(block, spec), spec)
    counts = np.bincount(table_keys.query, minlength=len(table_keys.query_hash))
    hashes = splits.sample_hash(table_keys.query_hash, spec.split.seed)
    for index in np.flatnonzero(counts):
        yield int(hashes[index]), int(counts[index])


def _threshold(queries: list[tuple[int, int]], sample_rows: int) -> int | None:
    total = 0
    for index, (sample_hash, count) in enumerate(queries):
        total += count
        if total >= sample_rows:
            return sample_hash if index + 1 < len(queries) else None
    return None


def _times(
    blocks: beam.PCollection[beam_read.ReadBlock],
    spec: TableSpec,
    threshold: beam.pvalue.AsSingleton,
) -> beam.PCollection[time_counts.Counts]:
    """Returns rows by time, exact to the second around the cuts."""
    counts = blocks | "Times" >> beam.Map(_block_times, spec, threshold)
    spans = (
        counts
        | "ToSpans" >> beam.Map(time_counts.to_spans)
        | "MergeSpans" >> beam.CombineGlobally(time_counts.merge)
    )
    return (
        counts
        | "ToSecondsOrSpans"
        >> beam.Map(time_counts.refine, beam.pvalue.AsSingleton(spans), spec.split)
        | "MergeTimes" >> beam.CombineGlobally(time_counts.merge)
    )


def _block_times(
    block: beam_read.ReadBlock, spec: TableSpec, threshold: int | None
) -> time_counts.Counts:
    table_keys = make_keys(beam_read.key_table(block, spec), spec)
    times = table_keys.time
    if threshold is not None:
        times = times[splits.sampled(table_keys, spec.split.seed, threshold)]
    return splits.time_counts(times)
