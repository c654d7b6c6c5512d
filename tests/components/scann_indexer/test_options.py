"""Index options: the choice of algorithm and the size-aware defaults."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_retrieval.components.scann_indexer.options import (
    MIN_SCANN_CANDIDATES,
    ScannOptions,
    parse_retrieval,
    plan_index,
)
from tfx_retrieval.errors import InputError


def plan(candidates, dimension=32, **retrieval):
    return plan_index(parse_retrieval(json.dumps(retrieval)), candidates, dimension)


@pytest.mark.parametrize("value", [None, "", "{}", {}])
def test_no_options_give_the_defaults(value):
    retrieval = parse_retrieval(value)

    assert (retrieval.top_k, retrieval.scann_threshold) == (100, 20_000)
    assert retrieval.min_index_recall == pytest.approx(0.9)


def test_text_and_object_are_the_same():
    options = {"algorithm": "scann", "top_k": 7, "scann": {"leaves": 5}}

    assert parse_retrieval(options) == parse_retrieval(json.dumps(options))


def test_all_problems_are_reported_with_their_paths():
    with pytest.raises(InputError) as caught:
        parse_retrieval('{"top_k": 0, "algoritm": "auto"}')

    places = {problem.where for problem in caught.value.problems}
    assert {place.rsplit(" ", 1)[1] for place in places} == {
        "$.retrieval.top_k",
        "$.retrieval.algoritm",
    }


@pytest.mark.parametrize(
    ("candidates", "retrieval", "algorithm", "reason"),
    [
        (19_999, {}, "brute_force", "auto: 19,999 candidates are fewer than 20,000"),
        (20_000, {}, "scann", "auto: 20,000 candidates are at least 20,000"),
        (30_000, {"scann_threshold": 40_000}, "brute_force", "fewer than 40,000"),
        (15, {"scann_threshold": 1}, "brute_force", "fewer than 16"),
        (16, {"scann_threshold": 1}, "scann", "at least 16"),
        (16, {"algorithm": "scann"}, "scann", "asked for"),
        (10**7, {"algorithm": "brute_force"}, "brute_force", "asked for"),
    ],
)
def test_the_algorithm_and_its_reason(candidates, retrieval, algorithm, reason):
    chosen = plan(candidates, **retrieval)

    assert chosen.algorithm == algorithm
    assert reason in chosen.reason
    assert (chosen.scann is None) == (algorithm == "brute_force")


@pytest.mark.parametrize(
    ("candidates", "top_k", "expected"),
    [
        (1_000_000, 100, ScannOptions(1000, 100, 2, 400)),
        (100_000, 10, ScannOptions(316, 32, 2, 100)),
        # Small catalogues: a tenth of the leaves would hold less than what is rescored.
        (1_000, 100, ScannOptions(32, 32, 2, 400)),
        (16, 100, ScannOptions(4, 4, 2, 16)),
    ],
)
def test_scann_defaults_follow_the_size(candidates, top_k, expected):
    assert plan(candidates, algorithm="scann", top_k=top_k).scann == expected


def test_scann_options_asked_for_are_kept():
    asked = {"leaves": 50, "leaves_to_search": 7, "dimensions_per_block": 4, "reorder": 60}

    chosen = plan(1_000, algorithm="scann", top_k=10, scann=asked)

    assert chosen.scann == ScannOptions(**asked)


def test_top_k_is_capped_at_the_catalogue():
    assert plan(7, top_k=100).top_k == 7


def test_scann_options_that_do_not_fit_are_all_reported():
    asked = {"leaves": 20, "dimensions_per_block": 9}

    with pytest.raises(InputError) as caught:
        plan(10, dimension=8, algorithm="scann", top_k=5, scann=asked)

    places = [problem.where.rsplit("$.retrieval.", 1)[1] for problem in caught.value.problems]
    assert places == [
        "algorithm",
        "scann.leaves",
        "scann.dimensions_per_block",
    ]
    assert "catalogue of 10" in str(caught.value)


def test_leaves_to_search_beyond_the_default_leaves():
    with pytest.raises(InputError, match="at most 10, the number of leaves"):
        plan(100, algorithm="scann", scann={"leaves_to_search": 11})


@given(
    candidates=st.integers(MIN_SCANN_CANDIDATES, 10**8),
    top_k=st.integers(1, 100_000),
    dimension=st.integers(2, 512),
)
def test_defaults_fit_every_catalogue(candidates, top_k, dimension):
    chosen = plan(candidates, dimension, algorithm="scann", top_k=top_k)

    options = chosen.scann
    assert 1 <= options.leaves_to_search <= options.leaves <= candidates
    assert chosen.top_k <= options.reorder <= candidates
    # The searched leaves hold enough points to fill the result.
    assert options.leaves_to_search * candidates / options.leaves >= chosen.top_k
