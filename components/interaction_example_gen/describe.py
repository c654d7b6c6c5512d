"""Says on an Examples artifact what it holds, as stock ExampleGens do, and reports on its rows."""

from __future__ import annotations

import dataclasses
import json
import os

from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from tfx_retrieval.components.interaction_example_gen import report
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec

# What stock ExampleGens call gzip TFRecords.
_FILE_FORMAT = "tfrecords_gzip"
_COLUMNS_PROPERTY = "columns"


@dataclasses.dataclass(frozen=True)
class ColumnLayout:
    """Every column of Examples, by the number of its values.

    A reader that parses columns by name needs it to know that it misses none, and to tell a missing
    value from an empty list.

    Attributes:
        values: Columns with at most one value a row; a row without one lacks the value.
        lists: Columns with a list in each row, which may be empty.
    """

    values: tuple[str, ...]
    lists: tuple[str, ...]


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


def describe_columns(artifact: types.Artifact, spec: TableSpec) -> None:
    """Says which columns the Examples of a table have.

    Says nothing if one of them is a list in the table, for rows may lack that as a whole.

    Args:
        artifact: Examples of the interactions.
        spec: What they were made by.
    """
    if any(spec.column(name).is_list for name in spec.example_columns):
        return
    lists = tuple(sorted(history.column for history in spec.histories))
    layout = ColumnLayout(tuple(sorted(spec.example_columns)), lists)
    artifact.set_string_custom_property(_COLUMNS_PROPERTY, json.dumps(dataclasses.asdict(layout)))


def read_column_layout(artifact: types.Artifact) -> ColumnLayout | None:
    """Returns what `describe_columns` said; None for other Examples."""
    if not artifact.has_custom_property(_COLUMNS_PROPERTY):
        return None
    content = json.loads(artifact.get_string_custom_property(_COLUMNS_PROPERTY))
    return ColumnLayout(tuple(content["values"]), tuple(content["lists"]))
