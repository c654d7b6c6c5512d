"""Counts, vocabularies and their files against plain Python."""

import collections

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_retrieval.components.transform import analysis


def _counts(batches) -> analysis.TermCounts:
    counts = analysis.TermCounts()
    for batch in batches:
        counter = collections.Counter(batch)
        terms = list(counter)
        is_text = bool(terms) and isinstance(terms[0], bytes)
        counts.add(
            [
                np.array(terms, object if is_text else np.int64),
                np.array([counter[term] for term in terms], np.int32),
            ]
        )
    return counts


def _decimal(term) -> bytes:
    return term if isinstance(term, bytes) else str(term).encode()


_BATCHES = st.lists(st.lists(st.binary(max_size=3), max_size=20), max_size=5) | st.lists(
    st.lists(st.integers(-20, 20), max_size=20), max_size=5
)


@settings(deadline=None, max_examples=60)
@given(
    batches=_BATCHES,
    top_k=st.none() | st.integers(1, 10),
    threshold=st.integers(0, 4),
    merge_at=st.integers(1, 10),
)
def test_vocabulary_is_ordered_by_count_then_term(batches, top_k, threshold, merge_at):
    counter = collections.Counter(term for batch in batches for term in batch)
    expected = sorted(
        ((count, _decimal(term)) for term, count in counter.items() if count >= threshold),
        reverse=True,
    )[:top_k]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "_MERGE_AT_TERMS", merge_at)
        counts = _counts(batches)
    rows = analysis.Vocabulary(counts, top_k, threshold).rows
    assert rows["term"].to_pylist() == [term for _, term in expected]
    assert rows["count"].to_pylist() == [count for count, _ in expected]
    assert len(counts) == len(counter)


def test_counts_take_arrow_arrays():
    counts = analysis.TermCounts()
    counts.add([pa.array(["ä", "b"]), pa.array([2, 1], pa.int32())])
    assert counts.table().to_pydict() == {"term": ["ä".encode(), b"b"], "count": [2, 1]}


@pytest.mark.parametrize(
    ("batches", "store_frequency", "content"),
    [
        ([[b"b", b"a", b"c"], [b"c", "日 本".encode()]], False, "c\n日 本\nb\na\n"),
        ([[b"b", b"a", b"c"], [b"c"]], True, "2 c\n1 b\n1 a\n"),
        ([[3, 111, 2, 111]], True, "2 111\n1 3\n1 2\n"),
        ([], False, "nothing\n"),
        ([], True, "1 nothing\n"),
    ],
)
def test_file(tmp_path, batches, store_frequency, content):
    path = tmp_path / "vocabularies" / "file"
    vocabulary = analysis.Vocabulary(_counts(batches))
    file = analysis.VocabularyFile(vocabulary, str(path), store_frequency, (1, b"nothing"))
    assert file.write() == str(path)
    assert path.read_text() == content


class _Mean:
    """A combiner whose accumulators are lists of numbers."""

    def create_accumulator(self):
        return []

    def add_input(self, accumulator, batch_values):
        return [*accumulator, *batch_values[0]]

    def merge_accumulators(self, accumulators):
        return [number for accumulator in accumulators for number in accumulator]

    def compact(self, accumulator):
        return accumulator

    def extract_output(self, accumulator):
        return [np.mean(accumulator) if accumulator else np.array(0.0)]


def test_combiner_sees_every_batch():
    fold = analysis.CombinerFold(_Mean())
    fold.add([np.array([1.0, 2.0])])
    fold.add([np.array([6.0])])
    assert fold.outputs == [3.0]
    assert analysis.CombinerFold(_Mean()).outputs == [0.0]
