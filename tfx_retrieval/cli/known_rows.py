"""What a run's data says about one query id."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfx_retrieval.cli.records import as_python
from tfx_retrieval.datasets import untuned
from tfx_retrieval.proto import feature_config_pb2

_BATCH = 8192
_HISTORY = feature_config_pb2.FeatureType.Value.Value("history")


@dataclasses.dataclass(frozen=True)
class KnownRows:
    """The rows of one query id, oldest first.

    Attributes:
        rows: Raw columns by name: a value, a list of several, or None.
    """

    rows: Sequence[dict[str, Any]]

    def candidates(self, feature_config: feature_config_pb2.FeatureConfig) -> list[str | int]:
        """Returns the distinct candidates of the rows, oldest first."""
        column = feature_config.candidate.id
        return list(dict.fromkeys(row[column] for row in self.rows if row.get(column) is not None))

    def query_columns(self, feature_config: feature_config_pb2.FeatureConfig) -> dict[str, Any]:
        """Returns the query's columns as they stand after the latest row.

        A history holds the candidates of all rows, that of the latest one too.

        Args:
            feature_config: What the run was made with.

        Returns:
            Values by column; nothing if there are no rows.
        """
        if not self.rows:
            return {}
        columns: dict[str, Any] = {}
        candidate = feature_config.candidate.id
        for feature in feature_config.query.features:
            if feature.type == _HISTORY:
                met = [row[candidate] for row in self.rows if row.get(candidate) is not None]
                columns[feature.column] = met[-feature.history.max_length :]
            else:
                columns[feature.column] = self.rows[-1].get(feature.column)
        return columns


def read_rows(
    files: Sequence[str],
    query_id: str | int,
    feature_config: feature_config_pb2.FeatureConfig,
) -> KnownRows:
    """Finds the rows of a query id in the raw Examples of a run.

    Args:
        files: TFRecord files, gzip.
        query_id: The id; `17850` may be text or a number, whatever it is in the data.
        feature_config: What the run was made with.
    """
    column = feature_config.query.id
    records = untuned(tf.data.TFRecordDataset(list(files), compression_type="GZIP"))
    dtype = next((_dtype(record, column) for record in records.take(1)), None)
    query_id = _as_dtype(query_id, dtype)
    if dtype != (tf.string if isinstance(query_id, str) else tf.int64):
        return KnownRows([])
    features = {column: tf.io.FixedLenFeature([], dtype, "" if dtype == tf.string else 0)}

    def own(serialized: tf.Tensor) -> tf.data.Dataset:
        ids = tf.io.parse_example(serialized, features)[column]
        return tf.data.Dataset.from_tensor_slices(
            tf.boolean_mask(serialized, tf.equal(ids, query_id))
        )

    found = records.batch(_BATCH).flat_map(own).as_numpy_iterator()
    rows = [as_python(tf.train.Example.FromString(record)) for record in found]
    timestamp = feature_config.interaction.timestamp
    if timestamp:
        rows.sort(key=lambda row: (row.get(timestamp) is not None, row.get(timestamp)))
    return KnownRows(rows)


def _as_dtype(query_id: str | int, dtype: tf.DType | None) -> str | int:
    """Returns an id in the type that the data has it in, or as it is if it cannot be meant so."""
    if dtype == tf.string:
        return str(query_id)
    if isinstance(query_id, str) and re.fullmatch(r"-?\d{1,18}", query_id):
        return int(query_id)
    return query_id


def _dtype(record: tf.Tensor, column: str) -> tf.DType | None:
    """Returns the type of a column's values, None where the record has none."""
    kind = tf.train.Example.FromString(record.numpy()).features.feature[column].WhichOneof("kind")
    return {"bytes_list": tf.string, "int64_list": tf.int64}.get(kind)
