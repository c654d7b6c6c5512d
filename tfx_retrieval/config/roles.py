"""Guesses what the columns of an unknown table are for: ids, times, labels, sides."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from tfx_retrieval.config.input_names import name_words
from tfx_retrieval.config.profile import Column, Kind

QUERY_WORDS = (
    "user",
    "customer",
    "buyer",
    "client",
    "member",
    "visitor",
    "session",
    "account",
    "person",
    "reader",
    "listener",
    "viewer",
    "shopper",
    "pickup",
    "origin",
    "source",
)
CANDIDATE_WORDS = (
    "item",
    "product",
    "movie",
    "film",
    "article",
    "sku",
    "stock",
    "asin",
    "book",
    "track",
    "song",
    "video",
    "document",
    "doc",
    "offer",
    "listing",
    "game",
    "venue",
    "place",
    "recipe",
    "dropoff",
    "destination",
    "target",
)
_ID_WORDS = (
    "id",
    "code",
    "number",
    "no",
    "key",
    "uid",
    "area",
    "sku",
    "asin",
    "tract",
    "zip",
    "postcode",
)
_LABEL_WORDS = ("rating", "label", "score", "stars", "clicked", "click", "purchased", "liked")
_TITLE_WORDS = ("title", "name", "description", "label", "caption")
_QUANTITY_WORDS = ("quantity", "qty", "count", "amount")
# Above this share of rows with a value of their own a column numbers the rows.
_ROW_NUMBER_SHARE = 0.9
_LARGE_EFFECT = 0.7


def find_ids(columns: list[Column]) -> tuple[Column | None, Column | None]:
    """Returns the most likely id columns of query and candidate; None where there is none."""
    usable = [column for column in columns if _can_be_id(column)]
    queries = sorted(usable, key=lambda column: -_id_score(column, QUERY_WORDS))
    query = queries[0] if queries else None
    rest = [column for column in usable if column is not query]
    candidates = sorted(rest, key=lambda column: -_id_score(column, CANDIDATE_WORDS))
    candidate = candidates[0] if candidates else None
    if query is not None and candidate is not None:
        # Of two columns that no name tells apart, queries are the more numerous.
        unnamed = _hint(query, QUERY_WORDS) + _hint(candidate, CANDIDATE_WORDS) == 0
        swapped = _hint(query, CANDIDATE_WORDS) + _hint(candidate, QUERY_WORDS) > 0
        if swapped or (unnamed and candidate.distinct > query.distinct):
            query, candidate = candidate, query
    return query, candidate


def _can_be_id(column: Column) -> bool:
    if column.kind not in (Kind.INTEGER, Kind.TEXT) or column.words > 3:
        return False
    is_named = _hint(column, QUERY_WORDS) or _hint(column, CANDIDATE_WORDS)
    share = 1.0 if is_named and is_identifier(column) else _ROW_NUMBER_SHARE
    return 2 <= column.distinct <= max(2, share * column.rows)


def is_named(column: Column, words: Collection[str]) -> bool:
    """Returns whether the name of a column has one of `words` in it."""
    return not set(name_words(column.name)).isdisjoint(words)


def _hint(column: Column, words: Collection[str]) -> int:
    return int(is_named(column, words))


def _id_score(column: Column, words: tuple[str, ...]) -> float:
    other = CANDIDATE_WORDS if words is QUERY_WORDS else QUERY_WORDS
    score = 6.0 * _hint(column, words) - 3.0 * _hint(column, other)
    score += 3.0 * is_identifier(column)
    score -= 6.0 * is_label(column) + 6.0 * is_quantity(column)
    score -= 3.0 * (1 - column.rows / len(column.codes))
    return score + float(np.log10(column.distinct)) / 2


def is_label(column: Column) -> bool:
    """Returns whether the name of a column says that it is what a ranking model predicts."""
    is_number = column.kind in (Kind.INTEGER, Kind.REAL, Kind.BOOLEAN)
    return is_number and bool(set(_LABEL_WORDS) & set(name_words(column.name)))


def is_identifier(column: Column) -> bool:
    """Returns whether the name of a column says that its values are names of something."""
    return bool(set(_ID_WORDS) & set(name_words(column.name)))


def is_quantity(column: Column) -> bool:
    """Returns whether the name of a column says that it counts what was bought."""
    return bool(set(_QUANTITY_WORDS) & set(name_words(column.name)))


def find_timestamp(columns: list[Column]) -> Column | None:
    """Returns the column that is most likely the time of the interaction."""
    times = [column for column in columns if column.kind == Kind.TIME and column.distinct > 1]
    return max(times, key=lambda column: column.distinct, default=None)


def find_label(columns: list[Column]) -> Column | None:
    """Returns the column that a ranking model would predict."""
    labels = [column for column in columns if is_label(column) and column.distinct > 1]
    return labels[0] if labels else None


def find_title(columns: list[Column], candidate: Column) -> Column | None:
    """Returns the column with the candidates' names."""
    texts = [
        column
        for column in columns
        if column.kind == Kind.TEXT
        and column is not candidate
        and column.distinct > 0.5 * candidate.distinct
        and values_for_each(column, candidate) < 2
    ]
    named = [column for column in texts if _hint(column, _TITLE_WORDS)]
    return (named or texts or [None])[0]  # type: ignore[list-item]


def values_for_each(column: Column, owner: Column) -> float:
    """Returns how many different values `column` has for each value of `owner`, on average."""
    both = (column.codes >= 0) & (owner.codes >= 0)
    if not both.any():
        return float("inf")
    owners = owner.codes[both].astype(np.int64)
    pairs = np.unique(owners * (column.distinct + 1) + column.codes[both])
    return len(pairs) / len(np.unique(owners))


def explained_share(column: Column, owner: Column) -> float:
    """Returns the share of a number's variance that `owner` explains, by ranks."""
    known = ~np.isnan(column.numbers) & (owner.codes >= 0)
    numbers, owners = column.numbers[known], owner.codes[known]
    if len(numbers) < 2:
        return 0.0
    # Ranks: a few huge values would decide otherwise.
    _, ranks = np.unique(numbers, return_inverse=True)
    ranks = ranks - ranks.mean()
    total = float(np.sum(ranks**2))
    counts = np.bincount(owners)
    sums = np.bincount(owners, ranks)
    between = float(np.sum(sums**2 / np.maximum(counts, 1)))
    # Without the correction a column that tells rows apart would explain everything.
    groups = int(np.count_nonzero(counts))
    noise = (total - between) / max(1, len(numbers) - groups) * (groups - 1)
    return max(0.0, (between - noise) / total) if total else 0.0


def side_of(column: Column, query: Column, candidate: Column) -> tuple[str, str]:
    """Returns which side a column describes, "query", "candidate" or neither (""), and why."""
    if not len(column.codes):
        return "candidate", "lists and vectors mostly describe candidates"
    per_query, per_candidate = (values_for_each(column, owner) for owner in (query, candidate))
    if per_query <= 1.1 and per_query <= per_candidate:
        return "query", f"each {query.name} has one value"
    if per_candidate <= 1.1:
        return "candidate", f"each {candidate.name} has one value"
    if len(column.numbers) and column.kind != Kind.BOOLEAN:
        shares = {
            "query": explained_share(column, query),
            "candidate": explained_share(column, candidate),
        }
        side, share = max(shares.items(), key=lambda item: item[1])
        owner = query if side == "query" else candidate
        if share >= _LARGE_EFFECT:
            return side, f"{owner.name} explains {share:.0%} of it"
    return "", f"it varies within {query.name} and within {candidate.name}"
