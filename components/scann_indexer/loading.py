"""Loading an index and asking it for recommendations, outside a pipeline."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.utils import path_constants

from tfx_retrieval.components.scann_indexer import saving, scann_index
from tfx_retrieval.components.scann_indexer.options import SCANN
from tfx_retrieval.config.reader import did_you_mean
from tfx_retrieval.errors import InputError, Problem

Id = str | int
Recommendation = tuple[Id, float, str | None]

_SAVED_MODEL_FILE = "saved_model.pb"
_EXPECTED = {
    tf.string: ("text", (str, bytes)),
    tf.int64: ("an integer (times in seconds since 1970, UTC)", (int, np.integer)),
    tf.float32: ("a number", (int, float, np.integer, np.floating)),
}


def load_index(path: str) -> Recommender:
    """Loads an index that ScaNNIndexer wrote.

    Imports scann only if the index needs it.

    Args:
        path: The SavedModel, the `index` artifact that holds it, or a folder of numbered versions
            that Pusher writes (the newest is taken).

    Raises:
        InputError: There is no index, it was written by a newer version of this package, or it
            needs a scann that is not installed.
    """
    directory = _saved_model_directory(path)
    metadata = json.loads(_read(directory, saving.METADATA_FILE))
    if metadata["format_version"] != saving.FORMAT_VERSION:
        raise InputError(
            Problem(
                f"index at {directory}",
                f"format version {metadata['format_version']}",
                f"format version {saving.FORMAT_VERSION}",
                "Load it with the version of tfx-retrieval that wrote it, or build it again.",
            )
        )
    if metadata["algorithm"] == SCANN:
        scann_index.require_scann()
    table = pq.read_table(io.BytesIO(_read(directory, saving.CANDIDATES_FILE)))
    titles = dict(zip(table["id"].to_pylist(), table["title"].to_pylist(), strict=True))
    return Recommender(tf.saved_model.load(directory), metadata, titles)


def _saved_model_directory(path: str) -> str:
    """Returns the folder of the SavedModel that `path` stands for."""
    choices = [path, os.path.join(path, path_constants.SERVING_MODEL_DIR)]
    if fileio.isdir(path):
        versions = [name.rstrip("/") for name in fileio.listdir(path)]
        newest = max(filter(str.isdigit, versions), key=int, default=None)
        if newest:
            choices.append(os.path.join(path, newest))
    for directory in choices:
        extra = os.path.join(directory, saving.EXTRA_FOLDER, saving.METADATA_FILE)
        if fileio.exists(os.path.join(directory, _SAVED_MODEL_FILE)) and fileio.exists(extra):
            return directory
    raise InputError(
        Problem(
            path,
            "no index there" if fileio.exists(path) else "nothing there",
            f"a SavedModel with {saving.EXTRA_FOLDER}/{saving.METADATA_FILE}",
            "Give the `index` artifact of ScaNNIndexer, or where Pusher put it.",
        )
    )


def _read(directory: str, name: str) -> bytes:
    with fileio.open(os.path.join(directory, saving.EXTRA_FOLDER, name), "rb") as file:
        return file.read()


class Recommender:
    """A loaded index.

    Attributes:
        metadata: How the index was built: `algorithm`, `reason`, `top_k`, `candidates`,
            `dimension`, `candidate_id`, `options`.
        titles: Title of each candidate by id; None for those without.
    """

    def __init__(self, model: Any, metadata: Mapping[str, Any], titles: Mapping[Id, str | None]):
        """Use `load_index`."""
        self._model = model
        self.metadata = metadata
        self.titles = titles
        inputs = model.signatures["serving_default"].structured_input_signature[1]
        self._inputs: dict[str, tf.TensorSpec] = dict(inputs)
        excluding = model.signatures["recommend_excluding"].structured_input_signature[1]
        self._id_dtype: tf.DType = excluding["excluded_ids"].dtype
        self._filler = _no_candidate(titles)

    @property
    def top_k(self) -> int:
        """The greatest number of recommendations of a call."""
        return self.metadata["top_k"]

    @property
    def query_columns(self) -> tuple[str, ...]:
        """Names of the raw query columns."""
        return tuple(sorted(self._inputs))

    def recommend(
        self,
        examples: Sequence[Mapping[str, Any]],
        k: int | None = None,
        exclude: Sequence[Sequence[Id]] | None = None,
    ) -> list[list[Recommendation]]:
        """Returns the best candidates of each query.

        Args:
            examples: Raw query columns of each query: text, numbers, lists of them; None, or no
                entry, for a missing value. Times are seconds since 1970, UTC.
            k: Recommendations of a query, at most `top_k`; by default `top_k`. Fewer come back if
                exclusions leave fewer.
            exclude: Candidate ids to leave out for each query; ids of no candidate have no effect.

        Returns:
            For each query (id, score, title) triples, best first.

        Raises:
            InputError: An example or `k` is wrong; holds all problems.
        """
        problems = [*self._problems_of_call(len(examples), k, exclude)]
        serialized = []
        for number, row in enumerate(examples):
            example, wrong = encode_row(row, self._inputs, f"query {number}")
            serialized.append(example)
            problems.extend(wrong)
        if problems:
            raise InputError(problems)
        if not serialized:
            return []
        inputs = {"examples": tf.constant(serialized, tf.string)}
        name = "recommend_examples"
        if exclude is not None and any(exclude):
            name = "recommend_excluding"
            inputs["excluded_ids"] = self._padded(exclude)
        found = self._model.signatures[name](**inputs)
        return self._recommendations(found, self.top_k if k is None else k)

    def _problems_of_call(
        self, queries: int, k: int | None, exclude: Sequence[Sequence[Id]] | None
    ) -> list[Problem]:
        problems = []
        # An index of the whole catalogue has nothing beyond its end.
        limit = None if self.top_k == self.metadata["candidates"] else self.top_k
        if k is not None and (k < 1 or (limit is not None and k > limit)):
            problems.append(
                Problem(
                    "k",
                    str(k),
                    f"1 to {self.top_k}" if limit else "at least 1",
                    "Build the index with a greater retrieval.top_k." if k > 1 else "",
                )
            )
        if exclude is not None:
            if len(exclude) != queries:
                problems.append(
                    Problem("exclude", f"{len(exclude)} lists", f"{queries}, one for each query")
                )
            expected, types = ("text", str) if self._id_dtype == tf.string else ("integers", int)
            problems.extend(
                Problem(f"exclude of query {number}", repr(key), f"candidate ids, {expected}")
                for number, keys in enumerate(exclude)
                for key in keys
                if not isinstance(key, types)
            )
        return problems

    def _padded(self, exclude: Sequence[Sequence[Id]]) -> tf.Tensor:
        """Returns exclusions as a rectangle [batch, m], filled up with what is no candidate."""
        width = max(map(len, exclude))
        rows = [[*keys, *[self._filler] * (width - len(keys))] for keys in exclude]
        return tf.constant(rows, self._id_dtype)

    def _recommendations(
        self, found: Mapping[str, tf.Tensor], k: int
    ) -> list[list[Recommendation]]:
        result = []
        ids, scores = found["ids"].numpy()[:, :k], found["scores"].numpy()[:, :k]
        for row_ids, row_scores in zip(ids.tolist(), scores.tolist(), strict=True):
            row: list[Recommendation] = []
            for key, score in zip(row_ids, row_scores, strict=True):
                if score > float("-inf"):
                    plain = key.decode("utf-8") if isinstance(key, bytes) else key
                    row.append((plain, score, self.titles[plain]))
            result.append(row)
        return result


def _no_candidate(candidates: Collection[Id]) -> Id:
    """Returns an id of the candidates' type that none of them has."""
    if isinstance(next(iter(candidates)), str):
        return next(text for text in map("~".__mul__, itertools.count()) if text not in candidates)
    return next(number for number in itertools.count(-1, -1) if number not in candidates)


