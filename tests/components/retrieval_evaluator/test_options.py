"""Parameters in the forms that runners hand them over."""

import pytest

from tfx_retrieval.components.retrieval_evaluator import options
from tfx_retrieval.components.retrieval_evaluator.thresholds import Threshold
from tfx_retrieval.errors import InputError

IDS = {"query_id": "u", "candidate_id": "i"}


def test_defaults():
    parsed = options.parse_options(IDS)
    assert parsed.ks == (10, 50, 100)
    assert parsed.eval_splits is None
    assert parsed.exclude_seen_splits is None
    assert parsed.thresholds == (Threshold("recall@100", min_ratio_to_popularity=1.0),)
    assert parsed.timestamp is None


@pytest.mark.parametrize("decoded", [False, True])
def test_lists_as_text_or_decoded(decoded):
    properties = {
        "ks": [20, 5, 5] if decoded else "[20, 5, 5]",
        "exclude_seen_splits": [] if decoded else "[]",
        "eval_splits": None if decoded else "null",
        "slices": ["Country"] if decoded else '["Country"]',
        "thresholds": [{"metric": "mrr", "min": 0.1}]
        if decoded
        else '[{"metric": "mrr", "min": 0.1}]',
    }
    parsed = options.parse_options({**IDS, **properties})
    assert parsed.ks == (5, 20)
    assert parsed.exclude_seen_splits == ()
    assert parsed.eval_splits is None
    assert parsed.slices == ("Country",)
    assert parsed.thresholds == (Threshold("mrr", min=0.1),)


def test_all_problems_are_told_at_once():
    properties = {
        "query_id": "",
        "candidate_id": "i",
        "ks": "[0]",
        "eval_splits": "[]",
        "exclude_seen_splits": "train",
        "slices": "[1]",
        "thresholds": '[{"metric": "mrr"}]',
        "seed": -1,
        "bootstrap_samples": True,
        "max_queries": "5",
    }
    with pytest.raises(InputError) as caught:
        options.parse_options(properties)
    names = {problem.where.split("(")[1].split("=")[0] for problem in caught.value.problems}
    assert names == properties.keys() - {"candidate_id"}
