"""Runs of the executor on real artifacts, outputs read back."""

import json
import pathlib

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from support import models
from tfx.components.pusher import executor as pusher_executor
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from tfx_retrieval.components.scann_indexer import loading
from tfx_retrieval.errors import InputError

ITEMS = {f"i{n:03d}": vector for n, vector in enumerate(np.eye(60, 6) + np.arange(60)[:, None] % 5)}
USERS = {f"u{n}": vector for n, vector in enumerate(np.eye(6))}


def blessing_artifact(tmp_path, blessed):
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(tmp_path / "model_blessing")
    blessing.set_int_custom_property("blessed", int(blessed))
    return blessing


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """Inputs with a few duplicate candidates."""
    directory = tmp_path_factory.mktemp("inputs")
    rows = [{"item_id": key, "name": f"Item {key}"} for key in ITEMS]
    interactions = [{"user_id": user, "item_id": "i001"} for user in USERS]
    return {
        "model": models.model_artifact(directory / "model", USERS, ITEMS),
        "candidates": models.write_examples(
            directory / "candidates", {"candidates": [*rows, rows[3], rows[9]]}, shards=2
        ),
        "examples": models.write_examples(
            directory / "examples", {"train": [], "eval": interactions * 20}
        ),
    }


def test_exact_index_of_a_small_catalogue(tmp_path, artifacts, index_candidates):
    run = index_candidates(tmp_path, artifacts, {"top_k": 20}, title="name")

    report = run.report
    assert report["algorithm"] == "brute_force"
    assert report["reason"] == "auto: 60 candidates are fewer than 20,000"
    assert report["options"] == {}
    assert (report["candidates"], report["duplicates_merged"], report["dimension"]) == (60, 2, 6)
    assert report["queries"] == {"count": 50, "source": "examples", "seed": 7}
    assert report["recall"] == {"recall@10": 1.0, "recall@20": 1.0}
    assert set(report["speed"]) == {"index", "exact", "recommend_examples"}
    for timing in report["speed"].values():
        assert 0 < timing["p50_ms"] <= timing["p99_ms"]
        assert timing["queries_per_second"] > 0
    assert report["embed_seconds"] > 0
    assert report["build_seconds"] > 0
    serving = pathlib.Path(path_utils.serving_model_dir(run.index.uri))
    files = [path for path in serving.rglob("*") if path.is_file()]
    assert report["bytes"] == report["exact_bytes"] == sum(path.stat().st_size for path in files)
    assert report["checks"] == [
        {"name": "recall@20", "received": 1.0, "limit": 0.9, "passed": True}
    ]
    assert report["blessed"] is True
    assert run.blessing.get_int_custom_property("blessed") == 1
    assert (pathlib.Path(run.blessing.uri) / "BLESSED").exists()
    assert not run.blessing.has_custom_property("current_model_id")
    assert run.index.get_string_custom_property("algorithm") == "brute_force"
    assert run.index.get_int_custom_property("candidates") == 60
    assert not (pathlib.Path(run.index.uri) / "exact").exists()


