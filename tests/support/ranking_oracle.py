"""Retrieval metrics by plain loops: slow, and simple enough to be checked by eye."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def ranked(scores: Sequence[float], excluded: set[int]) -> list[int]:
    """Candidates by descending score, equal scores by index, without the excluded ones."""
    kept = [item for item in range(len(scores)) if item not in excluded]
    return sorted(kept, key=lambda item: (-scores[item], item))


def rank_of(ranking: Sequence[int], item: int) -> int:
    """1-based rank, 0 if the item is not in the ranking."""
    return ranking.index(item) + 1 if item in ranking else 0


def query_metrics(ranking: Sequence[int], relevant: set[int], ks: Sequence[int]) -> dict:
    """Metrics of one query with at least one relevant item."""
    ranks = [rank for rank, item in enumerate(ranking, start=1) if item in relevant]
    result = {"mrr": 1 / ranks[0] if ranks else 0.0}
    for k in ks:
        hits = [rank for rank in ranks if rank <= k]
        ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
        precisions = [(number + 1) / rank for number, rank in enumerate(hits)]
        result[f"recall@{k}"] = len(hits) / len(relevant)
        result[f"precision@{k}"] = len(hits) / k
        result[f"hit_rate@{k}"] = float(bool(hits))
        result[f"ndcg@{k}"] = sum(1 / math.log2(rank + 1) for rank in hits) / ideal
        result[f"map@{k}"] = sum(precisions) / min(k, len(relevant))
    return result


def evaluate(
    scores: Sequence[Sequence[float]],
    test: Sequence[tuple[int, int, int]],
    seen: Mapping[int, set[int]],
    information: Sequence[float],
    ks: Sequence[int],
    in_slice: Sequence[bool] | None = None,
) -> dict[str, float | None]:
    """Metrics over all queries.

    Args:
        scores: Scores [rows][candidates].
        test: (query, candidate, score row) of each interaction.
        seen: Excluded candidates by query.
        information: Self-information of each candidate.
        ks: Cut-offs.
        in_slice: Which interactions count; without it all, with coverage and novelty.

    Returns:
        The metrics by name, None where there is nothing to average.
    """
    chosen = [True] * len(test) if in_slice is None else in_slice
    first_row: dict[int, int] = {}
    for query, _, row in test:
        first_row.setdefault(query, row)
    per_query: dict[str, list[float]] = {}
    recommended: dict[int, set[int]] = {k: set() for k in ks}
    for query in sorted(first_row):
        excluded = seen.get(query, set())
        ranking = ranked(scores[first_row[query]], excluded)
        relevant = {
            item
            for (owner, item, _), counts in zip(test, chosen, strict=True)
            if owner == query and counts and item not in excluded
        }
        for k in ks:
            recommended[k].update(ranking[:k])
        if relevant:
            values = query_metrics(ranking, relevant, ks)
            for k in ks:
                top = [information[item] for item in ranking[:k]]
                values[f"novelty@{k}"] = sum(top) / len(top) if top else 0.0
            for name, value in values.items():
                per_query.setdefault(name, []).append(value)
    accuracy: dict[str, list[float]] = {}
    for (query, item, row), counts in zip(test, chosen, strict=True):
        excluded = seen.get(query, set())
        for k in ks:
            if counts and item not in excluded:
                hit = 0 < rank_of(ranked(scores[row], excluded), item) <= k
                accuracy.setdefault(f"top_k_accuracy@{k}", []).append(hit)
            if counts:
                hit = 0 < rank_of(ranked(scores[row], set()), item) <= k
                accuracy.setdefault(f"top_k_accuracy_seen_kept@{k}", []).append(hit)
    result: dict[str, float | None] = {}
    bases = ["recall", "precision", "hit_rate", "ndcg", "map", "top_k_accuracy"]
    for name in ["mrr", *(f"{b}@{k}" for b in [*bases, "top_k_accuracy_seen_kept"] for k in ks)]:
        values = {**per_query, **accuracy}.get(name)
        result[name] = sum(values) / len(values) if values else None
    if in_slice is None:
        for k in ks:
            novelty = per_query.get(f"novelty@{k}")
            result[f"novelty@{k}"] = sum(novelty) / len(novelty) if novelty else None
            result[f"coverage@{k}"] = len(recommended[k]) / len(information)
    return result
