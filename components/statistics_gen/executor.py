"""StatisticsGen executor: in this process where that gives the same results, TFX's own otherwise.

It subclasses TFX's StatisticsGen executor and uses helpers beside it (`examples_utils`,
`tfxio_utils`), which TFX keeps without promising to.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.statistics_gen import executor as tfx_executor
from tfx.components.util import examples_utils, tfxio_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, json_utils

from tfx_retrieval.components.interaction_example_gen import describe
from tfx_retrieval.components.statistics_gen import reading, tfdv_internal
from tfx_retrieval.components.transform import engine as engines
from tfx_retrieval.components.transform import records
from tfx_retrieval.errors import InputError, Problem

_LOGGER = logging.getLogger("tfx_retrieval.statistics_gen")
_KEYS = standard_component_specs

Artifacts = dict[str, list[types.Artifact]]


class Executor(tfx_executor.Executor):
    """Computes statistics of each split of the examples."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes `Split-<name>/FeatureStats.pb` for each split that is not excluded.

        Args:
            input_dict: `examples`, optionally `schema`.
            output_dict: `statistics`.
            exec_properties: Parameters of TFX's StatisticsGen.

        Raises:
            InputError: A split has no files.
        """
        schema = _schema(input_dict)
        obstacles = [
            *engines.beam_obstacles(self._beam_pipeline_args, self._make_beam_pipeline_fn),
            *_obstacles(input_dict, exec_properties, schema),
        ]
        statistics = artifact_utils.get_single_instance(output_dict[_KEYS.STATISTICS_KEY])
        if obstacles:
            engines.record(_LOGGER, statistics, engines.BEAM, "; ".join(obstacles))
            super().Do(input_dict, output_dict, exec_properties)
            return
        engines.record(_LOGGER, statistics, engines.IN_PROCESS, "default statistics of examples")
        examples = artifact_utils.get_single_instance(input_dict[_KEYS.EXAMPLES_KEY])
        excluded = json_utils.loads(exec_properties.get(_KEYS.EXCLUDE_SPLITS_KEY) or "null") or []
        names = artifact_utils.decode_split_names(examples.split_names)
        splits = [name for name in names if name not in excluded]
        if not splits:
            raise InputError(
                Problem(
                    where=f"examples {examples.uri}",
                    received=f"the splits {names}, all of them in exclude_splits",
                    expected="a split to describe",
                )
            )
        _set_properties(statistics, examples, splits)
        for split in splits:
            _write_statistics(examples, statistics, split, schema)


def _schema(input_dict: Artifacts) -> schema_pb2.Schema | None:
    if not input_dict.get(_KEYS.SCHEMA_KEY):
        return None
    uri = artifact_utils.get_single_uri(input_dict[_KEYS.SCHEMA_KEY])
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uri))


def _obstacles(
    input_dict: Artifacts, exec_properties: dict[str, Any], schema: schema_pb2.Schema | None
) -> list[str]:
    """Returns what asks for TFX's executor."""
    examples = artifact_utils.get_single_instance(input_dict[_KEYS.EXAMPLES_KEY])
    payload_format, _ = tfxio_utils.resolve_payload_format_and_data_view_uri([examples])
    sample_rates = exec_properties.get(_KEYS.SAMPLE_RATE_BY_SPLIT_KEY) or "null"
    checks = {
        "stats_options are given": exec_properties.get(_KEYS.STATS_OPTIONS_JSON_KEY),
        "sampling is asked for": json_utils.loads(sample_rates),
        "sharded output is asked for": exec_properties.get(_KEYS.SHARDED_STATS_OUTPUT_KEY),
        "the schema asks for more than default statistics": schema is not None
        and tfdv_internal.schema_needs_beam(schema),
        "the examples have their own file patterns": examples.has_custom_property(
            examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME
        ),
        "the examples are not tf.train.Examples": payload_format
        != example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE,
        "the examples are not in gzip TFRecords": examples_utils.get_file_format(examples)
        not in engines.GZIP_TFRECORDS,
    }
    return [reason for reason, holds in checks.items() if holds]


def _set_properties(
    statistics: types.Artifact, examples: types.Artifact, splits: list[str]
) -> None:
    """Sets the properties that TFX's StatisticsGen sets."""
    statistics.split_names = artifact_utils.encode_split_names(splits)
    statistics.span = examples.span
    # TFX has no dashboard to link to outside of Google, and sets the property all the same.
    statistics.set_string_custom_property(tfx_executor.STATS_DASHBOARD_LINK, "")
    statistics.set_json_value_custom_property(
        tfx_executor.SAMPLE_RATE_BY_SPLIT_PROPERTY_NAME,
        json_utils.dumps(dict.fromkeys(splits, 1.0)),
    )


def _write_statistics(
    examples: types.Artifact,
    statistics: types.Artifact,
    split: str,
    schema: schema_pb2.Schema | None,
) -> None:
    """Computes and writes the statistics of one split."""
    start = time.monotonic()
    files = records.split_files(artifact_utils.get_split_uri([examples], split))
    batches = reading.record_batches(files, describe.read_column_layout(examples))
    result = tfdv_internal.statistics_of(batches, schema)
    path = os.path.join(
        artifact_utils.get_split_uri([statistics], split), tfx_executor.DEFAULT_FILE_NAME
    )
    io_utils.write_bytes_file(path, result.SerializeToString())
    _LOGGER.info(
        "described %s rows of split %s in %.1f s",
        f"{result.datasets[0].num_examples:,}",
        split,
        time.monotonic() - start,
    )