def encode_row(
    row: Mapping[str, Any], inputs: Mapping[str, tf.TensorSpec], where: str
) -> tuple[bytes, list[Problem]]:
    """Serializes raw columns as a tf.Example.

    Args:
        row: Values by column; a None is left out.
        inputs: Name and spec of each column the model knows.
        where: What to call the row in a message.

    Returns:
        The serialized Example, and what is wrong with the row.
    """
    features, problems = {}, []
    for column, value in row.items():
        if column not in inputs:
            problems.append(
                Problem(
                    f"{where}: column {column!r}",
                    "an unknown column",
                    f"one of {', '.join(sorted(inputs))}",
                    did_you_mean(column, inputs),
                )
            )
        elif value is not None:
            values = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
            values = [_as_dtype(item, inputs[column].dtype) for item in values]
            expected, types = _EXPECTED[inputs[column].dtype]
            wrong = [item for item in values if not isinstance(item, types)]
            if wrong:
                problems.append(Problem(f"{where}: column {column!r}", repr(wrong[0]), expected))
            else:
                features[column] = _feature(values, inputs[column].dtype)
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True), problems


def _as_dtype(value: Any, dtype: tf.DType) -> Any:
    """Returns an id in the type the model has it in: people see `17850` for both.

    A value that cannot be meant so stays as it is.
    """
    if dtype == tf.int64 and isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    if dtype == tf.string and isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(value)
    return value


def _feature(values: list[Any], dtype: tf.DType) -> tf.train.Feature:
    """Returns values that fit `dtype` as a feature."""
    if dtype == tf.string:
        encoded = [item.encode("utf-8") if isinstance(item, str) else item for item in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
    if dtype == tf.int64:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=map(int, values)))
    return tf.train.Feature(float_list=tf.train.FloatList(value=map(float, values)))
