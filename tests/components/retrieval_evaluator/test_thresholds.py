"""Limits, what they are held against, and messages for wrong ones."""

import numpy as np
import pytest

from tfx_retrieval.components.retrieval_evaluator import evaluation, metrics, thresholds
from tfx_retrieval.errors import InputError

KS = (10, 100)


def figures(model, popularity=None, baseline_model=None, slices=None):
    empty = metrics.MetricTable((), np.zeros((0, 0)), np.zeros((0, 0)))
    return evaluation.Evaluation(
        model, popularity or {}, {}, baseline_model, {}, slices or {}, {}, (), empty
    )


def check(threshold, found):
    parsed = thresholds.parse_thresholds([threshold], KS, ["Country"], "thresholds")
    checks, blessed = thresholds.check_thresholds(parsed, found)
    assert len(checks) == 1
    assert blessed == (checks[0].outcome != "failed")
    return checks[0]


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ({"min": 0.4}, "passed"),
        ({"min": 0.5}, "passed"),
        ({"min": 0.51}, "failed"),
        ({"max": 0.5}, "passed"),
        ({"max": 0.4}, "failed"),
        ({"min_ratio_to_popularity": 2}, "passed"),
        ({"min_ratio_to_popularity": 2.1}, "failed"),
        ({"min_change_from_baseline_model": -0.1}, "passed"),
        ({"min_change_from_baseline_model": 0}, "failed"),
    ],
)
def test_limits(limit, outcome):
    found = figures({"mrr": 0.5}, {"mrr": 0.25}, {"mrr": 0.6})
    assert check({"metric": "mrr", **limit}, found).outcome == outcome


def test_the_limit_is_reported_in_the_metrics_own_terms():
    found = figures({"mrr": 0.5}, {"mrr": 0.3})
    result = check({"metric": "mrr", "min_ratio_to_popularity": 1.5}, found)
    assert (result.received, result.limit) == (0.5, pytest.approx(0.45))
    assert result.reason == "0.5000 >= 0.4500"


def test_several_limits_of_one_threshold_are_several_checks():
    parsed = thresholds.parse_thresholds(
        [{"metric": "mrr", "min": 0.1, "max": 0.2}], KS, [], "thresholds"
    )
    checks, blessed = thresholds.check_thresholds(parsed, figures({"mrr": 0.3}))
    assert [(each.rule, each.outcome) for each in checks] == [("min", "passed"), ("max", "failed")]
    assert not blessed


def test_without_a_baseline_model_its_limit_is_skipped():
    limit = {"metric": "mrr", "min_change_from_baseline_model": 0.1}
    assert check(limit, figures({"mrr": 0.5})).outcome == "skipped"


def test_a_slice_is_held_against_its_own_figures():
    slices = {"Country=France": evaluation.SliceResult(1, 1, {"mrr": 0.1}, {"mrr": 0.2}, {}, None)}
    limit = {"metric": "mrr", "slice": "Country=France", "min_ratio_to_popularity": 1}
    assert check(limit, figures({"mrr": 0.9}, {"mrr": 0.1}, slices=slices)).outcome == "failed"


@pytest.mark.parametrize("slice_name", ["Country=Nowhere", "query:cold"])
def test_a_slice_without_interactions_fails(slice_name):
    slices = {"query:cold": evaluation.SliceResult(0, 0, {"mrr": None}, {"mrr": None}, {}, None)}
    limit = {"metric": "mrr", "slice": slice_name, "min": 0}
    result = check(limit, figures({"mrr": 0.9}, slices=slices))
    assert (result.outcome, result.reason) == ("failed", "there is nothing to measure it on")


def test_by_default_recall_must_reach_popularity():
    (threshold,) = thresholds.parse_thresholds(None, KS, [], "thresholds")
    assert threshold == thresholds.Threshold("recall@100", min_ratio_to_popularity=1.0)


def test_no_thresholds_bless_everything():
    assert thresholds.check_thresholds([], figures({})) == ((), True)


def test_all_problems_are_told_at_once():
    values = [
        {"metric": "recal@10", "min": 0.1},
        {"metric": "recall@20", "min": "high"},
        {"metric": "mrr"},
        {"metric": "mrr", "minimum": 1, "max": True},
        {"metric": "coverage@10", "slice": "query:warm", "min": 0},
        {"metric": "mrr", "slice": "query:hot", "min": 0},
        {"metric": "mrr", "slice": "City=Paris", "min": 0},
        "mrr",
        {"min": 0},
    ]
    with pytest.raises(InputError) as caught:
        thresholds.parse_thresholds(values, KS, ["Country"], "thresholds")
    where = [problem.where for problem in caught.value.problems]
    assert where == [
        "thresholds: $[0].metric",
        "thresholds: $[1].min",
        "thresholds: $[1].metric",
        "thresholds: $[2]",
        "thresholds: $[3]",
        "thresholds: $[3].max",
        "thresholds: $[4].metric",
        "thresholds: $[5].slice",
        "thresholds: $[6].slice",
        "thresholds: $[7]",
        "thresholds: $[8].metric",
    ]
    text = str(caught.value)
    assert 'Did you mean "recall@10"?' in text
    assert 'Did you mean "query:' in text
    assert "To slice by 'City', add it to slices." in text


def test_something_else_than_a_list_is_refused():
    with pytest.raises(InputError, match="JSON list of thresholds"):
        thresholds.parse_thresholds({"metric": "mrr"}, KS, [], "thresholds")
