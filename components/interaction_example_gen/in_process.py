"""Makes Examples of a table in this process: the engine for one machine.

The table is read once, in blocks, and set aside sorted (see `sorted_rows`); Examples are made and
written some thousand rows at a time. What stays in memory for each row is who met what and when, 16
bytes, and its split, one byte; to divide rows and to describe the splits needs about as much again
for a while, and history columns 12 bytes. What is kept of the columns does not grow with the rows,
but with the distinct queries and candidates: ids, and one row for each candidate.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from tfx_retrieval.components.interaction_example_gen import (
    candidates,
    examples,
    history,
    load,
    report,
    splits,
    staging,
    tfrecords,
    time_counts,
)
from tfx_retrieval.components.interaction_example_gen.example_encoder import ExampleEncoder
from tfx_retrieval.components.interaction_example_gen.keys import Keys
from tfx_retrieval.components.interaction_example_gen.sorted_rows import (
    Piece,
    SortedRows,
    read_sorted,
)
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    CANDIDATES,
    TEMPORAL_SPLIT,
    TableSpec,
)

_logger = logging.getLogger("tfx_retrieval.interaction_example_gen")

ENGINE = "in_process"


def make_examples(
    paths: Sequence[str], spec: TableSpec, examples_uri: str, candidates_uri: str
) -> report.Report:
    """Reads a table and writes its interactions and candidates as Examples.

    Args:
        paths: Files of the table.
        spec: What to make of it.
        examples_uri: Where the splits of interactions go.
        candidates_uri: Where the split of candidates goes.

    Returns:
        What was made.

    Raises:
        InputError: The table does not fit the spec. Nothing is left at the two places then.
    """
    with tempfile.TemporaryDirectory(prefix="tfx-retrieval-") as scratch:
        rows, table_keys, found = read_sorted(paths, spec, scratch)
        table_keys, left_out = _sample(rows, table_keys, found, spec)
        cuts = None
        if spec.split.method == TEMPORAL_SPLIT:
            counts = time_counts.count_for_cuts(table_keys.time, spec.split)
            cuts = splits.find_cuts(*counts, spec.split)
        split_codes = splits.assign(table_keys, spec.split, cuts)
        catalogue, picked = candidates.pick(
            rows.runs(spec.candidate_columns), table_keys, split_codes
        )
        names = spec.split.names
        split_reports = report.describe_splits(table_keys, split_codes, picked.splits, names)
        report.check_splits(split_reports, spec.split)
        result = report.Report(
            rows_read=found.rows_read,
            rows_kept=len(table_keys),
            left_out=left_out,
            candidates=len(picked.rows),
            candidates_with_differing_rows=int(picked.differs.sum()),
            split_method=spec.split.method,
            cuts=cuts,
            splits=split_reports,
            engine=ENGINE,
        )
        report.log_splits(result)
        with (
            staging.staged(examples_uri) as examples_directory,
            staging.staged(candidates_uri) as candidates_directory,
        ):
            _write_splits(rows, table_keys, split_codes, spec, examples_directory)
            _write_candidates(catalogue, spec, candidates_directory)
    return result


def _sample(
    rows: SortedRows, table_keys: Keys, found: load.Found, spec: TableSpec
) -> tuple[Keys, dict[str, int]]:
    """Leaves out rows outside the sample; returns the keys of the others, and counts by rule."""
    if not spec.sample_rows:
        return table_keys, found.left_out
    counts = np.bincount(table_keys.query, minlength=len(table_keys.query_hash))
    seed = spec.split.seed
    threshold = splits.sample_threshold(table_keys.query_hash, counts, seed, spec.sample_rows)
    if threshold is None:
        return table_keys, found.left_out
    kept = splits.sampled(table_keys, seed, threshold)
    left_out = {**found.left_out, report.NOT_SAMPLED: int((~kept).sum())}
    _logger.info("sampled %s rows, of whole queries", f"{kept.sum():,}")
    rows.keep(kept)
    return table_keys.take(np.flatnonzero(kept)), left_out


def _write_splits(
    rows: SortedRows, table_keys: Keys, split_codes: np.ndarray, spec: TableSpec, directory: str
) -> None:
    counts = np.bincount(split_codes, minlength=len(spec.split.names))
    for code, name in enumerate(spec.split.names):
        encoder_of = _piece_encoders(table_keys, split_codes, code, spec)
        ranges = rows.ranges(split_codes, code, tfrecords.shard_bounds(int(counts[code])))
        shards = [_records(rows.read(wanted, split_codes, code), encoder_of) for wanted in ranges]
        tfrecords.write_files(staging.split_directory(directory, name), shards)


def _piece_encoders(
    table_keys: Keys, split_codes: np.ndarray, code: int, spec: TableSpec
) -> Callable[[Piece], ExampleEncoder]:
    """Returns a function that makes the encoder of some rows of a split."""
    met = values = None
    if spec.histories:
        met = history.make_history(table_keys, split_codes, code)
        values = examples.candidate_values(table_keys)

    def encoder_of(piece: Piece) -> ExampleEncoder:
        encoder = examples.column_encoder(piece.table, spec.example_columns)
        if met is not None and values is not None:
            examples.add_histories(encoder, spec, values, met, piece.numbers)
        return encoder

    return encoder_of


def _records(
    pieces: Iterable[Piece], encoder_of: Callable[[Piece], ExampleEncoder]
) -> Iterator[pa.Array]:
    """Yields the records of some rows."""
    for piece in pieces:
        yield from tfrecords.encoded(piece.order, encoder_of(piece).encode)


def _write_candidates(catalogue: pa.Table, spec: TableSpec, directory: str) -> None:
    numbers = np.arange(catalogue.num_rows)
    numbers = candidates.sort_by_id(catalogue, numbers, spec.candidate_id)
    encoder = examples.column_encoder(catalogue, spec.candidate_columns)
    path = staging.split_directory(directory, CANDIDATES)
    tfrecords.write_shards(path, numbers, encoder.encode)
