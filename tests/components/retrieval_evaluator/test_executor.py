"""The executor with real SavedModels and Examples, against plain loops."""

import json
import os

import numpy as np
import pytest
from support import ranking_oracle
from tfx.components.evaluator import executor as stock_evaluator
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy
from tfx.types import standard_artifacts

from tfx_retrieval.components.retrieval_evaluator import executor, ids_reader, popularity
from tfx_retrieval.errors import InputError

ITEMS = {"a": [4.0], "b": [3.0], "c": [2.0], "d": [1.0]}


def rows(*pairs, **columns):
    return [{"user_id": user, "item_id": item, **columns} for user, item in pairs]


def catalogue(examples, ids):
    return examples({"candidates": [{"item_id": each} for each in ids]})


@pytest.mark.parametrize(("kind", "rows_at_once"), [(str, 50), (int, 1000)])
def test_figures_equal_plain_loops(evaluate, examples, model, kind, rows_at_once, monkeypatch):
    """Random interactions, three splits, cold queries and items, several shards, both id types."""
    monkeypatch.setattr(ids_reader, "_PARSED_ROWS", rows_at_once)
    monkeypatch.setattr(ids_reader, "_ROWS_PER_PART", rows_at_once)
    generator = np.random.default_rng(7)

    def named(prefix, numbers):
        return [f"{prefix}{n:03}" if kind is str else int(n) for n in numbers]

    users, items = named("u", range(40)), named("i", range(30))
    vectors = [
        dict(zip(ids[:-5], generator.integers(-2, 3, (len(ids) - 5, 4)).tolist(), strict=True))
        for ids in (users, items)
    ]
    pairs = {
        name: [
            (int(query), int(item))
            for query, item in zip(
                generator.integers(first, 40, size), generator.integers(0, last, size), strict=True
            )
        ]
        for name, first, last, size in (
            ("train", 5, 28, 300),
            ("eval", 5, 30, 60),
            ("test", 0, 30, 90),
        )
    }
    raw = {
        name: [{"user_id": users[query], "item_id": items[item]} for query, item in split]
        for name, split in pairs.items()
    }
    run = evaluate(
        model(*vectors),
        examples(raw, shards=3),
        catalogue(examples, reversed(items)),
        ks="[3, 10, 40]",
    )

    def matrix(ids, known):
        return np.array([known.get(each, [0] * 4) for each in ids])

    scores = (matrix(users, vectors[0]) @ matrix(items, vectors[1]).T).tolist()
    seen = {}
    for query, item in pairs["train"] + pairs["eval"]:
        seen.setdefault(query, set()).add(item)
    test = [(query, item, query) for query, item in pairs["test"]]
    counts = np.bincount([item for _, item in pairs["train"]], minlength=30)
    information = popularity.item_information(counts)
    expected = ranking_oracle.evaluate(scores, test, seen, information, [3, 10, 40])
    assert run.metrics["eval"] == pytest.approx(expected)
    expected = ranking_oracle.evaluate([counts.tolist()] * 40, test, seen, information, [3, 10, 40])
    assert run.metrics["baseline"] == pytest.approx(expected)
    trained = {query for query, _ in pairs["train"]}
    for name, chosen in (
        ("query:cold", [query not in trained for query, _ in pairs["test"]]),
        ("candidate:cold", [counts[item] == 0 for _, item in pairs["test"]]),
    ):
        expected = ranking_oracle.evaluate(scores, test, seen, information, [3, 10, 40], chosen)
        assert run.metrics["slices"][name]["eval"] == pytest.approx(expected)
        assert run.metrics["slices"][name]["interactions"] == sum(chosen) > 0
    assert run.metrics["protocol"]["split"] == "test"
    assert "split train, eval are excluded" in run.metrics["protocol"]["seen"]
    assert run.metrics["counts"]["train_interactions"] == 300
    assert "@40 is more than the 30 candidates" in run.metrics["notes"][0]


