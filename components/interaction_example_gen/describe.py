"""Says on an Examples artifact what it holds, as stock ExampleGens do, and reports on its rows."""

from __future__ import annotations

import json
import os

from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from tfx_retrieval.components.interaction_example_gen import report

# What stock ExampleGens call gzip TFRecords.
_FILE_FORMAT = "tfrecords_gzip"


def describe(artifact: types.Artifact, split_names: tuple[str, ...], result: report.Report) -> None:
    """Sets what readers of Examples look for, and writes the report beside the splits.

    Args:
        artifact: Examples whose splits are written.
        split_names: Names of the splits.
        result: What was read and left out.
    """
    artifact.split_names = artifact_utils.encode_split_names(list(split_names))
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, _FILE_FORMAT)
    artifact.set_int_custom_property("rows_read", result.rows_read)
    artifact.set_int_custom_property("rows_kept", result.rows_kept)
    artifact.set_string_custom_property("report", json.dumps(result.to_dict()))
    with fileio.open(os.path.join(artifact.uri, report.FILE_NAME), "w") as file:
        file.write(json.dumps(result.to_dict(), indent=2))
