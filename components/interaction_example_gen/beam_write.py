"""Second pass of the Beam engine: divides the rows and writes Examples."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from tfx.dsl.io import fileio

from tfx_retrieval.components.interaction_example_gen import (
    beam_read,
    candidates,
    examples,
    report,
    splits,
    staging,
)
from tfx_retrieval.components.interaction_example_gen.columns import Kind
from tfx_retrieval.components.interaction_example_gen.keys import Keys, make_keys
from tfx_retrieval.components.interaction_example_gen.table_spec import CANDIDATES, TableSpec

# Queries, and candidates, are spread over groups that one worker each handles as a table.
_ROWS_PER_GROUP = 100_000
_MIN_GROUPS, _MAX_GROUPS = 4, 10_000

_FILE_NAME = "data_tfrecord"
_COUNTS = "counts"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be made, with what the first pass found.

    Attributes:
        spec: What is to be made.
        kinds: Kind of each column's values.
        cuts: Cuts of a temporal split.
        sample_threshold: See `splits.sample_threshold`.
        rows: Rows in the files.
    """

    spec: TableSpec
    kinds: dict[str, Kind]
    cuts: splits.Cuts | None
    sample_threshold: int | None
    rows: int

    @property
    def groups(self) -> int:
        """Over how many groups queries, and candidates, are spread."""
        return min(max(self.rows // _ROWS_PER_GROUP, _MIN_GROUPS), _MAX_GROUPS)


@dataclasses.dataclass(frozen=True)
class Part:
    """Some rows of a table.

    Attributes:
        table: The rows.
        position: int64 [n], where each row stands in the whole table.
        splits: uint8 [n], splits that the row stands for, as bits; only for picked candidates.
        differs: bool [n], whether other rows of the candidate differ; only for picked candidates.
    """

    table: pa.Table
    position: np.ndarray
    splits: np.ndarray | None = None
    differs: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Part:
        """Returns some of the rows."""
        return Part(
            self.table.take(pa.array(rows)),
            self.position[rows],
            None if self.splits is None else self.splits[rows],
            None if self.differs is None else self.differs[rows],
        )


def write_examples(
    pipeline: beam.Pipeline,
    units: list[beam_read.Unit],
    plan: Plan,
    examples_directory: str,
    candidates_directory: str,
    counts_path: str,
) -> None:
    """Adds the second pass to a pipeline.

    Args:
        pipeline: The pipeline.
        units: What is to be read.
        plan: What is to be made of it.
        examples_directory: Where the splits of interactions go.
        candidates_directory: Where the split of candidates goes.
        counts_path: JSON file to write with the figures of the splits.
    """
    names = plan.spec.split.names
    divided = (
        pipeline
        | "Read" >> beam_read.ReadBlocks(units, plan.spec)
        | "ByQuery" >> beam.FlatMap(_by_query, plan)
        | "GroupQueries" >> beam.GroupByKey()
        | "Divide" >> beam.FlatMap(_divide, plan).with_outputs(CANDIDATES, _COUNTS, *names)
    )
    for name in names:
        _write_split(divided[name], examples_directory, name)
    found = (
        divided[CANDIDATES]
        | "GroupCandidates" >> beam.GroupByKey()
        | "Pick" >> beam.FlatMap(_pick, plan).with_outputs(_COUNTS, main=CANDIDATES)
    )
    _write_split(found[CANDIDATES], candidates_directory, CANDIDATES)
    _ = (
        (divided[_COUNTS], found[_COUNTS])
        | "AllCounts" >> beam.Flatten()
        | "MergeCounts" >> beam.CombineGlobally(_merge_counts)
        | "WriteCounts" >> beam.Map(_write_json, counts_path)
    )


def _write_split(records: beam.PCollection[bytes], directory: str, name: str) -> None:
    path = os.path.join(staging.split_directory(directory, name), _FILE_NAME)
    _ = (
        records
        | f"Shuffle[{name}]" >> beam.Reshuffle()
        | f"Write[{name}]" >> beam.io.WriteToTFRecord(path, file_name_suffix=".gz")
    )


def _by_query(read: beam_read.ReadBlock, plan: Plan) -> Iterator[tuple[int, Part]]:
    """Yields the rows of a block in groups of whole queries."""
    spec = plan.spec
    table = beam_read.finished_table(read, spec, plan.kinds)
    part = Part(table, read.positions)
    table_keys = make_keys(table, spec)
    if plan.sample_threshold is not None:
        kept = splits.sampled(table_keys, spec.split.seed, plan.sample_threshold)
        rows = np.flatnonzero(kept)
        part, table_keys = part.take(rows), table_keys.take(rows)
    yield from _grouped(part, table_keys.query_hash[table_keys.query], plan.groups)


def _grouped(part: Part, hashes: np.ndarray, groups: int) -> Iterator[tuple[int, Part]]:
    group = (hashes % np.uint64(groups)).astype(np.int64)
    order = np.argsort(group, kind="stable")
    part, group = part.take(order), group[order]
    bounds = np.flatnonzero(np.diff(group, prepend=-1, append=-1))
    for start, stop in itertools.pairwise(bounds):
        yield int(group[start]), part.take(np.arange(start, stop))


def _join(parts: Iterable[Part]) -> Part:
    """Returns several parts as one, in the order of the whole table."""
    parts = list(parts)
    joined = Part(
        pa.concat_tables([part.table for part in parts]).combine_chunks(),
        np.concatenate([part.position for part in parts]),
        _concatenate([part.splits for part in parts]),
        _concatenate([part.differs for part in parts]),
    )
    return joined.take(np.argsort(joined.position))


def _concatenate(arrays: list[np.ndarray | None]) -> np.ndarray | None:
    known = [array for array in arrays if array is not None]
    return np.concatenate(known) if known else None


def _divide(group: tuple[int, Iterable[Part]], plan: Plan) -> Iterator[beam.pvalue.TaggedOutput]:
    """Divides the rows of some queries; yields records, candidates and figures."""
    spec = plan.spec
    part = _join(group[1])
    table_keys = make_keys(part.table, spec)
    codes = splits.assign(table_keys, spec.split, plan.cuts)
    for name, rows, encoder in examples.split_rows(part.table, table_keys, codes, spec):
        for record in encoder.encode(rows).to_numpy(zero_copy_only=False):
            yield beam.pvalue.TaggedOutput(name, record)
    bits = report.split_bits(codes)
    found = candidates.find_candidates(part.table, table_keys, spec.candidate_columns, bits)
    picked = dataclasses.replace(part.take(found.rows), splits=found.splits, differs=found.differs)
    hashes = table_keys.candidate_hash[table_keys.candidate[found.rows]]
    for item in _grouped(picked, hashes, plan.groups):
        yield beam.pvalue.TaggedOutput(CANDIDATES, item)
    # A candidate may be in several groups; `_pick` counts it once.
    nowhere = np.zeros(0, np.uint8)
    split_reports = report.describe_splits(table_keys, codes, nowhere, spec.split.names)
    counts = {"splits": {name: dataclasses.asdict(r) for name, r in split_reports.items()}}
    yield beam.pvalue.TaggedOutput(_COUNTS, counts)


def _pick(group: tuple[int, Iterable[Part]], plan: Plan) -> Iterator[Any]:
    """Picks the row of each candidate out of those of the groups; yields records and figures."""
    spec = plan.spec
    part = _join(group[1])
    table_keys: Keys = make_keys(part.table, spec)
    if part.splits is None or part.differs is None:
        raise ValueError("candidates come without the splits they are in")
    found = candidates.find_candidates(
        part.table, table_keys, spec.candidate_columns, part.splits, part.differs
    )
    chosen = part.table.take(pa.array(found.rows))
    encoder = examples.column_encoder(chosen, spec.candidate_columns)
    yield from encoder.encode(np.arange(len(found.rows))).to_numpy(zero_copy_only=False)
    counts = {
        "candidates": len(found.rows),
        "differing": int(found.differs.sum()),
        "splits": report.candidate_counts(found.splits, spec.split.names),
    }
    yield beam.pvalue.TaggedOutput(_COUNTS, counts)


def _merge_counts(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Adds figures up; the first and the last time become the earliest and the latest."""
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            merged[name] = _merge_value(name, merged.get(name), value)
    return merged


def _merge_value(name: str, first: Any, second: Any) -> Any:
    if first is None or second is None:
        return second if first is None else first
    if isinstance(second, dict):
        return _merge_counts([first, second])
    if name == "first_time":
        return min(first, second)
    if name == "last_time":
        return max(first, second)
    return first + second


def _write_json(value: dict[str, Any], path: str) -> None:
    with fileio.open(path, "w") as file:
        file.write(json.dumps(value))
