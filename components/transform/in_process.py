"""Transform without Beam: analyses, graph and transformed examples in this one process.

The transform graph is TensorFlow Transform's own, traced and written by its code; only the loop
over the rows differs. Beam spends most of a run on anything but the rows: a million rows of nine
columns take it two minutes on two cores, and this engine less than ten seconds.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
import shutil
import time
from collections.abc import Iterable, Sequence

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.utils import io_utils
from tfx_bsl.tfxio import tf_example_record

from tfx_retrieval.components.transform import records, tft_internal

_LOGGER = logging.getLogger("tfx_retrieval.transform")

# Parsed training rows kept from the analysis for the transformation, about six million rows of
# nine columns; data sets beyond it are read twice.
_KEPT_BYTES = 1 << 30
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
            tft_internal.NeedsBeamError: Its analyzers or the schema need Beam.
        """
        self._schema = schema
        self._directory = directory
        spec = tft_internal.feature_spec(schema)
        type_specs = tft_internal.type_specs(spec)
        # What Beam would feed; schemas can describe tensors that parsing by column cannot make.
        beam = tf_example_record.TFExampleRecord("", schema=schema).TensorAdapter()
        if schema.tensor_representation_group or type_specs != beam.OriginalTypeSpecs():
            raise tft_internal.NeedsBeamError("the schema describes tensors of its own")
        self._traced = tft_internal.TracedTransform(
            preprocessing_fn, type_specs, os.path.join(directory, "trace")
        )
        self._columns = self._traced.columns()
        if not self._columns:
            raise tft_internal.NeedsBeamError("the module uses no column")
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
        graph = os.path.join(self._directory, "graph")
        self._traced.write(graph, self._schema, replacements)
        io_utils.copy_dir(graph, transform_graph_uri)
        transform = tft_internal.load_transform_function(graph, self._columns)
        schema = tft.TFTransformOutput(graph).transformed_metadata.schema
        for split in splits:
            source = sources.pop(split)
            if split.output_uri:
                self._write_transformed(split, source, transform, schema)

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
            evaluate = self._traced.analyzer_input_function(phase, replacements, self._columns)
            for batch in itertools.chain.from_iterable(sources):
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
        split: Split,
        source: Iterable[records.Batch],
        transform: tft_internal.BatchFn,
        schema: schema_pb2.Schema,
    ) -> None:
        """Writes the transformed rows of one split."""
        start, rows = time.monotonic(), 0
        converter = tft_internal.arrow_converter(schema)
        directory = os.path.join(self._directory, "examples")
        with records.ExampleWriter(directory, _PREFIX, schema) as writer:
            for batch in source:
                transformed = converter.convert(dict(transform(batch)))
                rows += transformed.num_rows
                writer.write(transformed)
        io_utils.copy_dir(directory, split.output_uri)
        shutil.rmtree(directory)
        _LOGGER.info(
            "transformed %s rows of split %s in %.1f s",
            f"{rows:,}",
            split.name,
            time.monotonic() - start,
        )