def test_the_index_is_pushed_with_its_id_table(tmp_path, artifacts, index_candidates):
    run = index_candidates(tmp_path, artifacts, {"top_k": 20}, title="name")
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    destination = {"filesystem": {"base_directory": str(tmp_path / "serving")}}

    pusher_executor.Executor().Do(
        {"model": [run.index], "model_blessing": [run.blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": json.dumps(destination)},
    )

    recommender = loading.load_index(str(tmp_path / "serving"))
    assert recommender.recommend([{"user_id": "u4"}], 2) == [
        [("i004", 5.0, "Item i004"), ("i009", 4.0, "Item i009")]
    ]
    [version] = (tmp_path / "serving").iterdir()
    table = pq.read_table(version / "assets.extra" / "candidates.parquet")
    assert table.schema.names == ["id", "title"]
    assert table["id"].to_pylist() == list(ITEMS)
    assert table["title"].to_pylist() == [f"Item {key}" for key in ITEMS]


def test_scann_index_with_its_exact_twin(tmp_path, artifacts, index_candidates):
    options = {"leaves": 2, "leaves_to_search": 2, "dimensions_per_block": 2, "reorder": 60}

    run = index_candidates(
        tmp_path, artifacts, {"algorithm": "scann", "top_k": 20, "scann": options}
    )

    report = run.report
    assert (report["algorithm"], report["reason"]) == ("scann", "asked for")
    assert report["options"] == options
    assert report["recall"] == {"recall@10": 1.0, "recall@20": 1.0}
    assert report["speed"]["index"] != report["speed"]["exact"]
    assert run.index.get_string_custom_property("algorithm") == "scann"
    index = loading.load_index(run.index.uri)
    twin = loading.load_index(str(pathlib.Path(run.index.uri) / "exact"))
    assert (index.metadata["algorithm"], twin.metadata["algorithm"]) == ("scann", "brute_force")
    assert index.metadata["scann"] == "1.3.2"
    queries = [{"user_id": user} for user in USERS]
    for found, expected in zip(index.recommend(queries), twin.recommend(queries), strict=True):
        assert [score for _, score, _ in found] == [score for _, score, _ in expected]
        assert found[0] == expected[0]


def test_two_scann_indexes_in_one_process_do_not_mix(tmp_path, artifacts, index_candidates):
    other = dict(zip(ITEMS, reversed(ITEMS.values()), strict=True))
    inputs = {**artifacts, "model": models.model_artifact(tmp_path / "model", USERS, other)}
    retrieval = {"algorithm": "scann", "top_k": 3}
    paths = []
    for name, chosen in (("one", artifacts), ("two", inputs)):
        paths.append(index_candidates(tmp_path / name, chosen, retrieval).index.uri)

    first, second = (loading.load_index(path) for path in paths)

    for _ in range(2):
        assert first.recommend([{"user_id": "u4"}], 1)[0][0][0] == "i004"
        assert second.recommend([{"user_id": "u4"}], 1)[0][0][0] == "i055"


def test_interactions_name_the_candidates_too(tmp_path, artifacts, index_candidates):
    splits = {
        "train": [{"item_id": "i007", "user_id": "u1"}, {"item_id": "i002", "user_id": "u2"}],
        "eval": [{"item_id": "i030", "user_id": "u1"}, {"item_id": "i007", "user_id": "u3"}],
    }
    interactions = models.write_examples(tmp_path / "interactions", splits)

    run = index_candidates(tmp_path, {"model": artifacts["model"], "candidates": interactions})

    assert run.report["candidates"] == 3
    assert run.report["duplicates_merged"] == 1
    assert run.report["top_k"] == 3
    assert run.report["queries"]["source"] == "perturbed_candidates"
    assert "recommend_examples" not in run.report["speed"]
    recommender = loading.load_index(run.index.uri)
    assert recommender.recommend([{"user_id": "u2"}], k=50) == [
        [("i002", 3.0, None), ("i007", 2.0, None), ("i030", 0.0, None)]
    ]


@pytest.mark.parametrize("blessed", [True, False])
def test_only_the_index_of_a_blessed_model_is_blessed(
    tmp_path, artifacts, index_candidates, blessed
):
    inputs = {**artifacts, "model_blessing": blessing_artifact(tmp_path, blessed)}

    run = index_candidates(tmp_path, inputs)

    assert run.report["checks"][-1] == {
        "name": "model_blessed",
        "received": blessed,
        "limit": True,
        "passed": blessed,
    }
    assert run.report["blessed"] is blessed
    assert run.blessing.get_int_custom_property("blessed") == int(blessed)
    marker = "BLESSED" if blessed else "NOT_BLESSED"
    assert [path.name for path in pathlib.Path(run.blessing.uri).iterdir()] == [marker]


def test_an_index_of_little_recall_or_slow_is_not_blessed(tmp_path, index_candidates, caplog):
    generator = np.random.default_rng(8)
    items = {f"i{n}": vector for n, vector in enumerate(generator.standard_normal((3000, 16)))}
    users = {f"u{n}": vector for n, vector in enumerate(generator.standard_normal((30, 16)))}
    inputs = {
        "model": models.model_artifact(tmp_path / "model", users, items),
        "candidates": models.write_examples(
            tmp_path / "candidates", {"candidates": [{"item_id": key} for key in items]}
        ),
        "examples": models.write_examples(
            tmp_path / "examples", {"eval": [{"user_id": key} for key in users]}
        ),
    }
    retrieval = {
        "algorithm": "scann",
        "top_k": 50,
        "max_latency_ms": 1e-6,
        "scann": {"leaves": 50, "leaves_to_search": 1, "reorder": 50},
    }

    run = index_candidates(tmp_path, inputs, retrieval)

    recall, latency = run.report["checks"]
    assert recall["name"] == "recall@50"
    assert recall["received"] == run.report["recall"]["recall@50"] < 0.9
    assert recall["passed"] is False
    assert latency["name"] == "latency_p99_ms"
    assert latency["received"] == run.report["speed"]["index"]["p99_ms"]
    assert latency["passed"] is False
    assert run.blessing.get_int_custom_property("blessed") == 0
    assert "leaves_to_search above 1 or reorder above 50" in caplog.text


def test_rows_are_in_any_order_and_the_index_is_the_same(tmp_path, artifacts, index_candidates):
    answers = []
    for name, order in (("ahead", list(ITEMS)), ("back", list(reversed(ITEMS)))):
        rows = [{"item_id": key} for key in order]
        candidates = models.write_examples(tmp_path / f"{name}_rows", {"candidates": rows})
        inputs = {"model": artifacts["model"], "candidates": candidates}
        run = index_candidates(tmp_path / name, inputs)
        answers.append(loading.load_index(run.index.uri).recommend([{"user_id": "u0"}]))

    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": []}, "at least one row, but got no rows"),
        ({"eval": []}, "at least one row, but got no rows"),
        ({"retrieval": {"algorithm": "scann"}}, "at least 16 candidates for scann"),
        ({"query_split": "test"}, "a split named 'test', but got splits train, eval"),
        ({"candidate_id": "item"}, 'which have item_id, but got no value.*\n.*"item_id"'),
        ({"title": "name"}, "column 'name'"),
        ({"nan": True}, r"finite numbers, but got NaN or infinity for i1, i3\n"),
        ({"leave_out": ["embed_candidate_examples"]}, "signature named 'embed_candidate_examples'"),
        ({"leave_out": ["embed_query_examples"]}, "signature named 'embed_query_examples'"),
    ],
)
def test_wrong_inputs(tmp_path, index_candidates, change, message):
    items = {f"i{n}": [1.0, 2.0] for n in range(4)}
    if change.get("nan"):
        items |= {"i1": [0.0, np.nan], "i3": [np.inf, 0.0]}
    rows = change.get("candidates", [{"item_id": key} for key in items])
    inputs = {
        "model": models.model_artifact(
            tmp_path / "model", {"u": [1.0, 0.0]}, items, leave_out=change.get("leave_out", ())
        ),
        "candidates": models.write_examples(tmp_path / "c", {"candidates": rows}),
        "examples": models.write_examples(
            tmp_path / "e", {"train": [], "eval": change.get("eval", [{"user_id": "u"}])}
        ),
    }
    parameters = {k: change[k] for k in ("query_split", "candidate_id", "title") if k in change}

    with pytest.raises(InputError, match=message):
        index_candidates(tmp_path, inputs, change.get("retrieval"), **parameters)


