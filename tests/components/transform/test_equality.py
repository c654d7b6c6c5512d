"""The in-process engine gives what TFX's Transform gives on the same rows."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

# Beam takes most of a minute for this many analyzers.
pytestmark = pytest.mark.slow


def _assets(run) -> dict[str, bytes]:
    directory = pathlib.Path(run.graph.uri, "transform_fn", "assets")
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_vocabulary_files_are_the_same_bytes(both_engines):
    expected = _assets(both_engines["beam"])
    assert len(expected) == 14
    assert _assets(both_engines["in_process"]) == expected


def test_metadata_are_equal(both_engines):
    in_process, beam = both_engines["in_process"].output, both_engines["beam"].output
    assert in_process.transformed_metadata.schema == beam.transformed_metadata.schema
    assert in_process.raw_metadata.schema == beam.raw_metadata.schema
    assert in_process.transformed_feature_spec() == beam.transformed_feature_spec()


def test_vocabularies_are_found_under_the_same_names(both_engines):
    in_process, beam = both_engines["in_process"].output, both_engines["beam"].output
    names = ["name", "name_counts", "count_counts", "name_top", "often", "never", "shared", "kind"]
    for name in [*names, "count", "count top!", "tokens", "tags", "buckets"]:
        assert in_process.vocabulary_size_by_name(name) == beam.vocabulary_size_by_name(name)
        assert in_process.vocabulary_by_name(name) == beam.vocabulary_by_name(name)


@pytest.mark.parametrize("split", ["train", "eval"])
def test_transformed_rows_are_equal(both_engines, split):
    expected = both_engines["beam"].rows(split)
    actual = both_engines["in_process"].rows(split)
    assert actual.keys() == expected.keys()
    assert len(actual["row"]) == {"train": 300, "eval": 60}[split]
    specs = both_engines["beam"].output.transformed_feature_spec()
    for name, values in expected.items():
        if specs[name].dtype == tf.float32:
            np.testing.assert_allclose(actual[name], values, rtol=1e-6, atol=1e-6, err_msg=name)
        else:
            assert actual[name] == values, name


def _serving_rows() -> dict:
    """Two raw rows that no split had: one with known values, one without any."""
    texts = tf.sparse.from_dense(tf.constant([["a"], [""]]))
    return {
        "row": tf.constant([0, 1], tf.int64),
        "name": tf.constant(["name 0", "never seen"]),
        "kind": texts,
        "text": texts,
        "tags": texts,
        "price": tf.sparse.from_dense(tf.constant([[1.5], [0.0]])),
        "count": tf.constant([[1], [99]], tf.int64),
        "time": tf.constant([[1_700_000_000], [0]], tf.int64),
        "vector": tf.zeros([2, 3]),
        "unused": tf.constant(["", ""]),
    }


def test_graphs_transform_raw_rows_alike(both_engines):
    actual, expected = (
        both_engines[engine].output.transform_features_layer()(_serving_rows())
        for engine in ("in_process", "beam")
    )
    assert actual.keys() == expected.keys()
    for name in ("name", "kind_shared", "count", "text_tokens", "price_bucket", "bucket_index"):
        np.testing.assert_array_equal(actual[name].numpy(), expected[name].numpy(), err_msg=name)
