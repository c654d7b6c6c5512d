"""Conditions: grammar against an independent evaluation, and errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_retrieval.pipelines.vertex import conditions

INPUTS = {
    "blessing": [{"uri": "gs://b/1", "metadata": {"blessed": 1.0, "note": "good", "steps": 3}}],
    "none": [],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0)", True),
        ("(inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 0.0)", False),
        ("(inputs.artifacts['blessing'].artifacts[0].metadata['steps'] > 2.0)", True),
        ("!((inputs.artifacts['blessing'].artifacts[0].uri == 'gs://b/1'))", False),
        ("(inputs.artifacts['blessing'].artifacts[0].metadata['note'] == ('go' + 'od'))", True),
        ("(1.0 < 2.0) && !((1.0 == 2.0))", True),
        ("((1.0 > 2.0) || (-1e-05 < 0.0)) && (2.0 == 1.0)", False),
    ],
)
def test_evaluates_what_tfx_writes(text, expected):
    assert conditions.evaluate(text, INPUTS) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(inputs.artifacts['other'].artifacts[0].uri == 'a')", "no input 'other'"),
        ("(inputs.artifacts['none'].artifacts[0].uri == 'a')", "has 0 artifacts"),
        ("(inputs.artifacts['blessing'].artifacts[0].metadata['x'] == 1.0)", "no property 'x'"),
        ("(inputs.artifacts['blessing'].artifacts[0].uri == 1.0)", "two types"),
        ("(1.0 == 1.0", "not closed"),
        ("1.0", "neither true nor false"),
        ("(1.0 == 1.0) 2.0", "left over"),
        ("size(inputs) == 1.0", "not understood"),
        ("(1.0 ==)", "stands where a value should"),
        ("(1.0 && 2.0)", "is applied to"),
        ("__import__('os')", "not understood"),
    ],
)
def test_refuses_what_it_cannot_decide(text, message):
    with pytest.raises(conditions.ConditionError, match=message):
        conditions.evaluate(text, INPUTS)


def test_lists_the_inputs_it_reads():
    text = (
        "(inputs.artifacts['a'].artifacts[0].uri == 'x') && "
        "!((inputs.artifacts['_b.c'].artifacts[0].metadata['p'] == 1.0))"
    )
    assert conditions.input_keys(conditions.parse(text)) == {"a", "_b.c"}


# Each draw is a condition in CEL and its value, computed alongside in Python.
_numbers = st.integers(-3, 3).map(lambda value: (f"{float(value)}", float(value)))
_comparisons = st.tuples(_numbers, st.sampled_from("<>="), _numbers).map(
    lambda parts: (
        f"({parts[0][0]} {parts[1].replace('=', '==')} {parts[2][0]})",
        {
            "<": parts[0][1] < parts[2][1],
            ">": parts[0][1] > parts[2][1],
            "=": parts[0][1] == parts[2][1],
        }[parts[1]],
    )
)
_trees = st.recursive(
    _comparisons,
    lambda inner: st.one_of(
        inner.map(lambda one: (f"!({one[0]})", not one[1])),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]} && {two[1][0]})", two[0][1] and two[1][1])
        ),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]} || {two[1][0]})", two[0][1] or two[1][1])
        ),
    ),
    max_leaves=12,
)


@given(_trees)
def test_agrees_with_python(tree):
    text, expected = tree
    assert conditions.evaluate(text, {}) is expected
