"""Bootstrap intervals against the closed form for means."""

import numpy as np
import pytest

from tfx_retrieval.components.retrieval_evaluator.bootstrap import confidence_intervals
from tfx_retrieval.components.retrieval_evaluator.metrics import MetricTable


def table(numerators, denominators=None):
    above = np.asarray(numerators, float)[:, None]
    below = np.ones_like(above) if denominators is None else np.asarray(denominators)[:, None]
    return MetricTable(("metric",), above, below.astype(float))


def test_interval_of_a_mean_is_that_of_the_normal_approximation():
    values = np.random.default_rng(0).normal(3, 2, 1000)
    low, high = confidence_intervals(table(values), 2000, seed=1)["metric"]
    error = 1.96 * values.std() / np.sqrt(1000)
    assert low == pytest.approx(values.mean() - error, abs=0.1 * error)
    assert high == pytest.approx(values.mean() + error, abs=0.1 * error)


def test_interactions_of_one_query_are_drawn_together():
    """Ten queries of 100 equal interactions each say no more than ten interactions."""
    outcome = np.arange(10) % 2
    alone = confidence_intervals(table(outcome), 500, seed=1)
    together = confidence_intervals(table(outcome * 100, np.full(10, 100)), 500, seed=1)
    assert together == alone


def test_queries_without_a_denominator_count_for_nothing():
    values = [1.0, 0.0, 1.0, 0.0]
    padded = table([*values, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0])
    assert confidence_intervals(padded, 100, seed=5) == confidence_intervals(
        table(values), 100, seed=5
    )


def test_draws_in_several_blocks_are_seeded(monkeypatch):
    from tfx_retrieval.components.retrieval_evaluator import bootstrap

    values = np.random.default_rng(0).random(50)
    at_once = confidence_intervals(table(values), 99, seed=2)
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 500)
    assert confidence_intervals(table(values), 99, seed=2) == at_once
    assert confidence_intervals(table(values), 99, seed=3) != at_once


def test_no_samples_and_no_queries_give_no_interval():
    assert confidence_intervals(table([1.0]), 0, seed=1) == {}
    assert confidence_intervals(table([0.0], [0.0]), 10, seed=1) == {}
