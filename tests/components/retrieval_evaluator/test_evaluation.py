"""`evaluate_rankings` against plain loops."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ranking_oracle

from tfx_retrieval.components.retrieval_evaluator import popularity
from tfx_retrieval.components.retrieval_evaluator.evaluation import (
    dot_product_scores,
    evaluate_rankings,
)
from tfx_retrieval.errors import InputError


@st.composite
def problems(draw):
    """A random catalogue, test interactions with contexts, seen items and a slice."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    candidates = draw(st.integers(1, 40))
    queries, contexts = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    size = draw(st.integers(1, 30))
    levels = draw(st.sampled_from([1, 4, 1000]))
    query = generator.integers(queries, size=size) * 7 + 3
    # Now and then an item outside the catalogue.
    item = generator.integers(candidates + draw(st.integers(0, 2)), size=size)
    context = generator.integers(contexts, size=size)
    scores = generator.integers(-levels, levels + 1, (60 * contexts, candidates)) / 8
    seen = generator.integers(60, size=200), generator.integers(candidates, size=200)
    chosen = generator.random(200) < draw(st.sampled_from([0.0, 0.2, 1.0]))
    return {
        "scores": scores,
        "query": query,
        "item": item,
        "row": query * contexts + context,
        "seen": (seen[0][chosen], seen[1][chosen]),
        "slice": generator.random(size) < 0.5,
        "ks": sorted(draw(st.sets(st.integers(1, 45), min_size=1, max_size=3))),
    }


def seen_sets(problem):
    seen = {}
    for query, item in zip(*problem["seen"], strict=True):
        seen.setdefault(int(query), set()).add(int(item))
    return seen


@settings(max_examples=150, deadline=None)
@given(problems(), st.sampled_from([None, 1, 3]))
def test_metrics_equal_plain_loops(problem, batch_size):
    candidates = problem["scores"].shape[1]
    seen = seen_sets(problem)
    test = list(zip(*(problem[key].tolist() for key in ("query", "item", "row")), strict=True))

    def evaluate():
        return evaluate_rankings(
            lambda rows: problem["scores"][rows].astype(np.float32),
            problem["query"],
            problem["item"],
            number_of_candidates=candidates,
            seen_queries=problem["seen"][0],
            seen_candidates=problem["seen"][1],
            score_rows=problem["row"],
            ks=problem["ks"],
            slices={"chosen": problem["slice"]},
            batch_size=batch_size,
        )

    if all(item in seen.get(query, ()) for query, item, _ in test):
        with pytest.raises(InputError, match="interacted with before"):
            evaluate()
        return
    result = evaluate()
    counts = np.bincount(problem["seen"][1], minlength=candidates)
    information = popularity.item_information(counts)
    popular = np.tile(counts, (len(problem["scores"]), 1)).tolist()
    of_slice = problem["slice"].tolist()
    for found, scores in (
        (result.model, problem["scores"].tolist()),
        (result.popularity, popular),
    ):
        expected = ranking_oracle.evaluate(scores, test, seen, information, problem["ks"])
        assert found == pytest.approx(expected)
    for found, scores in (
        (result.slices["chosen"].model, problem["scores"].tolist()),
        (result.slices["chosen"].popularity, popular),
    ):
        expected = ranking_oracle.evaluate(scores, test, seen, information, problem["ks"], of_slice)
        assert found == pytest.approx(expected)


def test_metrics_by_hand():
    """One query, ranking 0 1 2 3 4 without the seen 0: relevant are 1 (rank 1) and 4 (rank 4)."""
    result = evaluate_rankings(
        dot_product_scores([[1.0]], [[5.0], [4.0], [3.0], [2.0], [1.0]]),
        [0, 0, 0],
        [1, 4, 0],
        number_of_candidates=5,
        seen_queries=[0],
        seen_candidates=[0],
        ks=[1, 3, 4],
    )
    model = result.model
    assert (model["recall@1"], model["recall@3"], model["recall@4"]) == (0.5, 0.5, 1)
    assert (model["precision@3"], model["hit_rate@1"], model["mrr"]) == (pytest.approx(1 / 3), 1, 1)
    ideal = 1 + 1 / np.log2(3)
    assert model["ndcg@1"] == 1
    assert model["ndcg@3"] == pytest.approx(1 / ideal)
    assert model["ndcg@4"] == pytest.approx((1 + 1 / np.log2(5)) / ideal)
    assert model["map@4"] == pytest.approx((1 + 2 / 4) / 2)
    assert model["coverage@3"] == 3 / 5
    # Two unseen interactions; with the seen item kept the ranks are 2, 5 and 1.
    assert model["top_k_accuracy@1"] == 0.5
    assert model["top_k_accuracy_seen_kept@1"] == pytest.approx(1 / 3)
    assert model["top_k_accuracy_seen_kept@4"] == pytest.approx(2 / 3)
    assert result.counts["interactions_seen_before"] == 1


