"""Cold-start and column slices."""

import numpy as np

from tfx_retrieval.components.retrieval_evaluator import slices


def test_cold_and_warm_split_the_interactions():
    masks = slices.cold_start_slices(
        np.array([0, 1, 1, 0]),
        np.array([0, 1, 2, 9]),
        trained_queries=np.array([True, False]),
        train_counts=np.array([3, 0, 1]),
    )
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "query:cold": [False, True, True, False],
        "query:warm": [True, False, False, True],
        "candidate:cold": [False, True, False, True],
        "candidate:warm": [True, False, True, False],
    }


def test_multi_valued_rows_are_in_several_slices_and_missing_ones_in_none():
    masks, left_out = slices.column_slices(
        "genre", np.array([0, 0, 2]), np.array([0, 1, 0]), ["drama", "comedy"], 4
    )
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "genre=comedy": [True, False, False, False],
        "genre=drama": [True, False, True, False],
    }
    assert left_out == 0


def test_only_the_most_frequent_values_and_those_with_a_threshold_are_sliced():
    codes = np.concatenate([np.repeat(np.arange(50), 2), [50, 51]])
    values = [f"v{code}" for code in range(52)]
    masks, left_out = slices.column_slices(
        "c", np.arange(102), codes, values, 102, frozenset({"c=v51"})
    )
    assert len(masks) == 51
    assert "c=v51" in masks
    assert "c=v50" not in masks
    assert left_out == 1
