"""Recommendations from a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfx_retrieval.cli import imports, queries
from tfx_retrieval.cli.inputs import Problems
from tfx_retrieval.cli.run_directory import RunDirectory

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
        known: Whether the data has rows of the query's id; None if that was not looked up.
    """

    found: list[Recommendation]
    completed: tuple[str, ...]
    known: bool | None = None


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
        with imports.without_collections():
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
        full = queries.prepare(query, self.feature_config)
        completed: list[str] = []
        exclude = None
        is_known = None
        if (complete or exclude_seen) and full.get(self.feature_config.query.id) is not None:
            known = self._known(full)
            is_known = bool(known.rows)
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
        (found,) = self._recommend([full], k, exclude)
        return Answer(found, tuple(completed), is_known)

    def recommend(
        self,
        rows: Sequence[Mapping[str, Any]],
        k: int | None = None,
        exclude: Sequence[Sequence[str | int]] | None = None,
    ) -> list[list[Recommendation]]:
        """Returns the best candidates for each of several queries.

        Args:
            rows: Raw query columns of each; a time may be text in ISO 8601. Columns that are
                left out count as missing values.
            k: How many for each; the run's `top_k` without it.
            exclude: Ids to leave out for each.

        Raises:
            InputError: If a query, `k` or `exclude` is wrong.
        """
        problems = Problems()
        prepared = []
        for number, row in enumerate(rows):
            with problems.collected():
                prepared.append(queries.prepare(row, self.feature_config, f"query {number}"))
        problems.raise_if_any()
        return self._recommend(prepared, k, exclude)

    def _recommend(
        self,
        prepared: Sequence[dict[str, Any]],
        k: int | None,
        exclude: Sequence[Sequence[str | int]] | None,
    ) -> list[list[Recommendation]]:
        """Asks the index, without an id that the model does not use."""
        query_id = self.feature_config.query.id
        if query_id not in self.index.query_columns:
            prepared = [
                {name: value for name, value in row.items() if name != query_id} for row in prepared
            ]
        return [
            [Recommendation(*item) for item in found]
            for found in self.index.recommend(prepared, k, exclude)
        ]

    def _known(self, query: Mapping[str, Any]) -> KnownRows:
        from tfx_retrieval.cli import known_rows

        identifier = query[self.feature_config.query.id]
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
    problems = Problems()
    with problems.collected():
        queries.prepare(query, feature_config)
    if exclude_seen:
        for problem in queries.missing_id(query, feature_config):
            problems.add(problem)
    problems.raise_if_any()