def test_per_query_metrics_use_the_first_row_and_per_interaction_ones_each():
    scores = np.array([[2, 1, 0], [0, 1, 2]], np.float32)
    result = evaluate_rankings(
        lambda rows: scores[rows],
        [5, 5],
        [0, 2],
        number_of_candidates=3,
        score_rows=[0, 1],
        ks=[1],
    )
    assert result.model["recall@1"] == 0.5
    assert result.model["top_k_accuracy@1"] == 1


def test_cut_offs_beyond_the_catalogue_are_computed_over_all_and_noted():
    result = evaluate_rankings(
        dot_product_scores([[1.0]], [[1.0], [2.0]]), [0], [0], number_of_candidates=2, ks=[2, 10]
    )
    assert result.model["recall@10"] == 1
    assert result.model["precision@10"] == pytest.approx(0.1)
    assert result.model["coverage@10"] == 1
    assert result.notes == ("@10 is more than the 2 candidates: computed over all of them.",)


def test_items_outside_the_catalogue_are_misses_and_noted():
    result = evaluate_rankings(
        dot_product_scores([[1.0]], [[1.0], [2.0]]),
        [0, 0, 0],
        [1, 2, 3],
        number_of_candidates=2,
        ks=[2],
    )
    assert result.model["recall@2"] == pytest.approx(1 / 3)
    assert "2 interactions are with items outside the catalogue" in result.notes[0]


def test_baseline_model_is_measured_alike_with_its_own_rows():
    rows = np.array([[1, 0], [0, 1]], np.float32)
    result = evaluate_rankings(
        lambda numbers: rows[numbers],
        [0, 1],
        [0, 0],
        number_of_candidates=2,
        baseline_scores=lambda numbers: rows[numbers],
        baseline_score_rows=[1, 1],
        slices={"second": np.array([False, True])},
        ks=[1],
    )
    assert result.model["recall@1"] == 0.5
    assert result.baseline_model["recall@1"] == 0
    assert result.slices["second"].baseline_model["recall@1"] == 0
    assert result.as_dict()["baseline_model"]["recall@1"] == 0


def test_random_baseline_is_seeded_and_as_good_as_chance():
    generator = np.random.default_rng(0)
    test = generator.integers(2000, size=20_000), generator.integers(200, size=20_000)

    def evaluate(seed):
        return evaluate_rankings(
            lambda rows: np.zeros((len(rows), 200), np.float32),
            *test,
            number_of_candidates=200,
            slices={"half": np.arange(20_000) < 10_000},
            seed=seed,
            ks=[20],
        )

    first = evaluate(1)
    assert first.random == evaluate(1).random
    assert first.random != evaluate(2).random
    assert first.random["recall@20"] == pytest.approx(0.1, abs=0.01)
    assert first.random["coverage@20"] == 1
    assert first.slices["half"].random["recall@20"] == pytest.approx(0.1, abs=0.02)


def test_train_counts_rank_popularity():
    result = evaluate_rankings(
        lambda rows: np.zeros((len(rows), 3), np.float32),
        [0],
        [2],
        number_of_candidates=3,
        train_counts=[0, 1, 5],
        ks=[1],
    )
    assert (result.model["recall@1"], result.popularity["recall@1"]) == (0, 1)


def test_confidence_intervals_hold_the_figures():
    generator = np.random.default_rng(1)
    result = evaluate_rankings(
        dot_product_scores(generator.normal(size=(300, 4)), generator.normal(size=(50, 4))),
        generator.integers(300, size=900),
        generator.integers(50, size=900),
        number_of_candidates=50,
        bootstrap_samples=200,
        ks=[5],
    )
    for name in ("recall@5", "ndcg@5", "mrr", "top_k_accuracy@5"):
        low, high = result.confidence_intervals[name]
        assert low < result.model[name] < high
    assert "coverage@5" not in result.confidence_intervals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_queries": [], "test_candidates": []}, "evaluation interactions"),
        ({"number_of_candidates": 0}, "candidates"),
    ],
)
def test_nothing_to_measure_is_an_input_error(changes, message):
    arguments = {"test_queries": [0], "test_candidates": [0], "number_of_candidates": 1}
    with pytest.raises(InputError, match=message):
        evaluate_rankings(
            lambda rows: np.zeros((len(rows), 1), np.float32), **{**arguments, **changes}
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_candidates": [0, 1]}, r"test_candidates must have shape \(1,\)"),
        ({"test_candidates": [-1]}, "negative"),
        ({"test_queries": [0.5]}, "test_queries must hold integers"),
        ({"ks": [0]}, "positive cut-offs"),
        ({"ks": []}, "positive cut-offs"),
        ({"train_counts": [1, 2]}, r"train_counts must have shape \(1,\)"),
        ({"slices": {"a": np.array([1])}}, "slice 'a' must be bool"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    arguments = {"test_queries": [0], "test_candidates": [0], "number_of_candidates": 1}
    with pytest.raises(ValueError, match=message):
        evaluate_rankings(
            lambda rows: np.zeros((len(rows), 1), np.float32), **{**arguments, **changes}
        )


def test_plain_measuring_imports_neither_tensorflow_nor_tfx():
    code = (
        "import sys; import tfx_retrieval.components.retrieval_evaluator.evaluation; "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'tfx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
