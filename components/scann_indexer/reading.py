"""Rows of raw Examples artifacts, in batches and in a fixed order."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.types import artifact, artifact_utils
from tfx.utils import io_utils

from tfx_retrieval import datasets
from tfx_retrieval.config.reader import did_you_mean
from tfx_retrieval.errors import InputError, Problem

CANDIDATES_SPLIT = "candidates"
BATCH_ROWS = 4096

_PAYLOAD_PROPERTY = "payload_format"
_PAYLOAD_FORMAT = "FORMAT_TF_EXAMPLE"
_SHOWN = 5
_DTYPES = {"bytes_list": tf.string, "int64_list": tf.int64, "float_list": tf.float32}


@dataclasses.dataclass(frozen=True)
class Source:
    """Files of Examples.

    Attributes:
        name: What to call them in a message: uris and splits.
        files: TFRecord files in reading order.
    """

    name: str
    files: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Selection:
    """One row for each distinct id.

    Attributes:
        ids: Distinct ids in ascending order, [n] `bytes` objects or int64.
        rows: Place of the chosen row in the source, [n] int64.
        total_rows: Rows of the source.
        titles: Title of each id, if asked for; None where a row has none.
    """

    ids: np.ndarray
    rows: np.ndarray
    total_rows: int
    titles: tuple[str | None, ...] | None = None

    @property
    def duplicates(self) -> int:
        """Rows left out because their id has a row already."""
        return self.total_rows - len(self.ids)


def candidate_source(artifacts: Sequence[artifact.Artifact]) -> Source:
    """Returns the files that name candidates.

    Of an artifact with a `candidates` split that split, of another one all its splits.

    Raises:
        InputError: An artifact does not hold tf.Examples or there are no files.
    """
    chosen = []
    for examples in artifacts:
        splits = artifact_utils.decode_split_names(examples.split_names)
        chosen.append([CANDIDATES_SPLIT] if CANDIDATES_SPLIT in splits else splits)
    return _source(artifacts, chosen)


def split_source(
    artifacts: Sequence[artifact.Artifact], splits: Sequence[str] | None = None
) -> Source:
    """Returns the files of the named splits, or of all.

    Raises:
        InputError: A split is missing, an artifact does not hold tf.Examples or there are no files.
    """
    chosen: list[list[str]] = []
    problems: list[Problem] = []
    for examples in artifacts:
        present = artifact_utils.decode_split_names(examples.split_names)
        wanted = list(present if splits is None else splits)
        problems.extend(
            Problem(
                f"Examples at {examples.uri}",
                f"splits {', '.join(present)}",
                f"a split named {split!r}",
                did_you_mean(split, present),
            )
            for split in wanted
            if split not in present
        )
        chosen.append(wanted)
    if problems:
        raise InputError(problems)
    return _source(artifacts, chosen)


def _source(artifacts: Sequence[artifact.Artifact], splits: Sequence[Sequence[str]]) -> Source:
    """Lists the files of the chosen splits of each artifact."""
    files: list[str] = []
    problems = []
    for examples, names in zip(artifacts, splits, strict=True):
        payload = examples.get_string_custom_property(_PAYLOAD_PROPERTY)
        if payload not in ("", _PAYLOAD_FORMAT):
            problems.append(
                Problem(
                    f"Examples at {examples.uri}",
                    f"payload format {payload}",
                    _PAYLOAD_FORMAT,
                    "Write the rows as tf.Example records.",
                )
            )
        for name in names:
            pattern = io_utils.all_files_pattern(artifact_utils.get_split_uri([examples], name))
            files.extend(sorted(fileio.glob(pattern)))
    label = ", ".join(
        f"{examples.uri} (split {', '.join(names)})"
        for examples, names in zip(artifacts, splits, strict=True)
    )
    if not files and not problems:
        problems.append(Problem(f"Examples at {label}", "no files", "TFRecord files"))
    if problems:
        raise InputError(problems)
    return Source(f"Examples at {label}", tuple(files))


def read_batches(source: Source, batch_rows: int = BATCH_ROWS) -> Iterator[np.ndarray]:
    """Yields serialized tf.Examples in reading order, [at most batch_rows] `bytes` objects."""
    for compression, files in itertools.groupby(source.files, key=_compression):
        dataset = tf.data.TFRecordDataset(list(files), compression_type=compression)
        yield from datasets.untuned(dataset).batch(batch_rows).prefetch(1).as_numpy_iterator()


def _compression(path: str) -> str:
    return "GZIP" if path.endswith(".gz") else ""


def select_rows(
    source: Source, id_column: str, *, title: str | None = None, timestamp: str | None = None
) -> Selection:
    """Chooses one row for each distinct id.

    The chosen row is the one with the greatest timestamp, or without timestamps (and among equal
    ones) the first in reading order. Rows without a timestamp count as the oldest. Memory grows
    with the number of distinct ids, not with the number of rows.

    Args:
        source: Where to read.
        id_column: Column of the ids; bytes or int64, exactly one value a row.
        title: Column to keep for each id.
        timestamp: Column of int64 times.

    Raises:
        InputError: There are no rows, a row has no id or more than one, or a column is nowhere.
    """
    columns: dict[str, tuple[tf.DType, ...]] = {id_column: (tf.string, tf.int64)}
    if title:
        columns.setdefault(title, tuple(_DTYPES.values()))
    if timestamp:
        columns[timestamp] = (tf.int64,)
    reader = _ColumnReader(source, columns)
    chosen: dict[bytes | int, tuple[int, int]] = {}
    titles: dict[bytes | int, str | None] = {}
    total, badly_keyed = 0, 0
    for serialized in read_batches(source):
        ids, counts = reader.read(serialized, id_column)
        badly_keyed += int(np.sum(counts != 1))
        times = _times(reader, serialized, timestamp)
        names = _titles(reader, serialized, title)
        keyed = zip(ids.tolist(), counts.tolist(), times, names, strict=True)
        for row, (key, count, time, name) in enumerate(keyed, start=total):
            best = chosen.get(key)
            if count == 1 and (best is None or time > best[0]):
                chosen[key] = (time, row)
                titles[key] = name
        total += len(serialized)
    _check_rows(reader, id_column, total, badly_keyed)
    dtype = object if reader.dtypes[id_column] == tf.string else np.int64
    ids = np.array(sorted(chosen), dtype)
    rows = np.array([chosen[key][1] for key in ids.tolist()], np.int64)
    kept = tuple(titles[key] for key in ids.tolist()) if title else None
    return Selection(ids, rows, total, kept)


def _times(reader: _ColumnReader, serialized: np.ndarray, column: str | None) -> list[int]:
    """Returns the times of a batch, the smallest int64 where there is none."""
    oldest = np.full(len(serialized), np.iinfo(np.int64).min)
    if column is None:
        return oldest.tolist()
    values, counts = reader.read(serialized, column)
    return np.where(counts > 0, values, oldest).tolist()


def _titles(reader: _ColumnReader, serialized: np.ndarray, column: str | None) -> list[str | None]:
    """Returns the titles of a batch as text."""
    if column is None:
        return [None] * len(serialized)
    values, counts = reader.read(serialized, column)
    return [
        as_text(value) if count else None
        for value, count in zip(values.tolist(), counts.tolist(), strict=True)
    ]


def as_text(value: bytes | int | float) -> str:
    """Returns a value of an Example as text.

    Raises:
        InputError: Bytes that are not UTF-8.
    """
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(Problem("Examples", repr(value), "text in UTF-8")) from error


def _check_rows(reader: _ColumnReader, id_column: str, total: int, badly_keyed: int) -> None:
    """Raises an InputError if there is nothing to choose from or a column is missing."""
    name = reader.source.name
    if total == 0:
        raise no_rows(reader.source)
    problems = [
        Problem(
            f"{name}: column {column!r}",
            f"no value in any of {total:,} rows",
            f"a column of the Examples, which have {', '.join(sorted(reader.seen))}",
            did_you_mean(column, reader.seen),
        )
        for column in reader.columns
        if column not in reader.dtypes
    ]
    if badly_keyed and id_column in reader.dtypes:
        problems.append(
            Problem(
                f"{name}: column {id_column!r}",
                f"{badly_keyed:,} of {total:,} rows without exactly one value",
                "one id in each row",
                "Leave out rows without an id when the Examples are made.",
            )
        )
    if problems:
        raise InputError(problems)


class _ColumnReader:
    """Reads columns of serialized Examples; finds out their types from the first values.

    Attributes:
        source: What is read.
        columns: Types that each column may have.
        dtypes: Type of each column that had a value.
        seen: Names of columns that had a value in the rows searched for types.
    """

    def __init__(self, source: Source, columns: Mapping[str, tuple[tf.DType, ...]]):
        self.source = source
        self.columns = columns
        self.dtypes: dict[str, tf.DType] = {}
        self.seen: set[str] = set()

    def read(self, serialized: np.ndarray, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first value of a column in each row, and how many values each row has.

        Rows without a value hold an empty text or zero.
        """
        dtype = self.dtypes.get(column) or self._find_dtype(serialized, column)
        size = len(serialized)
        if dtype is None:
            return np.zeros(size, np.int64), np.zeros(size, np.int64)
        parsed = tf.io.parse_example(serialized, {column: tf.io.VarLenFeature(dtype)})[column]
        rows, places = parsed.indices.numpy().T
        first = (
            np.full(size, b"", object)
            if dtype == tf.string
            else np.zeros(size, dtype.as_numpy_dtype)
        )
        first[rows[places == 0]] = parsed.values.numpy()[places == 0]
        return first, np.bincount(rows, minlength=size)

    def _find_dtype(self, serialized: np.ndarray, column: str) -> tf.DType | None:
        for record in serialized:
            features = tf.train.Example.FromString(record).features.feature
            kinds = {name: features[name].WhichOneof("kind") for name in features}
            filled = {name: kind for name, kind in kinds.items() if _has_value(features[name])}
            self.seen.update(filled)
            if column in filled:
                self.dtypes[column] = self._checked(column, _DTYPES[filled[column]])
                return self.dtypes[column]
        return None

    def _checked(self, column: str, dtype: tf.DType) -> tf.DType:
        if dtype not in self.columns[column]:
            expected = " or ".join(allowed.name for allowed in self.columns[column])
            raise InputError(
                Problem(f"{self.source.name}: column {column!r}", dtype.name, expected)
            )
        return dtype


