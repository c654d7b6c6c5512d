"""Loading an index and asking it."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from support import models
from tfx.utils import path_utils

from tfx_retrieval.components.scann_indexer import loading
from tfx_retrieval.errors import InputError

USERS = {"ann": [1.0, 0.0], "bob": [0.0, 1.0]}
ITEMS = {"a": [4.0, 1.0], "b": [3.0, 2.0], "c": [2.0, 3.0], "": [1.0, 4.0]}


@pytest.fixture(scope="module")
def index_uri(tmp_path_factory, index_candidates):
    directory = tmp_path_factory.mktemp("index")
    rows = [{"item_id": key, "name": f"<{key}>"} for key in ITEMS]
    inputs = {
        "model": models.model_artifact(
            directory / "model",
            USERS,
            ITEMS,
            context_column="boost",
            context_vector=[1.0, 1.0],
        ),
        "candidates": models.write_examples(directory / "c", {"candidates": rows}),
    }
    return index_candidates(directory, inputs, {"top_k": 3}, title="name").index.uri


@pytest.fixture(scope="module")
def recommender(index_uri):
    return loading.load_index(index_uri)


def ids(rows):
    return [[key for key, _, _ in row] for row in rows]


def test_recommendations_have_id_score_and_title(recommender):
    rows = recommender.recommend([{"user_id": "ann"}, {"user_id": "bob", "boost": 2}], 2)

    assert rows == [
        [("a", 4.0, "<a>"), ("b", 3.0, "<b>")],
        [("", 4.0 + 2 * 5, "<>"), ("c", 3.0 + 2 * 5, "<c>")],
    ]
    assert recommender.query_columns == ("boost", "user_id")
    assert recommender.top_k == 3
    assert recommender.metadata["candidate_id"] == "item_id"


@pytest.mark.parametrize("row", [{}, {"user_id": None}, {"user_id": "nobody"}])
def test_missing_and_unknown_values_are_answered(recommender, row):
    assert ids(recommender.recommend([row])) == [["", "a", "b"]]


def test_exclusions_of_each_query(recommender):
    queries = [{"user_id": "ann"}, {"user_id": "ann"}, {"user_id": "bob"}, {"user_id": "bob"}]
    exclude = [["a", "unknown", "a"], [], ["", "c"], ["", "a", "b", "c"]]

    rows = recommender.recommend(queries, 2, exclude)

    assert ids(rows) == [["b", "c"], ["a", "b"], ["b", "a"], []]
    assert ids(recommender.recommend(queries[:1], exclude=[[]])) == [["a", "b", "c"]]


def test_no_queries(recommender):
    assert recommender.recommend([]) == []


@pytest.mark.parametrize("example", ["index", "serving", "versions"])
def test_where_an_index_can_be(tmp_path, index_uri, example):
    serving = path_utils.serving_model_dir(index_uri)
    places = {"index": index_uri, "serving": serving, "versions": str(tmp_path)}
    shutil.copytree(serving, tmp_path / "1100")
    (tmp_path / "999").mkdir()

    assert loading.load_index(places[example]).top_k == 3


@pytest.mark.parametrize("exists", [True, False])
def test_no_index_there(tmp_path, exists):
    path = tmp_path if exists else tmp_path / "gone"

    with pytest.raises(InputError, match="but got no index there" if exists else "nothing there"):
        loading.load_index(str(path))


def test_a_trained_model_is_no_index(tmp_path):
    path = models.save_tiny_two_tower(str(tmp_path), USERS, ITEMS)

    with pytest.raises(InputError, match=r"a SavedModel with assets\.extra/index\.json"):
        loading.load_index(path)


def test_an_index_of_another_format(tmp_path, index_uri):
    shutil.copytree(path_utils.serving_model_dir(index_uri), tmp_path / "1")
    metadata = tmp_path / "1" / "assets.extra" / "index.json"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "format_version": 2}))

    with pytest.raises(InputError, match="expected format version 1, but got format version 2"):
        loading.load_index(str(tmp_path))


def test_all_problems_of_a_call_are_reported(recommender):
    queries = [{"user_id": 0.5, "userid": "ann"}, {"boost": "much", "user_id": ["ann", True]}]

    with pytest.raises(InputError) as caught:
        recommender.recommend(queries, k=9, exclude=[[7], ["a"], []])

    message = str(caught.value)
    assert [problem.where for problem in caught.value.problems] == [
        "k",
        "exclude",
        "exclude of query 0",
        "query 0: column 'user_id'",
        "query 0: column 'userid'",
        "query 1: column 'boost'",
        "query 1: column 'user_id'",
    ]
    assert (
        "expected 1 to 3, but got 9\n  Build the index with a greater retrieval.top_k." in message
    )
    assert "expected 2, one for each query, but got 3 lists" in message
    assert 'one of boost, user_id, but got an unknown column\n  Did you mean "user_id"?' in message
    assert "expected a number, but got 'much'" in message


@pytest.mark.parametrize("k", [0, -1])
def test_k_is_at_least_1(recommender, k):
    with pytest.raises(InputError, match=f"but got {k}"):
        recommender.recommend([{"user_id": "ann"}], k)


def test_rows_are_encoded_in_the_types_of_the_model():
    inputs = {
        "text": tf.TensorSpec([None], tf.string),
        "tags": tf.TensorSpec([None, None], tf.string),
        "count": tf.TensorSpec([None], tf.int64),
        "price": tf.TensorSpec([None], tf.float32),
    }
    row = {"text": "é", "tags": ["a", b"b"], "count": np.int32(3), "price": 2}

    serialized, problems = loading.encode_row(row, inputs, "query 0")

    assert problems == []
    feature = tf.train.Example.FromString(serialized).features.feature
    assert feature["text"].bytes_list.value == ["é".encode()]
    assert feature["tags"].bytes_list.value == [b"a", b"b"]
    assert feature["count"].int64_list.value == [3]
    assert feature["price"].float_list.value == [2.0]


@pytest.mark.parametrize("value", [1.5, "2011-12-01"])
def test_times_are_whole_seconds(value):
    _, problems = loading.encode_row(
        {"time": value}, {"time": tf.TensorSpec([None], tf.int64)}, "query 0"
    )

    assert "an integer (times in seconds since 1970, UTC)" in str(problems[0])


def test_integer_ids_are_excluded_whatever_they_are(tmp_path, index_candidates):
    items = {-1: [3.0], -2: [2.0], 5: [1.0]}
    inputs = {
        "model": models.model_artifact(tmp_path / "model", {1: [1.0], 2: [-1.0]}, items),
        "candidates": models.write_examples(
            tmp_path / "c", {"candidates": [{"item_id": key} for key in items]}
        ),
    }
    uri = index_candidates(tmp_path, inputs).index.uri
    recommender = loading.load_index(uri)

    rows = recommender.recommend([{"user_id": 1}, {"user_id": 2}], exclude=[[-1, 5], []])

    assert rows == [[(-2, 2.0, None)], [(5, -1.0, None), (-2, -2.0, None), (-1, -3.0, None)]]
    assert pathlib.Path(uri, "Format-Serving", "assets.extra", "candidates.parquet").exists()


def test_id_may_be_given_as_text_or_as_a_number():
    inputs = {"user": tf.TensorSpec([None], tf.int64), "code": tf.TensorSpec([None], tf.string)}

    given = {"user": "17850", "code": 17850}
    serialized, problems = loading.encode_row(given, inputs, "query 0")

    assert problems == []
    example = tf.train.Example.FromString(serialized)
    assert list(example.features.feature["user"].int64_list.value) == [17850]
    assert list(example.features.feature["code"].bytes_list.value) == [b"17850"]
    _, problems = loading.encode_row({"user": "17850A"}, inputs, "query 0")
    assert [problem.received for problem in problems] == ["'17850A'"]
