"""Hashes: fixed values, an oracle in plain Python, and what they must not depend on."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_retrieval.components.interaction_example_gen import hashing

MASK = (1 << 64) - 1


def mix(value):
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def hash_text(text):
    data = text.encode()
    total = sum((byte + 1) * (mix(place) | 1) for place, byte in enumerate(data)) & MASK
    return mix(total ^ mix(len(data)))


@given(st.lists(st.text(), min_size=1))
def test_text_equals_the_definition(values):
    expected = [hash_text(value) for value in values]
    assert hashing.hash_array(pa.array(values)).tolist() == expected
    encoded = pa.array(values, pa.large_string()).dictionary_encode()
    assert hashing.hash_array(encoded).tolist() == expected
    assert hashing.hash_array(pa.array([None, *values])[1:]).tolist() == expected


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_equal_the_definition(values):
    assert hashing.hash_array(pa.array(values)).tolist() == [mix(value & MASK) for value in values]


def test_values_never_change():
    # A change here moves rows between splits: raise table_spec.FORMAT_VERSION with it.
    array = pa.array(["", "a", "85123A", "größe"])
    assert [f"{value:016x}" for value in hashing.hash_array(array)] == [
        "a706dd2f4d197e6f",
        "da55afbd38ff9dda",
        "9e276670e52b1365",
        "260040f5bc1c6adb",
    ]
    seeded = hashing.seeded(hashing.hash_array(pa.array([17850])), 42)
    assert f"{seeded[0]:016x}" == "94a4b203416fa6a2"
    # The first number that SplitMix64 gives from the seed 0.
    assert f"{hashing.mix(np.zeros(1, np.uint64))[0]:x}" == "e220a8397b1dcdaf"


def test_missing_values_hash_alike_and_unlike_any_other():
    text = hashing.hash_array(pa.array([None, "", "0"]))
    integers = hashing.hash_array(pa.array([None, 0]))
    assert text[0] == integers[0]
    assert len({*text, *integers}) == 4
    encoded = pa.array([None, "", "0"]).dictionary_encode()
    assert hashing.hash_array(encoded).tolist() == text.tolist()


def test_lists_depend_on_values_order_and_length():
    lists = pa.array([["a", "b"], ["b", "a"], ["a"], [], ["a", "b"], ["ab"]])
    hashes = hashing.hash_array(lists).tolist()
    assert hashes[0] == hashes[4]
    assert len(set(hashes)) == 5
    assert hashing.hash_array(lists.slice(1, 4)).tolist() == hashes[1:5]
    assert hashing.hash_array(lists.cast(pa.large_list(pa.large_string()))).tolist() == hashes


def test_numbers_that_are_equal_hash_alike():
    hashes = hashing.hash_array(pa.array([0.0, -0.0, 1.5]))
    assert hashes[0] == hashes[1] != hashes[2]
    booleans = hashing.hash_array(pa.array([True, False, None]))
    assert booleans.tolist()[:2] == [mix(1), mix(0)]


def test_what_is_no_value_is_refused():
    with pytest.raises(TypeError, match="cannot hash values of type struct"):
        hashing.hash_array(pa.array([{"a": 1}]))


def test_uniform_is_uniform_and_seeds_are_independent():
    hashes = hashing.hash_array(pa.array(np.arange(20_000)))
    first = hashing.uniform(hashing.seeded(hashes, 1))
    second = hashing.uniform(hashing.seeded(hashes, 2))
    assert 0 <= first.min() < 0.001
    assert 0.999 < first.max() < 1
    counts = np.histogram(first, 10, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 30  # chi-square, 9 degrees of freedom
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


def test_pairs_depend_on_the_order():
    first, second = hashing.hash_array(pa.array(["a", "b"]))[:, None]
    assert hashing.combine(first, second) != hashing.combine(second, first)
