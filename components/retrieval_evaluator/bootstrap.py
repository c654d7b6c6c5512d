"""Bootstrap confidence intervals over queries."""

from __future__ import annotations

import numpy as np

from tfx_retrieval.components.retrieval_evaluator.metrics import MetricTable

_DRAWS_AT_ONCE = 4_000_000


def confidence_intervals(
    table: MetricTable, samples: int, seed: int, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Computes percentile intervals by drawing queries with replacement (Efron, 1979).

    Queries, not interactions, are drawn: the interactions of one query are not independent.

    Args:
        table: The metric sums by query.
        samples: How many times to draw; 0 computes nothing.
        seed: Seed of the generator.
        level: Share of the bootstrap distribution between the bounds.

    Returns:
        Metric name to lower and upper bound; without metrics that could not be measured.
    """
    kept = np.flatnonzero(table.denominators.any(axis=1))
    if not samples or not len(kept):
        return {}
    generator = np.random.default_rng(seed)
    step = max(1, _DRAWS_AT_ONCE // len(kept))
    quotients = []
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        draws = generator.integers(len(kept), size=(rows, len(kept)))
        draws += np.arange(rows)[:, None] * len(kept)
        counts = np.bincount(draws.ravel(), minlength=rows * len(kept))
        weights = counts.reshape(rows, len(kept)).astype(np.float64)
        below = weights @ table.denominators[kept]
        above = weights @ table.numerators[kept]
        quotients.append(np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0))
    distribution = np.concatenate(quotients)
    measured = np.flatnonzero(~np.isnan(distribution).all(axis=0))
    bounds = np.nanquantile(distribution[:, measured], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {
        table.names[metric]: (float(bounds[0, column]), float(bounds[1, column]))
        for column, metric in enumerate(measured)
    }
