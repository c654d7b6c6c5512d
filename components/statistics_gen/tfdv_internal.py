"""Statistics of record batches, with the generators of TensorFlow Data Validation (TFDV).

The only module that calls what TFDV does not document: the list of its default generators and
the helpers that make its protos. Beam's results are exact counts of string values, while TFDV's
own in-memory path estimates them; `_ExactTopK` counts.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_data_validation import types as tfdv_types
from tensorflow_data_validation.arrow import arrow_util
from tensorflow_data_validation.statistics import stats_impl, stats_options
from tensorflow_data_validation.statistics.generators import (
    stats_generator,
    top_k_uniques_sketch_stats_generator,
)
from tensorflow_data_validation.utils import (
    schema_util,
    stats_util,
    top_k_uniques_stats_util,
)
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx_bsl.arrow import array_util

from tfx_retrieval.components.transform import analysis

_Counts = dict[tfdv_types.FeaturePath, analysis.TermCounts]
_SCALARS = (statistics_pb2.FeatureNameStatistics.STRING, statistics_pb2.FeatureNameStatistics.INT)


def schema_needs_beam(schema: schema_pb2.Schema) -> bool:
    """Says whether a schema asks for more than the default statistics of plain features."""
    return bool(
        schema.sparse_feature
        or schema.weighted_feature
        or schema.tensor_representation_group
        or any(
            feature.HasField("struct_domain")
            or feature.HasField("natural_language_domain")
            or feature.HasField("validation_derived_source")
            for feature in schema.feature
        )
    )


def statistics_of(
    batches: Iterable[pa.RecordBatch], schema: schema_pb2.Schema | None
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Computes TFDV's default statistics.

    Args:
        batches: Decoded tf.Examples.
        schema: Schema of the examples, if there is one.

    Returns:
        The statistics, as `tfdv.GenerateStatistics` makes them.
    """
    options = stats_options.StatsOptions(schema=schema)
    sketch = top_k_uniques_sketch_stats_generator.TopKUniquesSketchStatsGenerator
    generators: list[stats_generator.CombinerStatsGenerator] = [
        generator
        for generator in stats_impl.get_generators(options, in_memory=True)
        if not isinstance(generator, sketch)
    ]
    generators.append(_ExactTopK(options))
    accumulators = [generator.create_accumulator() for generator in generators]
    for batch in batches:
        for index, generator in enumerate(generators):
            accumulators[index] = generator.add_input(accumulators[index], batch)
    return stats_impl.extract_statistics_output(accumulators, generators)


class _ExactTopK(stats_generator.CombinerStatsGenerator):
    """The most frequent values and the number of distinct ones of categorical features."""

    def __init__(self, options: stats_options.StatsOptions) -> None:
        super().__init__("ExactTopK", options.schema)
        self._options = options
        schema = options.schema
        self._bytes_features = frozenset(schema_util.get_bytes_features(schema) if schema else ())
        self._categorical_numbers = (
            schema_util.get_categorical_numeric_feature_types(schema) if schema else {}
        )

    def create_accumulator(self) -> _Counts:
        return {}

    def add_input(self, accumulator: _Counts, input_record_batch: pa.RecordBatch) -> _Counts:
        for path, leaf, _ in arrow_util.enumerate_arrays(
            input_record_batch, example_weight_map=None, enumerate_leaves_only=True
        ):
            if self._is_categorical(path, leaf):
                values, _ = array_util.flatten_nested(leaf)
                counted = values.value_counts()
                accumulator.setdefault(path, analysis.TermCounts()).add(
                    [counted.field("values"), counted.field("counts")]
                )
        return accumulator

    def _is_categorical(self, path: tfdv_types.FeaturePath, leaf: pa.Array) -> bool:
        kind = stats_util.get_feature_type_from_arrow_type(path, leaf.type)
        if path in self._bytes_features or kind not in _SCALARS:
            return False
        if kind == statistics_pb2.FeatureNameStatistics.STRING:
            return True
        return top_k_uniques_stats_util.output_categorical_numeric(
            self._categorical_numbers, path, kind
        )

    def merge_accumulators(self, accumulators: Iterable[_Counts]) -> _Counts:
        raise AssertionError("The batches of a split are folded into one accumulator.")

    def extract_output(self, accumulator: _Counts) -> statistics_pb2.DatasetFeatureStatistics:
        result = statistics_pb2.DatasetFeatureStatistics()
        options = self._options
        kept = max(options.num_top_values, options.num_rank_histogram_buckets)
        for path, counts in accumulator.items():
            table = counts.table()
            if table is None:
                continue
            keys = [("count", "descending"), ("term", "descending")]
            top = table.take(pc.sort_indices(table, sort_keys=keys).slice(0, kept))
            result.features.append(
                top_k_uniques_stats_util.make_feature_stats_proto_topk_uniques(
                    feature_path=path,
                    num_top_values=options.num_top_values,
                    num_rank_histogram_buckets=options.num_rank_histogram_buckets,
                    num_unique=table.num_rows,
                    value_count_list=[
                        top_k_uniques_stats_util.FeatureValueCount(term, count)
                        for term, count in zip(
                            top["term"].to_pylist(), top["count"].to_pylist(), strict=True
                        )
                    ],
                    frequency_threshold=options.frequency_threshold,
                )
            )
        return result
