"""Transform without Beam: analyses, graph and transformed examples in this one process.

The transform graph is TensorFlow Transform's own, traced and written by its code; only the loop
over the rows differs. Beam spends most of a run on anything but the rows: a million rows of nine
columns take it two minutes on two cores, and this engine less than ten seconds.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import itertools
import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.utils import io_utils
from tfx_bsl.tfxio import tf_example_record

from tfx_retrieval import read_ahead
from tfx_retrieval.components.transform import records, tft_analyzers, tft_internal

_LOGGER = logging.getLogger("tfx_retrieval.transform")

# Parsed training rows kept from the analysis for the transformation, about six million rows of
# nine columns; data sets beyond it are read twice.
_KEPT_BYTES = 1 << 30
_BATCHES_AHEAD = 2
_PREFIX = "transformed_examples"


@dataclasses.dataclass(frozen=True)
class Split:
    """Rows of one split of one Examples artifact.

    Attributes:
        name: Name of the split.
        files: URIs of its gzip TFRecord files.
        analyze: Whether the analyzers see these rows.
        output_uri: Directory for the transformed rows; empty writes none.
    """

    name: str
    files: tuple[str, ...]
    analyze: bool
    output_uri: str


class InProcessTransform:
    """One preprocessing_fn over one data set."""

    def __init__(
        self,
        preprocessing_fn: tft_internal.PreprocessingFn,
        schema: schema_pb2.Schema,
        directory: str,
    ) -> None:
        """Traces the preprocessing_fn, which may raise anything.

        Args:
            preprocessing_fn: Function of TensorFlow Transform's kind.
            schema: Schema of the raw rows.
            directory: Local directory to work in; the caller removes it.

        Raises:
            tft_analyzers.NeedsBeamError: Its analyzers or the schema need Beam.
        """
        self._schema = schema
        self._directory = directory
        spec = tft_internal.feature_spec(schema)
        type_specs = tft_internal.type_specs(spec)
        # What Beam would feed; schemas can describe tensors that parsing by column cannot make.
        beam = tf_example_record.TFExampleRecord("", schema=schema).TensorAdapter()
        if schema.tensor_representation_group or type_specs != beam.OriginalTypeSpecs():
            raise tft_analyzers.NeedsBeamError("the schema describes tensors of its own")
        self._traced = tft_internal.TracedTransform(
            preprocessing_fn, type_specs, os.path.join(directory, "trace")
        )
        self._columns = self._traced.columns()
        if not self._columns:
            raise tft_analyzers.NeedsBeamError("the module uses no column")
        self._feature_spec = {column: spec[column] for column in self._columns}
        self._phases = self._traced.phases()

    def run(self, splits: Sequence[Split], transform_graph_uri: str) -> None:
        """Analyzes, writes the transform graph and the transformed rows.

        Args:
            splits: What to read.
            transform_graph_uri: Directory for the transform graph.
        """
        sources = {split: self._source(split) for split in splits}
        replacements = self._analyze([sources[split] for split in splits if split.analyze])
        written = [split for split in splits if split.output_uri]
        sources = {split: sources[split] for split in written}
        with (
            concurrent.futures.ThreadPoolExecutor(1) as thread,
            # Rows are read while the graph is traced, and while those before them are transformed.
            read_ahead.read_ahead(_batches(written, sources), _BATCHES_AHEAD) as batches,
        ):
            finished = self._traced.finish(replacements, self._columns)
            graph = thread.submit(self._write_graph, finished, transform_graph_uri)
            self._write_transformed(written, batches, finished)
            graph.result()

    def _write_graph(self, finished: tft_internal.FinishedTransform, uri: str) -> None:
        directory = os.path.join(self._directory, "graph")
        finished.write(directory, self._schema)
        io_utils.copy_dir(directory, uri)

    def _source(self, split: Split) -> records.BatchSource:
        return records.BatchSource(
            split.files,
            self._feature_spec,
            records.batch_rows(split.files),
            _KEPT_BYTES if split.analyze else 0,
        )

    def _analyze(self, sources: Sequence[Iterable[records.Batch]]) -> dict[str, tf.Tensor]:
        """Computes the results of all analyzers, phase by phase."""
        replacements: dict[str, tf.Tensor] = {}
        for number, phase in enumerate(self._phases, start=1):
            start, rows = time.monotonic(), 0
            every_batch = itertools.chain.from_iterable(sources)
            with read_ahead.read_ahead(every_batch, _BATCHES_AHEAD) as batches:
                evaluate = self._traced.analyzer_input_function(phase, replacements, self._columns)
                for batch in batches:
                    rows += records.row_count(batch)
                    for demand, values in zip(phase.inputs, evaluate(batch), strict=True):
                        demand.fold.add(values)
            replacements.update(phase.replacements())
            _LOGGER.info(
                "analyzed %s rows with %d analyzers%s in %.1f s",
                f"{rows:,}",
                len(phase.inputs),
                f" (pass {number} of {len(self._phases)})" if len(self._phases) > 1 else "",
                time.monotonic() - start,
            )
        return replacements

    def _write_transformed(
        self,
        splits: Sequence[Split],
        batches: Iterable[tuple[Split, records.Batch]],
        finished: tft_internal.FinishedTransform,
    ) -> None:
        """Writes the transformed rows of all splits; the last of one beside the first of another.

        Args:
            splits: What to write.
            batches: Their parsed rows.
            finished: What to do with them.
        """
        start, rows = time.monotonic(), dict.fromkeys(splits, 0)
        converter = tft_internal.arrow_converter(finished.schema)
        directories = {
            split: os.path.join(self._directory, "examples", str(number))
            for number, split in enumerate(splits)
        }
        with contextlib.ExitStack() as stack:
            writers = {
                split: stack.enter_context(
                    records.ExampleWriter(directory, _PREFIX, finished.schema)
                )
                for split, directory in directories.items()
            }
            for split, batch in batches:
                transformed = converter.convert(dict(finished.transform(batch)))
                rows[split] += transformed.num_rows
                writers[split].write(transformed)
        for split, directory in directories.items():
            io_utils.copy_dir(directory, split.output_uri)
            shutil.rmtree(directory)
        _LOGGER.info(
            "transformed %s in %.1f s",
            ", ".join(f"{rows[split]:,} rows of split {split.name}" for split in splits),
            time.monotonic() - start,
        )


def _batches(
    splits: Iterable[Split], sources: dict[Split, records.BatchSource]
) -> Iterator[tuple[Split, records.Batch]]:
    """Yields the rows of splits; what is kept of one is let go when it has been taken."""
    for split in splits:
        for batch in sources.pop(split):
            yield split, batch
