"""Names of columns and of inputs of signatures."""

import pytest

from tfx_retrieval.config.input_names import is_input_name, plain_name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Customer ID", "Customer_ID"),
        (" price €", "price"),
        ("1st", "column_1st"),
        ("_x", "x"),
        ("self", "column_self"),
        ("商品", "column"),
        ("", "column"),
    ],
)
def test_a_plain_name_can_name_an_input(name, plain):
    assert not is_input_name(name)
    assert plain_name(name) == plain
    assert is_input_name(plain)


@pytest.mark.parametrize("name", ["a", "StockCode", "a_1", "Self"])
def test_names_that_can_stay(name):
    assert is_input_name(name)
    assert plain_name(name) == name
