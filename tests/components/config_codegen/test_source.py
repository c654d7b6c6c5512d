"""Expressions print on lines of 88 columns, and any text as one harmless literal."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_retrieval.components.config_codegen.source import (
    LINE_LENGTH,
    Call,
    Items,
    assign,
    augment,
    call,
    items,
    literal,
    render,
    returns,
    statement,
)


@given(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_literal_evaluates_to_its_value(value):
    source = literal(value)
    assert ast.literal_eval(source) == value
    assert len(source.splitlines()) == 1


@pytest.mark.parametrize("value", [True, False, None])
def test_literal_of_constants(value):
    assert literal(value) == repr(value)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("plain", '"plain"'),
        ("it's", '''"it's"'''),
        ('say "hi"', """'say "hi"'"""),
        ("""it's "one" """, """'it\\'s "one" '"""),
        ('""\'', """'""\\''"""),
        ("back\\slash", r'"back\\slash"'),
        ("new\nline", r'"new\nline"'),
        ("größe 価格", '"größe 価格"'),
        ("\u202eright to left", r'"\u202eright to left"'),
        ("\u2028", r'"\u2028"'),
        ('"""', """'\"\"\"'"""),
        ("{{ 7 * 7 }} {% raw %} %s", '"{{ 7 * 7 }} {% raw %} %s"'),
    ],
)
def test_literal_has_the_quotes_of_a_formatter(text, source):
    assert literal(text) == source


_NAMES = st.sampled_from(["x", "tf.cast", "inputs", "a_rather_long_name_of_a_variable"])
_EXPRESSIONS = st.recursive(
    st.one_of(_NAMES, st.text(max_size=20).map(literal)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(items),
        st.builds(
            lambda function, positional, keyword: call(function, *positional, **keyword),
            _NAMES,
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["name", "dtype"]), inner),
        ),
    ),
    max_leaves=12,
)


def _flat(expression):
    """The expression on one line, however long."""
    if isinstance(expression, str):
        return expression
    if isinstance(expression, Items):
        return f"[{', '.join(map(_flat, expression.items))}]"
    assert isinstance(expression, Call)
    arguments = [
        f"{argument[0]}={_flat(argument[1])}" if isinstance(argument, tuple) else _flat(argument)
        for argument in expression.arguments
    ]
    return f"{expression.function}({', '.join(arguments)})"


@given(_EXPRESSIONS)
def test_splitting_does_not_change_the_meaning(expression):
    source = render(expression, indent=4, room=40)
    assert ast.dump(ast.parse(source, mode="eval")) == ast.dump(
        ast.parse(_flat(expression), mode="eval")
    )


def test_short_expressions_stay_on_one_line():
    assert assign("y", call("f", "x", axis="1")) == "    y = f(x, axis=1)"
    assert statement(call("f"), 0) == "f()"
    assert augment("y", "x", 8) == "        y += x"
    assert returns("x") == "    return x"


def test_long_expressions_have_one_argument_a_line():
    long = "x" * 40
    expression = call("f", items([long, long]), axis=call("g", "1"))
    assert assign("y", expression).splitlines() == [
        "    y = f(",
        "        [",
        f"            {long},",
        f"            {long},",
        "        ],",
        "        axis=g(1),",
        "    )",
    ]


@pytest.mark.parametrize("excess", [0, 1])
def test_line_is_split_just_beyond_its_length(excess):
    fixed = len("    y = f()")
    argument = "x" * (LINE_LENGTH - fixed + excess)
    lines = assign("y", call("f", argument)).splitlines()
    assert len(lines) == 1 + 2 * excess
    assert max(map(len, lines)) <= LINE_LENGTH


def test_wide_characters_count_twice():
    text = literal("価" * 40)
    assert len(assign("y", call("f", text)).splitlines()) == 3
    assert len(assign("y", call("f", literal("a" * 40))).splitlines()) == 1
