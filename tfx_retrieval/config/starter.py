"""A first FeatureConfig and ModelConfig for an unknown table, each choice with its reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from tfx_retrieval.config import roles
from tfx_retrieval.config.findings import listing, quote
from tfx_retrieval.config.input_names import distinct_names
from tfx_retrieval.config.profile import Column, Kind, profile
from tfx_retrieval.config.reader import CONTROLS
from tfx_retrieval.config.rules import MAX_NAME_CHARACTERS
from tfx_retrieval.errors import InputError, Problem

_MAX_CATEGORIES = 1000
_MAX_INTEGER_CATEGORIES = 20
_MAX_LIST_VALUES = 64
_HISTORY_ROWS = 3

Feature = dict[str, Any]


def default_model_config(rows: int | None = None) -> dict[str, Any]:
    """Returns the ModelConfig document that `init` proposes.

    Args:
        rows: Number of interactions, to fit the batch to small tables; None: many.
    """
    batch_size = 1024
    while rows is not None and batch_size > 16 and batch_size * 10 > rows:
        batch_size //= 2
    # Did well on MovieLens-100K under three protocols and on Online Retail alike: id embeddings
    # learned past the layers, a falling learning rate, and a penalty on long embeddings.
    return {
        "version": 1,
        "name": "two-tower",
        "model_type": "retrieval",
        "output_embedding_dim": 128,
        "optimizer": {"adam": {}},
        "learning_rate": 0.001,
        "embedding_optimizer": {"adagrad": {}},
        "embedding_learning_rate": 0.1,
        "learning_rate_schedule": {"linear": {}},
        "embedding_l2": 0.05,
        "batch_size": batch_size,
        "epochs": 12,
        "retrieval": {"algorithm": "auto", "top_k": 100},
    }


def propose(table: pa.Table, name: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Proposes configs for a table of interactions.

    Args:
        table: The table; columns of a CSV file may all be text.
        name: What to call the data set; also names the table in messages.

    Returns:
        A FeatureConfig document, a ModelConfig document, and one sentence on each column: what it
        was taken for and why.

    Raises:
        InputError: The table has no rows, or no two columns that can be ids, or what its names say
            are ids cannot be used as such.
    """
    if not table.num_rows:
        raise InputError(Problem(name, "no rows", "a table of interactions"))
    repeated = {column for column in table.schema.names if table.schema.names.count(column) > 1}
    if repeated:
        received = "several columns called " + listing(map(quote, sorted(repeated)))
        raise InputError(Problem(name, received, "columns of different names"))
    columns = _named([column for column in profile(table) if column.name])
    usable = [column for column in columns if not _heading_fault(column)]
    query, candidate = roles.find_ids(usable)
    if query is None or candidate is None:
        raise InputError(_no_ids(columns, name))
    problems = [
        problem
        for column, known_as in ((query, roles.QUERY_WORDS), (candidate, roles.CANDIDATE_WORDS))
        for problem in _better_id(column, columns, known_as, name)
    ]
    if problems:
        raise InputError(problems)
    return _Proposal(columns, query, candidate, name, table.num_rows).documents()


def _named(columns: list[Column]) -> list[Column]:
    """Returns the columns under names that features can have, with their headings."""
    names = distinct_names(column.name for column in columns)
    return [
        column
        if names[column.name] == column.name
        else dataclasses.replace(column, name=names[column.name], heading=column.name)
        for column in columns
    ]


def _heading_fault(column: Column) -> str:
    """Returns why no config can hold a column's heading, or an empty text."""
    heading = column.source
    if len(heading) > MAX_NAME_CHARACTERS:
        return f"its heading is longer than {MAX_NAME_CHARACTERS} characters"
    if CONTROLS.search(heading):
        return "its heading holds a line break or another control character"
    return ""


def _better_id(
    column: Column, columns: list[Column], words: Collection[str], name: str
) -> Iterator[Problem]:
    """Yields what is wrong with the column that, by its name, would be a side's id instead.

    Args:
        column: The id that was found.
        columns: All columns of the table.
        words: Words in the names of such ids.
        name: What to call the table.
    """
    if roles.is_named(column, words):
        return
    for other in columns:
        fault = _heading_fault(other)
        unusable = fault or other.distinct < 2
        if roles.is_named(other, words) and roles.is_identifier(other) and unusable:
            received = (
                fault
                or other.flaw
                or ("the same id in every row" if other.distinct else "no value in any row")
            )
            expected = "an id that tells apart who asks and what is retrieved"
            where = f"{name}: column {quote(other.source)}"
            yield Problem(where, received, expected)
            return


