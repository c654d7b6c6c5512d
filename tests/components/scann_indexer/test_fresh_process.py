"""What was saved works in a process that has nothing but the saved files."""

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from support import models
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from tfx_retrieval.components.scann_indexer import loading

# Plain TensorFlow, as in TensorFlow Serving: nothing of this package, no scann.
PLAIN = """
import json, sys
import tensorflow as tf
answers = []
for path in sys.argv[1:]:
    signatures = tf.saved_model.load(path).signatures
    found = signatures["serving_default"](user_id=tf.constant(["u1", "u2", "stranger"]))
    ids, scores = found["ids"].numpy(), found["scores"].numpy()
    answers.append([[key.decode() for key in row] for row in ids] + scores.tolist())
loaded = {name.split(".")[0] for name in sys.modules}
assert not loaded & {"scann", "tfx_retrieval", "tensorflow_recommenders"}, loaded
print(json.dumps(answers))
"""

LOADER = """
import json, sys
from tfx_retrieval.components.scann_indexer import loading
answers = []
for path in sys.argv[1:]:
    assert "scann" not in sys.modules, path
    recommender = loading.load_index(path)
    answers.append(recommender.recommend([{"user_id": "u1"}, {"user_id": "u2"}, {}]))
assert "scann" in sys.modules
print(json.dumps(answers))
"""


class FileVocabularyModel(tf.Module):
    """A model whose query tower reads a vocabulary file, and with a large candidate side."""

    def __init__(self, vocabulary, query_vectors, candidate_vectors):
        super().__init__()
        vocabulary.write_text("".join(f"{key}\n" for key in query_vectors))
        self._table = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                str(vocabulary),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            num_oov_buckets=1,
        )
        unknown = np.zeros((1, 6))
        self._queries = tf.Variable(np.vstack([*query_vectors.values(), unknown]), dtype=tf.float32)
        self._candidates = tf.Variable(candidate_vectors, dtype=tf.float32)
        self._ballast = tf.Variable(np.zeros((100_000, 6), np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="user_id")])
    def embed_users(self, user_id):
        return {"embedding": tf.gather(self._queries, self._table.lookup(user_id))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def embed_user_examples(self, examples):
        spec = {"user_id": tf.io.FixedLenFeature([], tf.string, "")}
        return self.embed_users(tf.io.parse_example(examples, spec)["user_id"])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def embed_item_examples(self, examples):
        spec = {"item_id": tf.io.FixedLenFeature([], tf.string)}
        ids = tf.io.parse_example(examples, spec)["item_id"]
        row = tf.strings.to_number(tf.strings.substr(ids, 1, -1), tf.int32)
        return {"embedding": tf.gather(self._candidates, row) + self._ballast[0]}

    def save(self, directory):
        tf.saved_model.save(
            self,
            directory,
            signatures={
                "query_embedding": self.embed_users,
                "embed_query_examples": self.embed_user_examples,
                "embed_candidate_examples": self.embed_item_examples,
            },
        )


@pytest.fixture(scope="module")
def vectors():
    generator = np.random.default_rng(9)
    users = {f"u{n}": row for n, row in enumerate(generator.integers(-3, 4, (6, 6)))}
    return users, generator.integers(-3, 4, (30, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def indexes(tmp_path_factory, vectors, index_candidates):
    """An exact and a ScaNN index; the model they were made from is gone."""
    users, items = vectors
    directory = tmp_path_factory.mktemp("indexes")
    model = standard_artifacts.Model()
    model.uri = str(directory / "model")
    FileVocabularyModel(directory / "users.txt", users, items).save(
        path_utils.serving_model_dir(model.uri)
    )
    rows = [{"item_id": f"i{n}", "title": f"Title {n}"} for n in range(30)]
    candidates = models.write_examples(directory / "candidates", {"candidates": rows})
    inputs = {"model": model, "candidates": candidates}
    uris = {
        algorithm: index_candidates(
            directory / algorithm,
            inputs,
            {"algorithm": algorithm, "top_k": 30, "min_index_recall": 0},
            title="title",
        ).index.uri
        for algorithm in ("brute_force", "scann")
    }
    shutil.rmtree(model.uri)
    (directory / "users.txt").unlink()
    return uris


def oracle(vectors):
    """Ids and scores for u1, u2 and an unknown user; ties in the order of the ids as text."""
    users, items = vectors
    queries = np.array([users["u1"], users["u2"], np.zeros(6)])
    names = sorted(f"i{n}" for n in range(30))
    scores = queries @ items[[int(name[1:]) for name in names]].T
    order = np.argsort(-scores, axis=1, kind="stable")
    return [[names[place] for place in row] for row in order], -np.sort(-scores, axis=1)


def test_exact_indexes_need_nothing_but_tensorflow(indexes, vectors, fresh_python):
    twin = str(pathlib.Path(indexes["scann"]) / "exact")

    answers = fresh_python(PLAIN, path_utils.serving_model_dir(indexes["brute_force"]), twin)

    ids, scores = oracle(vectors)
    assert answers[0] == [*ids, *scores.tolist()]
    assert answers[1] == answers[0]


def test_the_loader_imports_scann_only_for_scann(indexes, vectors, fresh_python):
    exact, scann = fresh_python(LOADER, indexes["brute_force"], indexes["scann"])

    ids, scores = oracle(vectors)
    assert exact == [
        [[key, score, f"Title {key[1:]}"] for key, score in zip(*row, strict=True)]
        for row in zip(ids, scores.tolist(), strict=True)
    ]
    assert [[score for _, score, _ in row] for row in scann] == scores.tolist()
    assert [sorted(row) for row in scann] == [sorted(row) for row in exact]
    here = loading.load_index(indexes["scann"]).recommend(
        [{"user_id": "u1"}, {"user_id": "u2"}, {}]
    )
    assert [[list(entry) for entry in row] for row in here] == scann


def test_the_candidate_side_of_the_model_is_left_behind(indexes):
    for uri in indexes.values():
        serving = pathlib.Path(path_utils.serving_model_dir(uri))
        # The ballast alone is 2.4 MB.
        assert sum(path.stat().st_size for path in (serving / "variables").iterdir()) < 50_000
        assert [path.read_text() for path in (serving / "assets").iterdir()] == [
            "u0\nu1\nu2\nu3\nu4\nu5\n"
        ]
