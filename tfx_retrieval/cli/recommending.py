"""Recommendations from a run."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfx_retrieval.cli.run_directory import RunDirectory
from tfx_retrieval.errors import InputError, Problem

if TYPE_CHECKING:
    from tfx_retrieval.cli.known_rows import KnownRows
    from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """A recommended candidate.

    Attributes:
        id: The candidate's id, as it stands in the data.
        score: Its score; higher is better.
        title: Its title, if the data has one.
    """

    id: str | int
    score: float
    title: str | None


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer to a query about an id of the run's data.

    Attributes:
        found: The candidates, best first.
        completed: The query's columns that were left out and taken from the data.
    """

    found: list[Recommendation]
    completed: tuple[str, ...]


class RunRecommender:
    """The index of a run, with what a person needs around it. Loading imports TensorFlow.

    Attributes:
        index: The index itself.
        feature_config: What the run was made with.
    """

    def __init__(self, directory: RunDirectory):
        """Loads the latest index of a run.

        Raises:
            InputError: If the run made no index, or the index needs a scann that is missing.
        """
        from tfx_retrieval.components.scann_indexer import loading

        self._directory = directory
        self.feature_config, _ = directory.configs()
        self.index = loading.load_index(str(directory.artifact("ScaNNIndexer", "index")))

    def answer(
        self,
        query: Mapping[str, Any],
        k: int | None = None,
        *,
        complete: bool = True,
        exclude_seen: bool = False,
    ) -> Answer:
        """Returns the best candidates for a query, with the help of the run's data.

        Args:
            query: Raw query columns; a time may be text in ISO 8601.
            k: How many; the run's `top_k` without it.
            complete: Whether columns that are left out are taken from the latest row of the
                query's id, and its history from all its rows.
            exclude_seen: Whether to leave out what the query's id met.

        Raises:
            InputError: If the query or `k` is wrong.
        """
        check_query(query, self.feature_config, exclude_seen=exclude_seen)
        full = dict(query)
        completed: list[str] = []
        exclude = None
        if complete or exclude_seen:
            known = self._known(query)
            if complete:
                latest = known.query_columns(self.feature_config)
                completed = [
                    name
                    for name, value in latest.items()
                    if name not in query and value not in (None, [])
                ]
                full |= {name: latest[name] for name in completed}
            if exclude_seen:
                exclude = [known.candidates(self.feature_config)]
        (found,) = self.recommend([full], k, exclude)
        return Answer(found, tuple(completed))

    def recommend(
        self,
        queries: Sequence[Mapping[str, Any]],
        k: int | None = None,
        exclude: Sequence[Sequence[str | int]] | None = None,
    ) -> list[list[Recommendation]]:
        """Returns the best candidates for each of several queries.

        Args:
            queries: Raw query columns of each; a time may be text in ISO 8601. Columns that are
                left out count as missing values.
            k: How many for each; the run's `top_k` without it.
            exclude: Ids to leave out for each.

        Raises:
            InputError: If a query, `k` or `exclude` is wrong.
        """
        rows = [self._row(query) for query in queries]
        return [
            [Recommendation(*item) for item in found]
            for found in self.index.recommend(rows, k, exclude)
        ]

    def _row(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what the model is given: times in seconds, no id that it does not use."""
        temporal = _temporal_columns(self.feature_config)
        row = {
            name: _epoch_seconds(name, value)
            if name in temporal and isinstance(value, str)
            else value
            for name, value in query.items()
        }
        if self.feature_config.query.id not in self.index.query_columns:
            row.pop(self.feature_config.query.id, None)
        return row

    def _known(self, query: Mapping[str, Any]) -> KnownRows:
        from tfx_retrieval.cli import known_rows

        identifier = query.get(self.feature_config.query.id)
        if identifier is None:
            return known_rows.KnownRows([])
        examples = self._directory.artifact("InteractionExampleGen", "examples")
        files = sorted(map(str, examples.glob("Split-*/*.gz")))
        return known_rows.read_rows(files, identifier, self.feature_config)


def check_query(
    query: Mapping[str, Any], feature_config: FeatureConfig, *, exclude_seen: bool = False
) -> None:
    """Checks a query as far as that needs no model, which takes seconds to load.

    Args:
        query: Raw query columns.
        feature_config: What the run was made with.
        exclude_seen: Whether the id is needed, to know what it met.

    Raises:
        InputError: With everything that is wrong.
    """
    from tfx_retrieval.config.reader import did_you_mean

    side = feature_config.query
    known = list(dict.fromkeys([side.id, *(feature.column for feature in side.features)]))
    problems = [
        Problem(
            f"--query: column {name!r}",
            "an unknown column",
            f"one of {', '.join(known)}",
            did_you_mean(name, known),
        )
        for name in query
        if name not in known
    ]
    if exclude_seen and query.get(side.id) is None:
        problems.append(
            Problem(
                "--query",
                f"no {side.id!r}",
                f"a value for {side.id!r}",
                "Without it nothing is known to leave out; add it, or drop --exclude-seen.",
            )
        )
    for name in sorted(_temporal_columns(feature_config) & query.keys()):
        if isinstance(query[name], str):
            try:
                _epoch_seconds(name, query[name])
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)


def _temporal_columns(feature_config: FeatureConfig) -> set[str]:
    """Returns the names of the query's columns that hold times."""
    from tfx_retrieval.proto import feature_config_pb2

    temporal = feature_config_pb2.FeatureType.Value.Value("temporal")
    return {feature.column for feature in feature_config.query.features if feature.type == temporal}


def _epoch_seconds(column: str, text: str) -> int:
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise InputError(
            Problem(
                f"--query: column {column!r}",
                repr(text),
                "a time in ISO 8601, for example 2011-12-09T12:00:00, or seconds since 1970",
            )
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp())