def _no_ids(columns: list[Column], name: str) -> Problem:
    shown = listing(f"{quote(column.source)} ({column.kind.value})" for column in columns)
    return Problem(
        name,
        f"the columns {shown}" if shown else "no columns with a name",
        "two columns whose values come again in several rows: who asks, and what is retrieved",
        "Write features.json by hand; docs/configuration.md has the keys.",
    )


class _Proposal:
    """The configs while they are made."""

    def __init__(
        self, columns: list[Column], query: Column, candidate: Column, name: str, rows: int
    ):
        self._columns = columns
        self._usable = [column for column in columns if not _heading_fault(column)]
        self._query = query
        self._candidate = candidate
        self._name = name
        self._rows = rows
        self._explanations: list[str] = []
        self._sides: dict[str, dict[str, Any]] = {
            "query": {"id": query.name, "features": []},
            "candidate": {"id": candidate.name, "features": []},
        }
        self._interaction: dict[str, Any] = {}

    def documents(self) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """Returns the configs and the sentences."""
        used = self._ids()
        used |= self._time()
        used |= self._label()
        used |= self._title()
        for column in self._columns:
            if column.name in used:
                continue
            fault = _heading_fault(column)
            if fault:
                self._explain(column, f"left out: {fault}")
            else:
                self._feature(column)
        name = self._name[:MAX_NAME_CHARACTERS] or "features"
        features: dict[str, Any] = {"version": 1, "name": name}
        headings = self._headings()
        if headings:
            features["headings"] = headings
        features |= self._sides
        if self._interaction:
            features["interaction"] = self._interaction
        return features, default_model_config(self._rows), self._explanations

    def _explain(self, column: Column, text: str) -> None:
        heading = column.source
        name = heading if heading.isprintable() else quote(heading)
        if column.heading:
            name += f" ({column.name})"
        flaw = f"; {column.flaw}" if column.flaw and column.flaw not in text else ""
        self._explanations.append(f"{name}: {text}{flaw}")

    def _headings(self) -> dict[str, str]:
        """Returns the headings of the columns in use that have other names here."""
        used = {rule["column"] for rule in self._interaction.get("filters", [])}
        used |= {self._interaction.get(role) for role in ("timestamp", "label")}
        for side in self._sides.values():
            used |= {side["id"], side.get("title")}
            used |= {feature["column"] for feature in side["features"]}
        return {
            column.name: column.heading
            for column in self._columns
            if column.heading and column.name in used
        }

    def _add(self, side: str, column: Column, **feature: Any) -> None:
        self._sides[side]["features"].append({"column": column.name, **feature})

    def _ids(self) -> set[str]:
        for side, column in (("query", self._query), ("candidate", self._candidate)):
            self._add(side, column, type="categorical")
            rows = column.rows / column.distinct
            text = f"the {side} id, {column.distinct:,} values with {rows:,.1f} rows each"
            self._explain(column, text)
        return {self._query.name, self._candidate.name}

    def _time(self) -> set[str]:
        column = roles.find_timestamp(self._usable)
        if column is None:
            return set()
        self._interaction["timestamp"] = column.name
        self._interaction["time_unit"] = column.time_unit
        cycles = ["hour_of_day", "day_of_week"] if column.has_clock else ["day_of_week"]
        text = f"{' and '.join(cycles)} as features of the query"
        self._add(
            "query",
            column,
            type="temporal",
            time_unit=column.time_unit,
            cyclical={"cycles": cycles},
        )
        self._explain(column, f"the time of the interaction; {text}")
        self._history()
        return {column.name}

    def _history(self) -> None:
        rows = self._query.rows / self._query.distinct
        name = f"{self._candidate.name}_history"[:MAX_NAME_CHARACTERS]
        names = {text.lower() for column in self._columns for text in (column.name, column.heading)}
        if rows < _HISTORY_ROWS or name.lower() in names:
            return
        length = int(min(50, max(5, 5 * round(rows / 5))))
        history = {"column": name, "type": "history", "history": {"max_length": length}}
        self._sides["query"]["features"].append(history)
        text = f"{rows:,.1f} rows for each {self._query.name}"
        self._explanations.append(
            f"{name}: the last {length} values of {self._candidate.name} before each row, made "
            f"from the table, since there are {text}"
        )

    def _label(self) -> set[str]:
        column = roles.find_label(self._usable)
        if column is None or column in (self._query, self._candidate):
            return set()
        self._interaction["label"] = column.name
        text = "the label, by its name; used at model_type ranking and multitask only"
        self._explain(column, text)
        return {column.name}

    def _title(self) -> set[str]:
        free = [column for column in self._usable if column is not self._query]
        column = roles.find_title(free, self._candidate)
        if column is None:
            return set()
        self._sides["candidate"]["title"] = column.name
        self._add("candidate", column, type="text")
        text = f"the candidates' title, shown beside {self._candidate.name}; its words as a feature"
        self._explain(column, text)
        return {column.name}

    def _feature(self, column: Column) -> None:
        if column.kind in (Kind.EMPTY, Kind.OTHER) or (
            column.distinct < 2 and column.kind not in (Kind.LIST, Kind.VECTOR)
        ):
            reason = "one value only" if column.distinct == 1 else column.flaw or column.kind.value
            self._explain(column, f"left out: {reason}")
            return
        if roles.is_quantity(column):
            self._quantity(column)
            return
        side, reason = roles.side_of(column, self._query, self._candidate)
        if not side:
            self._explain(column, f"left out: {reason}")
            return
        feature, description = _transform(column)
        if not feature:
            self._explain(column, f"left out: {description}")
            return
        self._add(side, column, **feature)
        self._explain(column, f"{description}, of the {side}: {reason}")

    def _quantity(self, column: Column) -> None:
        """Leaves out rows that take something back, if a quantity shows which they are."""
        negative = int(np.count_nonzero(column.numbers < 0))
        if not negative:
            self._explain(column, "left out: a quantity is not known before the interaction")
            return
        rules = self._interaction.setdefault("filters", [])
        rules.append({"column": column.name, "min": 1 if column.kind == Kind.INTEGER else 0})
        text = f"rows below {rules[-1]['min']} are left out: {negative:,} are negative"
        self._explain(column, f"{text}, as returns are")