def test_metrics_file_has_the_keys_of_the_command_line(evaluate, examples, model):
    run = evaluate(
        model({"u": [1.0]}, ITEMS), examples({"train": rows(("u", "a")), "eval": rows(("u", "b"))})
    )
    wanted = {
        f"{name}@{k}" for name in ("recall", "ndcg", "hit_rate", "coverage") for k in (10, 50, 100)
    } | {"mrr"}
    for system in ("eval", "baseline", "random"):
        assert wanted <= run.metrics[system].keys()
    with open(os.path.join(run.evaluation.uri, "metrics.json")) as file:
        text = file.read()
    assert text == json.dumps(run.metrics, indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize(
    ("properties", "recall"),
    [
        # The ranking is a b c d; a and b were seen, so the eval item c is first.
        ({}, 1.0),
        ({"exclude_seen_splits": "[]"}, 0.0),
    ],
)
def test_seen_items_are_excluded_unless_told_otherwise(
    evaluate, examples, model, properties, recall
):
    splits = {"train": rows(("u", "a"), ("u", "b"), ("v", "d")), "eval": rows(("u", "c"))}
    run = evaluate(model({"u": [1.0]}, ITEMS), examples(splits), ks="[1]", **properties)
    assert run.metrics["eval"]["recall@1"] == recall
    assert run.metrics["eval"]["top_k_accuracy_seen_kept@1"] == 0


def test_an_item_seen_before_is_no_relevant_item(evaluate, examples, model):
    splits = {
        "train": rows(("u", "a"), ("v", "c"), ("v", "d")),
        "eval": rows(("u", "a"), ("u", "b")),
    }
    run = evaluate(model({"u": [1.0]}, ITEMS), examples(splits), ks="[1]")
    assert run.metrics["eval"]["recall@1"] == 1
    assert run.metrics["counts"]["interactions_seen_before"] == 1
    assert run.metrics["counts"]["relevant_items"] == 1


def test_evaluating_on_eval_of_three_splits_excludes_train_alone(evaluate, examples, model):
    splits = {
        "train": rows(("u", "a"), ("v", "c"), ("v", "d")),
        "eval": rows(("u", "c")),
        "test": rows(("u", "b")),
    }
    run = evaluate(model({"u": [1.0]}, ITEMS), examples(splits), ks="[2]", eval_splits='["eval"]')
    assert run.metrics["eval"]["recall@2"] == 1
    assert run.metrics["eval"]["mrr"] == 0.5
    assert run.metrics["protocol"]["split"] == "eval"


def test_without_candidates_the_catalogue_is_every_item_that_occurs(evaluate, examples, model):
    splits = {"train": rows(("u", "a"), ("v", "d")), "eval": rows(("u", "c"))}
    run = evaluate(model({"u": [1.0]}, ITEMS), examples(splits))
    assert run.metrics["counts"]["candidates"] == 3


def test_items_outside_the_catalogue_are_missed(evaluate, examples, model):
    splits = {"train": rows(("v", "a")), "eval": rows(("u", "a"), ("u", "z"), ("u", "y"))}
    run = evaluate(
        model({"u": [1.0]}, ITEMS), examples(splits), catalogue(examples, "abcd"), ks="[4]"
    )
    assert run.metrics["eval"]["recall@4"] == pytest.approx(1 / 3)
    assert run.metrics["counts"]["interactions_outside_catalogue"] == 2


def test_a_query_is_judged_by_its_earliest_row(evaluate, examples, model):
    """Feature `hour` turns the ranking round; the rows are written latest first."""
    context = {"context_column": "hour", "context_vector": [-2.0]}
    splits = {
        "train": rows(("v", "a")),
        "eval": [
            {"user_id": "u", "item_id": "a", "hour": 1.0, "time": 200},
            {"user_id": "u", "item_id": "d", "hour": 0.0, "time": 100},
        ],
    }
    trained = model({"u": [1.0]}, ITEMS, **context)
    interactions, candidates = examples(splits), catalogue(examples, "abcd")
    by_time = evaluate(trained, interactions, candidates, ks="[1]", timestamp="time")
    in_order = evaluate(trained, interactions, candidates, ks="[1]")
    # At hour 0 the first item is a, at hour 1 it is d: relevant are both.
    assert by_time.metrics["counts"]["rankings"] == 2
    assert by_time.metrics["eval"]["coverage@1"] == in_order.metrics["eval"]["coverage@1"] == 0.25
    assert by_time.metrics["eval"]["top_k_accuracy@1"] == 0
    assert "earliest row by 'time'" in by_time.metrics["protocol"]["per_query"]
    assert "first row in file order" in in_order.metrics["protocol"]["per_query"]
    slices = evaluate(
        trained, interactions, candidates, ks="[1]", timestamp="time", slices='["item_id"]'
    ).metrics["slices"]
    assert slices["item_id=a"]["eval"]["recall@1"] == 1
    assert slices["item_id=d"]["eval"]["recall@1"] == 0


def test_equal_query_features_are_embedded_once(evaluate, examples, model, caplog):
    caplog.set_level("INFO", logger="tfx_retrieval.retrieval_evaluator")
    splits = {
        "train": rows(("v", "a")),
        "eval": [
            {"user_id": "u", "item_id": item, "other": number} for number, item in enumerate("abc")
        ],
    }
    evaluate(model({"u": [1.0]}, ITEMS), examples(splits))
    assert "embedded 3 candidates and 1 distinct queries" in caplog.text


def test_slices_of_columns(evaluate, examples, model):
    splits = {
        "train": rows(("v", "a")),
        "eval": [
            {"user_id": "u", "item_id": "a", "country": "FR", "tags": ["x", "y"], "age": 3},
            {"user_id": "v", "item_id": "d", "country": "DE", "tags": ["y"], "age": 4},
            {"user_id": "v", "item_id": "c", "country": None, "tags": []},
        ],
    }
    run = evaluate(
        model({"u": [1.0], "v": [1.0]}, ITEMS),
        examples(splits),
        catalogue(examples, "abcd"),
        ks="[1, 2]",
        slices='["country", "tags", "age"]',
        thresholds=json.dumps(
            [
                {"metric": "recall@1", "slice": "country=FR", "min": 1},
                {"metric": "recall@1", "slice": "country=DE", "min": 0.5},
            ]
        ),
    )
    slices = run.metrics["slices"]
    assert slices["country=FR"]["eval"]["recall@1"] == 1
    assert slices["country=DE"]["eval"]["recall@1"] == 0
    assert slices["tags=y"]["interactions"] == 2
    assert slices["age=4"]["queries"] == 1
    assert {name for name in slices if "=" in name} == {
        *("country=FR", "country=DE", "tags=x", "tags=y", "age=3", "age=4")
    }
    assert [check["outcome"] for check in run.metrics["checks"]] == ["passed", "failed"]
    assert run.metrics["blessed"] is False
    assert "| country=FR | 1 | 1 | 1.0000 |" in run.report


def test_max_queries_measures_on_a_seeded_draw(evaluate, examples, model):
    users = [f"u{n}" for n in range(50)]
    splits = {
        "train": rows(("u0", "a"), ("u1", "b")),
        "eval": rows(*((user, item) for user in users for item in "cd")),
    }
    trained, interactions = model({"u0": [1.0]}, ITEMS), examples(splits)
    run = evaluate(trained, interactions, max_queries=7, seed=1)
    assert run.metrics["counts"]["queries"] == 7
    assert run.metrics["counts"]["interactions"] == 14
    assert "7 of 50 queries" in run.metrics["notes"][-1]
    again = evaluate(trained, interactions, max_queries=7, seed=1)
    assert again.metrics == run.metrics


def test_rows_without_an_id_are_left_out_and_counted(evaluate, examples, model):
    splits = {
        "train": rows(("v", "a"), (None, "a"), ("", "b")),
        "eval": rows(("u", "a"), (None, "b"), ("v", "")),
    }
    run = evaluate(model({"u": [1.0]}, ITEMS), examples(splits), catalogue(examples, "abcd"))
    assert run.metrics["counts"]["interactions"] == 1
    assert run.metrics["counts"]["rows_left_out"] == 2
    assert run.metrics["counts"]["train_interactions"] == 1


def test_a_good_model_is_blessed_as_the_stock_evaluator_does(evaluate, examples, model):
    splits = {"train": rows(("v", "d"), ("w", "d")), "eval": rows(("u", "a"))}
    trained, old = model({"u": [1.0]}, ITEMS), model({"u": [-1.0]}, ITEMS)
    limits = [
        {"metric": "mrr", "min_ratio_to_popularity": 1, "min_change_from_baseline_model": 0.1}
    ]
    run = evaluate(
        trained,
        examples(splits),
        catalogue(examples, "abcd"),
        baseline_model=old,
        thresholds=json.dumps(limits),
        current_component_id="RetrievalEvaluator",
    )
    assert os.listdir(run.blessing.uri) == ["BLESSED"]
    blessing = run.blessing
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_int_custom_property("current_model_id") == trained.id
    assert blessing.get_string_custom_property("current_model") == trained.uri
    assert blessing.get_int_custom_property("baseline_model_id") == old.id
    assert blessing.get_string_custom_property("baseline_model") == old.uri
    assert blessing.get_string_custom_property("component_id") == "RetrievalEvaluator"
    assert run.metrics["eval"]["mrr"] == 1
    assert run.metrics["baseline_model"]["mrr"] == 0.25
    assert [check["outcome"] for check in run.metrics["checks"]] == ["passed", "passed"]
    assert "the model is blessed" in run.report
    resolved = latest_blessed_model_strategy.LatestBlessedModelStrategy().resolve_artifacts(
        None, {"model": [old, trained], "model_blessing": [blessing]}
    )
    assert resolved == {"model": [trained], "model_blessing": [blessing]}


def test_a_model_below_popularity_is_not_blessed(evaluate, examples, model, caplog):
    caplog.set_level("INFO", logger="tfx_retrieval.retrieval_evaluator")
    splits = {"train": rows(("v", "d"), ("w", "d")), "eval": rows(("u", "d"))}
    trained = model({"u": [1.0]}, ITEMS)
    run = evaluate(
        trained, examples(splits), catalogue(examples, "abcd"), ks="[1]", thresholds="null"
    )
    assert os.listdir(run.blessing.uri) == ["NOT_BLESSED"]
    assert run.blessing.get_int_custom_property("blessed") == 0
    assert run.blessing.get_int_custom_property("current_model_id") == trained.id
    assert run.metrics["checks"] == [
        {
            "limit": 1.0,
            "metric": "recall@1",
            "outcome": "failed",
            "reason": "0.0000 < 1.0000",
            "received": 0.0,
            "rule": "min_ratio_to_popularity",
            "slice": None,
        }
    ]
    assert "check failed: recall@1" in caplog.text
    resolved = latest_blessed_model_strategy.LatestBlessedModelStrategy().resolve_artifacts(
        None, {"model": [trained], "model_blessing": [run.blessing]}
    )
    assert resolved == {"model": [], "model_blessing": []}


def test_vertex_takes_the_executor_for_an_evaluator():
    assert issubclass(executor.Executor, stock_evaluator.Executor)


@pytest.mark.parametrize(
    ("splits", "properties", "message"),
    [
        ({"train": rows(("u", "a")), "eval": []}, {}, r"evaluation split eval[\s\S]*no interact"),
        ({"train": rows(("u", "a"))}, {}, "a split named 'eval' to evaluate on"),
        ({"eval": rows(("u", "a"))}, {}, "a split named 'train' to count popularity in"),
        (
            {"train": rows(("u", "a")), "eval": rows(("u", "a"))},
            {},
            "interacted with before",
        ),
        (
            {"train": rows(("u", "a")), "eval": rows(("u", "b"))},
            {"exclude_seen_splits": '["eval"]'},
            "splits other than the evaluated ones",
        ),
        (
            {"train": rows(("u", "a")), "eval": rows(("u", "b"))},
            {"query_id": "user"},
            r"column 'user'[\s\S]*Did you mean \"user_id\"",
        ),
        (
            {"train": rows(("u", "a")), "eval": rows(("u", "b"))},
            {"slices": '["itemid"]', "timestamp": "time"},
            r"column 'time'[\s\S]*column 'itemid'[\s\S]*Did you mean \"item_id\"",
        ),
        (
            {"train": rows(("u", "a")), "eval": rows(("u", "b"), price=1.5)},
            {"slices": '["price"]'},
            r"column 'price'[\s\S]*categorical column to slice by",
        ),
        (
            {"train": rows(("u", "a")), "eval": rows(("u", "b"), price=1.5)},
            {"timestamp": "price"},
            r"column 'price'[\s\S]*int64 times",
        ),
        (
            {"train": rows((1, "a")), "eval": rows(("u", "b"))},
            {},
            r"column 'user_id'[\s\S]*expected bytes ids[\s\S]*int64 ids",
        ),
        (
            {"train": rows((1.5, "a")), "eval": rows(("u", "b"))},
            {},
            r"column 'user_id'[\s\S]*bytes or int64",
        ),
        (
            {"train": rows(("u", "a")), "eval": rows(("u", "b"), (3, "c"))},
            {},
            r"columns each have one type, but got [\s\S]*\"user_id\"",
        ),
        (
            {"train": rows(("u", "a")), "eval": rows((["u", "v"], "b"))},
            {},
            r"column 'user_id'[\s\S]*a row with 2 values",
        ),
        (
            {"train": rows(("u", "a"), (["u", "v"], "b")), "eval": rows(("u", "b"))},
            {},
            r"columns 'user_id' and 'item_id'[\s\S]*several values",
        ),
    ],
)
def test_wrong_data_is_told(evaluate, examples, model, splits, properties, message):
    with pytest.raises(InputError, match=message):
        evaluate(
            model({"u": [1.0]}, ITEMS),
            examples(splits),
            catalogue(examples, "abcd"),
            **properties,
        )


def test_no_candidates_are_told(evaluate, examples, model):
    splits = {"train": rows(("u", "a")), "eval": rows(("u", "b"))}
    with pytest.raises(InputError, match=r"split candidates[\s\S]*at least one row"):
        evaluate(model({"u": [1.0]}, ITEMS), examples(splits), catalogue(examples, []))


def test_all_missing_signatures_are_told(evaluate, examples, model):
    splits = {"train": rows(("u", "a")), "eval": rows(("u", "b"))}
    trained = model({"u": [1.0]}, ITEMS, leave_out=("query_embedding", "embed_candidate_examples"))
    with pytest.raises(InputError) as caught:
        evaluate(trained, examples(splits))
    assert [problem.expected for problem in caught.value.problems] == [
        "a signature named 'query_embedding'",
        "a signature named 'embed_candidate_examples'",
    ]


def test_a_diverged_model_is_told(evaluate, examples, model):
    splits = {"train": rows(("u", "a")), "eval": rows(("u", "b"))}
    with pytest.raises(InputError, match=r"query embeddings[\s\S]*NaN"):
        evaluate(model({"u": [float("nan")]}, ITEMS), examples(splits))


def test_examples_of_two_artifacts_are_read_together(examples, model, tmp_path):
    spans = [
        examples({"train": rows(("u", "a")), "eval": rows(("u", "b"))}),
        examples({"train": rows(("v", "b")), "eval": rows(("v", "c"))}),
    ]
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(tmp_path / "evaluation"), str(tmp_path / "blessing")
    executor.Executor().Do(
        {"model": [model({"u": [1.0], "v": [1.0]}, ITEMS)], "examples": spans},
        {"evaluation": [evaluation], "blessing": [blessing]},
        {"query_id": "user_id", "candidate_id": "item_id"},
    )
    with open(os.path.join(evaluation.uri, "metrics.json")) as file:
        counts = json.load(file)["counts"]
    assert (counts["interactions"], counts["train_interactions"], counts["candidates"]) == (2, 2, 3)
