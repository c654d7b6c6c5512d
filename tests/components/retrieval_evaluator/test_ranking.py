"""Ranking against plain sorting, with ties, seen items and every depth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ranking_oracle

from tfx_retrieval.components.retrieval_evaluator import full_ranking, popularity, ranking
from tfx_retrieval.errors import InputError


def as_function(scores):
    matrix = np.asarray(scores, np.float32)
    return lambda rows: matrix[rows]


@st.composite
def rankings(draw):
    """Scores with ties, seen items and requests; returns also the ks."""
    candidates = draw(st.integers(1, 60))
    queries = draw(st.integers(1, 6))
    seed = draw(st.integers(0, 2**32 - 1))
    levels = draw(st.sampled_from([1, 3, 1000]))
    generator = np.random.default_rng(seed)
    scores = generator.integers(-levels, levels + 1, (queries, candidates)) / 4
    seen = generator.random((queries, candidates)) < draw(st.sampled_from([0, 0.3, 1]))
    ks = draw(st.lists(st.integers(1, 70), min_size=1, max_size=3, unique=True).map(sorted))
    return scores, seen, ks


def all_requests(queries, candidates, group):
    """Every candidate in every ranking, and one outside the catalogue."""
    rows = np.repeat(np.arange(queries), candidates + 1)
    return ranking.Requests(
        rows, np.tile(np.arange(candidates + 1), queries), np.full(len(rows), group)
    )


def rank_all(scores, seen, ks, group=-1, batch_size=None, information=None):
    queries, candidates = scores.shape
    table = ranking.SeenItems.from_pairs(*np.nonzero(seen), queries, candidates)
    return full_ranking.rank_requests(
        as_function(scores),
        np.arange(queries),
        np.arange(queries),
        table,
        all_requests(queries, candidates, group),
        ks,
        counted=np.ones(queries, bool),
        item_information=np.arange(candidates) * 1.0 if information is None else information,
        batch_size=batch_size,
    )


@settings(max_examples=150, deadline=None)
@given(rankings(), st.integers(1, 4))
def test_ranks_equal_plain_sorting(problem, batch_size):
    scores, seen, ks = problem
    ranks = rank_all(scores, seen, ks, batch_size=batch_size)
    queries, candidates = scores.shape
    recommended = {k: set() for k in ks}
    for query in range(queries):
        excluded = set(np.flatnonzero(seen[query]))
        with_seen = ranking_oracle.ranked(scores[query].tolist(), set())
        unseen = ranking_oracle.ranked(scores[query].tolist(), excluded)
        for item in range(candidates + 1):
            place = query * (candidates + 1) + item
            for found, expected in (
                (ranks.excluded[place], ranking_oracle.rank_of(unseen, item)),
                (ranks.kept[place], ranking_oracle.rank_of(with_seen, item)),
            ):
                assert found == expected or (found == 0 and expected > max(ks))
        for column, k in enumerate(ks):
            recommended[k].update(unseen[:k])
            mean = np.mean(unseen[:k]) if unseen else 0
            assert ranks.information[query, column] == pytest.approx(mean)
    for column, k in enumerate(ks):
        assert set(np.flatnonzero(ranks.recommended[column])) == recommended[k]


@settings(max_examples=150, deadline=None)
@given(rankings(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_one_request_a_ranking_is_ranked_like_many(problem, batch_size, random):
    scores, seen, ks = problem
    queries, candidates = scores.shape
    scores[random.randrange(queries), random.randrange(candidates)] = -np.inf
    asked = np.array([random.randrange(candidates + 1) for _ in range(queries)])
    expected = rank_all(scores, seen, ks, batch_size=batch_size)
    found = full_ranking.rank_requests(
        as_function(scores),
        np.arange(queries),
        np.arange(queries),
        ranking.SeenItems.from_pairs(*np.nonzero(seen), queries, candidates),
        ranking.Requests(np.arange(queries), asked, np.full(queries, -1)),
        ks,
        counted=np.zeros(queries, bool),
        item_information=np.zeros(candidates),
        batch_size=batch_size,
    )
    places = np.arange(queries) * (candidates + 1) + asked
    np.testing.assert_array_equal(found.kept, expected.kept[places])
    near = (found.excluded <= max(ks)) | (expected.excluded[places] > 0)
    np.testing.assert_array_equal(found.excluded[near], expected.excluded[places][near])
    assert not found.recommended.any()


@settings(max_examples=100, deadline=None)
@given(rankings())
def test_the_best_of_a_group_is_ranked_however_deep(problem):
    scores, seen, _ = problem
    queries, candidates = scores.shape
    # The worse half of the candidates is one group, all others are in none.
    for query in range(queries):
        order = ranking_oracle.ranked(scores[query].tolist(), set(np.flatnonzero(seen[query])))
        group = order[len(order) // 2 :]
        if not group:
            continue
        requests = ranking.Requests(
            np.zeros(len(group), int), np.sort(group), np.zeros(len(group), int)
        )
        ranks = full_ranking.rank_requests(
            as_function(scores[[query]]),
            np.zeros(1, int),
            np.zeros(1, int),
            ranking.SeenItems.from_pairs(*np.nonzero(seen[[query]]), 1, candidates),
            requests,
            [1],
            counted=np.ones(1, bool),
            item_information=np.zeros(candidates),
        )
        assert ranks.excluded[list(np.sort(group)).index(group[0])] == len(order) // 2 + 1


@settings(max_examples=150, deadline=None)
@given(rankings(), st.integers(0, 100))
def test_a_fixed_order_ranks_like_its_scores(problem, rotation):
    _, seen, ks = problem
    queries, candidates = seen.shape
    fixed = popularity.FixedOrder(
        np.random.default_rng(rotation).permutation(candidates),
        (np.arange(queries) * rotation) % candidates,
    )
    grid = np.meshgrid(np.arange(queries), np.arange(candidates), indexing="ij")
    scores = -fixed.places(grid[0].ravel(), grid[1].ravel()).reshape(queries, candidates)
    expected = rank_all(scores, seen, ks)
    found = popularity.rank_fixed_order(
        fixed,
        np.arange(queries),
        ranking.SeenItems.from_pairs(*np.nonzero(seen), queries, candidates),
        all_requests(queries, candidates, -1),
        ks,
        counted=np.ones(queries, bool),
        item_information=np.arange(candidates) * 1.0,
    )
    shallow = expected.excluded > 0
    np.testing.assert_array_equal(found.excluded[shallow], expected.excluded[shallow])
    assert (found.excluded[~shallow] * (found.excluded[~shallow] <= max(ks)) == 0).all()
    shallow = expected.kept > 0
    np.testing.assert_array_equal(found.kept[shallow], expected.kept[shallow])
    np.testing.assert_array_equal(found.recommended, expected.recommended)
    np.testing.assert_allclose(found.information, expected.information)


def test_rankings_that_are_not_counted_recommend_nothing():
    ranks = full_ranking.rank_requests(
        as_function([[3, 2, 1], [1, 2, 3]]),
        np.array([0, 1]),
        np.array([0, 0]),
        ranking.SeenItems.from_pairs([], [], 1, 3),
        ranking.Requests(np.array([1]), np.array([2]), np.array([-1])),
        [1],
        counted=np.array([True, False]),
        item_information=np.ones(3),
    )
    assert ranks.recommended.tolist() == [[True, False, False]]
    assert ranks.information.tolist() == [[1.0], [0.0]]
    assert ranks.excluded.tolist() == [1]


def test_popularity_order_breaks_ties_by_index():
    fixed = popularity.popularity_order([1, 5, 5, 0, 1], 2)
    assert fixed.order.tolist() == [1, 2, 0, 4, 3]
    assert fixed.items(np.array([0, 1]), np.array([0, 0])).tolist() == [1, 1]


def test_random_order_is_uniform_and_seeded():
    fixed = popularity.random_order(5, 20_000, seed=3)
    queries = np.arange(20_000)
    for candidate in range(5):
        places = fixed.places(queries, np.full(20_000, candidate))
        assert np.bincount(places) / 20_000 == pytest.approx(np.full(5, 0.2), abs=0.015)
    np.testing.assert_array_equal(fixed.order, popularity.random_order(5, 20_000, seed=3).order)
    assert not np.array_equal(fixed.offsets, popularity.random_order(5, 20_000, seed=4).offsets)


def test_seen_items_drop_duplicates_and_items_outside():
    table = ranking.SeenItems.from_pairs([1, 1, 1, 0, 1], [2, 0, 2, 9, -1], 3, 3)
    assert table.counts().tolist() == [0, 2, 0]
    assert table.items.tolist() == [0, 2]
    contains = table.contains(np.array([1, 1, 0, 1]), np.array([2, 1, 2, 9]))
    assert contains.tolist() == [True, False, False, False]
    rows, items = table.of_rows(np.array([1, 0, 1]))
    assert (rows.tolist(), items.tolist()) == ([0, 0, 2, 2], [0, 2, 0, 2])


def test_minus_infinity_is_never_recommended():
    ranks = rank_all(np.array([[1.0, -np.inf, 0.0]]), np.zeros((1, 3), bool), [3])
    assert ranks.recommended.tolist() == [[True, False, True]]
    assert ranks.excluded.tolist() == [1, 0, 2, 0]


def test_zeros_of_both_signs_are_ties():
    ranks = rank_all(np.array([[-0.0, 0.0, -0.0]]), np.zeros((1, 3), bool), [3])
    assert ranks.excluded.tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize("embedding", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_are_refused(embedding):
    with pytest.raises(InputError, match=r"candidate embeddings[\s\S]*in 1 of 2"):
        ranking.dot_product_scores([[1.0]], [[1.0], [embedding]])


def test_embeddings_of_different_dimension_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 2\) and \(1, 1\)"):
        ranking.dot_product_scores([[1.0, 2.0]], [[1.0]])


def test_scores_of_the_wrong_shape_or_nan_are_refused():
    with pytest.raises(ValueError, match=r"must return an array of shape \(1, 3\)"):
        rank_all_with(lambda rows: np.zeros((1, 2)))
    with pytest.raises(ValueError, match="NaN"):
        rank_all_with(lambda rows: np.array([[0, np.nan, 1]]))


def rank_all_with(scores):
    return full_ranking.rank_requests(
        scores,
        np.zeros(1, int),
        np.zeros(1, int),
        ranking.SeenItems.from_pairs([], [], 1, 3),
        all_requests(1, 3, -1),
        [1],
        counted=np.ones(1, bool),
        item_information=np.ones(3),
    )


def test_a_seen_tie_beyond_the_depth_has_no_kept_rank():
    """All are equal and 3 was seen: the ties 1 and 2 need not be sorted for the first place."""
    ranks = rank_all(np.zeros((1, 4)), np.array([[False, False, False, True]]), [1])
    assert ranks.kept.tolist() == [1, 0, 0, 0, 0]
    assert ranks.excluded[0] == 1


def test_information_is_that_of_smoothed_counts():
    assert popularity.item_information([5, 1, 0]) == pytest.approx(-np.log2([6 / 9, 2 / 9, 1 / 9]))