def _transform(column: Column) -> tuple[Feature, str]:
    """Returns a feature's type and transforms and what they are in words; none: why not."""
    if column.kind == Kind.BOOLEAN:
        return {"type": "boolean"}, "boolean"
    if column.kind == Kind.VECTOR:
        vector = {"dimension": column.length}
        return {"type": "vector", "vector": vector}, f"vectors of length {column.length:,}"
    if column.kind == Kind.LIST:
        values: dict[str, Any] = {"max_values": min(_MAX_LIST_VALUES, max(1, column.length))}
        if column.separator:
            values["separator"] = column.separator
        return {"type": "categorical", "values": values}, "several values a row"
    if column.kind == Kind.TIME:
        feature = {"type": "temporal", "time_unit": column.time_unit, "normalize": {}}
        return feature, "a time"
    if column.kind == Kind.TEXT and column.words >= 2 and column.distinct > _MAX_CATEGORIES:
        return {"type": "text"}, f"text of {column.words:.1f} words"
    is_integer = column.kind == Kind.INTEGER
    if column.kind == Kind.TEXT or (is_integer and column.distinct <= _MAX_INTEGER_CATEGORIES):
        return {"type": "categorical"}, f"one of {column.distinct:,} values"
    if is_integer and roles.is_identifier(column):
        return {"type": "categorical"}, f"one of {column.distinct:,} values, by its name"
    normalize = {"log": True} if _is_skewed(column.numbers) else {}
    scale = "a number on a log scale" if normalize else "a number"
    return {"type": "numeric", "normalize": normalize}, scale


def _is_skewed(numbers: np.ndarray) -> bool:
    """Returns whether a few large numbers dominate."""
    sizes = np.abs(numbers[~np.isnan(numbers)])
    return bool(sizes.mean() > 2 * max(float(np.median(sizes)), 1e-9))