def test_queries_without_finite_embeddings(tmp_path, index_candidates):
    inputs = {
        "model": models.model_artifact(tmp_path / "model", {"u": [np.nan, 0.0]}, {"i": [1.0, 2.0]}),
        "candidates": models.write_examples(tmp_path / "c", {"candidates": [{"item_id": "i"}]}),
        "examples": models.write_examples(tmp_path / "e", {"eval": [{"user_id": "u"}]}),
    }

    with pytest.raises(InputError, match="sampled queries"):
        index_candidates(tmp_path, inputs)


def test_large_catalogues_are_embedded_in_batches(tmp_path, index_candidates, monkeypatch):
    monkeypatch.setattr("tfx_retrieval.components.scann_indexer.reading.BATCH_ROWS", 16)
    generator = np.random.default_rng(3)
    items = {n * 2: vector for n, vector in enumerate(generator.integers(-3, 4, (100, 4)))}
    users = dict(enumerate(generator.integers(-3, 4, (5, 4))))
    rows = [{"item_id": key} for key in generator.permutation([*items, *items])]
    inputs = {
        "model": models.model_artifact(tmp_path / "model", users, items),
        "candidates": models.write_examples(tmp_path / "c", {"candidates": rows}, shards=3),
    }

    run = index_candidates(tmp_path, inputs, {"top_k": 100})

    matrix = np.array(list(items.values()), np.float32)
    recommender = loading.load_index(run.index.uri)
    for user, vector in users.items():
        scores = matrix @ np.array(vector, np.float32)
        order = np.argsort(-scores, kind="stable")
        expected = [(2 * int(place), float(scores[place]), None) for place in order]
        assert recommender.recommend([{"user_id": user}]) == [expected]
    signature = tf.saved_model.load(path_utils.serving_model_dir(run.index.uri)).signatures
    assert signature["serving_default"](user_id=tf.constant([1], tf.int64))["ids"].dtype == tf.int64
