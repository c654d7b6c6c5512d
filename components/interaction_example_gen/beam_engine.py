"""Makes Examples of a table with Beam: the engine for what one machine cannot hold.

It gives the same rows in each split as the in-process engine and calls the same functions, on
parts of the table that hold whole queries. It reads the table twice: once for what must be known of
all of it (`beam_facts`), once to divide and write it. Several CSV files, or Parquet row groups, are
read side by side; one CSV file is read by one worker.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence

import apache_beam as beam
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from tfx_retrieval.components.interaction_example_gen import (
    beam_facts,
    beam_read,
    beam_write,
    load,
    report,
    splits,
    staging,
    tables,
)
from tfx_retrieval.components.interaction_example_gen.table_spec import TEMPORAL_SPLIT, TableSpec

ENGINE = "beam"

_FACTS = "facts.json"
_COUNTS = "counts.json"


def make_examples(
    paths: Sequence[str],
    spec: TableSpec,
    examples_uri: str,
    candidates_uri: str,
    make_pipeline: Callable[[], beam.Pipeline],
) -> report.Report:
    """Does what `in_process.make_examples` does, in two pipelines.

    Args:
        paths: Files of the table.
        spec: What to make of it.
        examples_uri: Where the splits of interactions go.
        candidates_uri: Where the split of candidates goes.
        make_pipeline: Makes a pipeline.

    Returns:
        What was made.

    Raises:
        InputError: The table does not fit the spec. Nothing is left at the two places then.
    """
    table_files = tables.open_table(paths, spec)
    units = beam_read.find_units(table_files)
    with (
        staging.staged(examples_uri) as examples_directory,
        staging.staged(candidates_uri) as candidates_directory,
        _scratch(examples_uri) as scratch,
    ):
        facts_path = os.path.join(scratch, _FACTS)
        with make_pipeline() as pipeline:
            beam_facts.find_facts(pipeline, units, spec, facts_path)
        facts = beam_facts.read_facts(facts_path)
        names = ", ".join(file.path for file in table_files)
        bad = tables.BadColumns(facts.bad)
        load.check(names, facts.rows_read, facts.left_out, bad)
        load.report_rows(facts.rows_read, facts.left_out)
        cuts = None
        if spec.split.method == TEMPORAL_SPLIT and facts.times is not None:
            cuts = splits.find_cuts(*facts.times, spec.split)
        plan = beam_write.Plan(spec, facts.kinds, cuts, facts.sample_threshold, facts.rows_read)
        counts_path = os.path.join(scratch, _COUNTS)
        with make_pipeline() as pipeline:
            beam_write.write_examples(
                pipeline,
                units,
                plan,
                examples_directory,
                candidates_directory,
                counts_path,
            )
        result = _report(io_utils.read_string_file(counts_path), facts, spec, cuts)
        report.check_splits(result.splits, spec.split)
    report.log_splits(result)
    return result


@contextlib.contextmanager
def _scratch(uri: str) -> Iterator[str]:
    directory = os.path.join(uri, "_scratch")
    fileio.makedirs(directory)
    try:
        yield directory
    finally:
        fileio.rmtree(directory)


def _report(
    counts_text: str, facts: beam_facts.Facts, spec: TableSpec, cuts: splits.Cuts | None
) -> report.Report:
    counts = json.loads(counts_text)
    split_reports = {
        name: report.SplitReport(**counts["splits"][name]) for name in spec.split.names
    }
    rows_kept = sum(split.rows for split in split_reports.values())
    left_out = dict(facts.left_out)
    if facts.sample_threshold is not None:
        left_out[report.NOT_SAMPLED] = facts.rows_read - sum(left_out.values()) - rows_kept
    return report.Report(
        rows_read=facts.rows_read,
        rows_kept=rows_kept,
        left_out=left_out,
        candidates=counts["candidates"],
        candidates_with_differing_rows=counts["differing"],
        split_method=spec.split.method,
        cuts=cuts,
        splits=split_reports,
        engine=ENGINE,
    )