def _has_value(feature: tf.train.Feature) -> bool:
    kind = feature.WhichOneof("kind")
    return bool(kind and getattr(feature, kind).value)


def read_selected(
    source: Source, selection: Selection, batch_rows: int = BATCH_ROWS
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the chosen rows in reading order.

    Args:
        source: The source that `selection` was made from.
        selection: The rows to read.
        batch_rows: Rows of a batch; the last one may be smaller.

    Yields:
        The places of the rows' ids in `selection.ids`, [b] int64, and the serialized Examples,
        [b] `bytes` objects.
    """
    order = np.argsort(selection.rows, kind="stable")
    rows = selection.rows[order]
    waiting: list[np.ndarray] = []
    yielded, start = 0, 0
    for serialized in read_batches(source):
        first, last = np.searchsorted(rows, [start, start + len(serialized)])
        waiting.append(serialized[rows[first:last] - start])
        start += len(serialized)
        while sum(map(len, waiting)) >= batch_rows:
            joined = np.concatenate(waiting)
            yield order[yielded : yielded + batch_rows], joined[:batch_rows]
            yielded += batch_rows
            waiting = [joined[batch_rows:]]
    rest = np.concatenate(waiting) if waiting else np.zeros(0, object)
    if len(rest):
        yield order[yielded:], rest


def sample_rows(source: Source, count: int, seed: int) -> np.ndarray:
    """Draws rows uniformly without replacement, the same ones for the same seed and source.

    Returns:
        Serialized Examples in reading order, [at most count] `bytes` objects.
    """
    generator = np.random.default_rng(seed)
    keys, rows = np.zeros(0), np.zeros(0, object)
    for serialized in read_batches(source):
        keys = np.concatenate([keys, generator.random(len(serialized))])
        rows = np.concatenate([rows, serialized])
        if len(keys) > count:
            kept = np.sort(np.argpartition(keys, count)[:count])
            keys, rows = keys[kept], rows[kept]
    return rows


def no_rows(source: Source) -> InputError:
    """Returns the error for a source without rows."""
    return InputError(Problem(source.name, "no rows", "at least one row"))


def shown(values: Iterable[object]) -> str:
    """Returns the first few values for a message."""
    listed = [as_text(v) if isinstance(v, bytes) else str(v) for v in values]
    rest = f" and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + rest
