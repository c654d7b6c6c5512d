"""Serialised Examples against tfx_bsl's encoder and TensorFlow's parser."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_bsl.coders import example_coder

from tfx_retrieval.components.interaction_example_gen import example_encoder
from tfx_retrieval.components.interaction_example_gen.example_encoder import (
    ExampleEncoder,
    ListValues,
)

INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(width=32, allow_nan=False)
TEXT = st.text(max_size=200)
# Arrow type, values, and the type in which tfx_bsl's encoder takes them.
KINDS = {
    "integers": (pa.int64(), INTEGERS, pa.int64()),
    "few_integers": (pa.int64(), st.integers(0, 3), pa.int64()),
    "floats": (pa.float64(), FLOATS, pa.float32()),
    "text": (pa.large_string(), TEXT, pa.large_binary()),
}


@st.composite
def tables(draw):
    """Draws columns: scalars, dictionaries and lists of every kind, with missing values."""
    size = draw(st.integers(1, 12))
    table = {}
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(sorted(KINDS)))
        arrow_type, values, _ = KINDS[kind]
        form = draw(st.sampled_from(["scalar", "list", "dictionary", "dictionary_list"]))
        if "list" in form:
            rows = st.lists(values, max_size=4)
            arrow_type = pa.large_list(arrow_type)
        else:
            rows = values
        array = pa.array(draw(st.lists(st.none() | rows, min_size=size, max_size=size)), arrow_type)
        if form == "dictionary" and kind == "text":
            array = array.dictionary_encode()
        if form == "dictionary_list" and kind == "text":
            offsets = array.offsets.cast(pa.int64())
            encoded = array.values.dictionary_encode()
            lists = pa.LargeListArray.from_arrays(offsets, encoded)
            array = lists if array.null_count == 0 else array
        table[f"feature {number} {kind}"] = array
    return table


def encode(table, rows=None):
    encoder = ExampleEncoder()
    for name, array in table.items():
        encoder.add_column(name, array)
    size = len(next(iter(table.values())))
    return encoder.encode(np.arange(size) if rows is None else np.array(rows)).to_pylist()


def encode_with_tfx_bsl(table):
    arrays = []
    for name, array in table.items():
        values = array.to_pylist()
        lists = [v if v is None or isinstance(v, list) else [v] for v in values]
        lists = [
            v if v is None else [item.encode() if isinstance(item, str) else item for item in v]
            for v in lists
        ]
        arrays.append(pa.array(lists, pa.large_list(KINDS[name.split()[-1]][2])))
    batch = pa.RecordBatch.from_arrays(arrays, list(table))
    return example_coder.RecordBatchToExamplesEncoder().encode(batch)


def parse(records):
    return [tf.train.Example.FromString(record) for record in records]


@settings(max_examples=50)
@given(tables())
def test_equals_tfx_bsl(table):
    assert parse(encode(table)) == parse(encode_with_tfx_bsl(table))


@settings(max_examples=50)
@given(tables())
def test_bytes_are_those_of_a_deterministic_serialisation(table):
    records = encode(table)
    again = [example.SerializeToString(deterministic=True) for example in parse(records)]
    # Both have features in order of name; an empty list's message is the only freedom left.
    assert [len(record) for record in records] == [len(record) for record in again]
    assert records == again


@settings(max_examples=50)
@given(tables(), st.randoms(use_true_random=False))
def test_rows_come_in_the_order_asked_for(table, random):
    records = encode(table)
    rows = random.choices(range(len(records)), k=5)
    assert encode(table, rows) == [records[row] for row in rows]


@pytest.mark.parametrize("size", [0, 126, 127, 128, 16_383, 16_384, 3_000_000])
def test_lengths_of_any_size(size):
    table = {"a": pa.array(["x" * size, "y"]), "n" * min(size, 200): pa.array([1, 2])}
    first, second = parse(encode(table))
    assert first.features.feature["a"].bytes_list.value == [b"x" * size]
    assert second.features.feature["a"].bytes_list.value == [b"y"]


def test_missing_values_have_features_without_kind_and_empty_lists_have_kinds():
    lists = pa.array([[1], None, []], pa.large_list(pa.int64()))
    kinds = [
        example.features.feature["a"].WhichOneof("kind") for example in parse(encode({"a": lists}))
    ]
    assert kinds == ["int64_list", None, "int64_list"]
    (example,) = parse(encode({"a": pa.array([None], pa.float64())}))
    assert example.features.feature["a"].WhichOneof("kind") is None


def test_columns_with_more_values_than_are_cached(monkeypatch):
    table = {"a": pa.array(["x", "y", None, "x"]).dictionary_encode()}
    expected = encode(table)
    monkeypatch.setattr(example_encoder, "_MAX_CACHED_VALUES", 1)
    assert encode(table) == expected


@pytest.mark.parametrize("values", [[7, 8, 9], ["a", "b", "c"]])
def test_lists_that_are_looked_up(values):
    encoder = ExampleEncoder()
    encoder.add_column("b", pa.array([1, 2, 3]))
    chosen = [[2, 0], [], [1]]

    def lists(rows):
        picked = [chosen[row] for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(numbers) for numbers in picked])])
        return offsets, np.array([number for numbers in picked for number in numbers], int)

    expected = [[values[number] for number in numbers] for numbers in chosen]
    for array in (pa.array(values), pa.array(values).dictionary_encode()):
        encoder.add_lists("a", ListValues(array), lists)
        records = encoder.encode(np.array([2, 0, 1])).to_pylist()
        plain = pa.array([expected[2], expected[0], expected[1]])
        plain = plain.cast(pa.large_list(plain.type.value_type))
        assert records == encode({"a": plain, "b": pa.array([3, 1, 2])})


def test_no_columns_make_empty_examples():
    assert ExampleEncoder().encode(np.arange(2)).to_pylist() == [b"", b""]
