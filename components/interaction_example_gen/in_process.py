"""Makes Examples of a table in this process: the engine for what fits on one machine.

Memory holds the table's kept columns (see `load`) and a few integers for each row; the Examples
themselves are made and written a few thousand rows at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tfx_retrieval.components.interaction_example_gen import (
    candidates,
    examples,
    load,
    report,
    splits,
    staging,
    tfrecords,
)
from tfx_retrieval.components.interaction_example_gen.keys import make_keys
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
    loaded = load.load(paths, spec)
    table, left_out = _sample(loaded, spec)
    table_keys = make_keys(table, spec)
    cuts = None
    if spec.split.method == TEMPORAL_SPLIT:
        cuts = splits.find_cuts(*splits.time_counts(table_keys.time), spec.split)
    split_codes = splits.assign(table_keys, spec.split, cuts)
    bits = report.split_bits(split_codes)
    found = candidates.find_candidates(table, table_keys, spec.candidate_columns, bits)
    names = spec.split.names
    split_reports = report.describe_splits(table_keys, split_codes, found.splits, names)
    report.check_splits(split_reports, spec.split)
    result = report.Report(
        rows_read=loaded.rows_read,
        rows_kept=table.num_rows,
        left_out=left_out,
        candidates=len(found.rows),
        candidates_with_differing_rows=int(found.differs.sum()),
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
        for name, rows, encoder in examples.split_rows(table, table_keys, split_codes, spec):
            path = staging.split_directory(examples_directory, name)
            tfrecords.write_shards(path, rows, encoder.encode)
        rows = candidates.sort_by_id(table, found.rows, spec.candidate_id)
        chosen = table.take(pa.array(rows))
        encoder = examples.column_encoder(chosen, spec.candidate_columns)
        path = staging.split_directory(candidates_directory, CANDIDATES)
        tfrecords.write_shards(path, np.arange(len(rows)), encoder.encode)
    return result


def _sample(loaded: load.Loaded, spec: TableSpec) -> tuple[pa.Table, dict[str, int]]:
    """Returns the rows of the sample and how many rows each rule left out."""
    if not spec.sample_rows:
        return loaded.table, loaded.left_out
    table_keys = make_keys(loaded.table, spec)
    counts = np.bincount(table_keys.query, minlength=len(table_keys.query_hash))
    seed = spec.split.seed
    threshold = splits.sample_threshold(table_keys.query_hash, counts, seed, spec.sample_rows)
    if threshold is None:
        return loaded.table, loaded.left_out
    kept = splits.sampled(table_keys, seed, threshold)
    left_out = {**loaded.left_out, report.NOT_SAMPLED: int((~kept).sum())}
    _logger.info("sampled %s rows, of whole queries", f"{kept.sum():,}")
    return loaded.table.filter(pa.array(kept)), left_out
