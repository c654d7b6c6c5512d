"""Names of columns and of inputs of signatures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_retrieval.config.input_names import distinct_names, is_input_name, plain_name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Customer ID", "customer_id"),
        (" price €", "price"),
        ("CustomerID (new)", "customer_id_new"),
        ("Größe des Café", "grosse_des_cafe"),
        ("\u00a0Unit-Price", "unit_price"),
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


def test_names_differ_in_more_than_case():
    headings = ["Customer ID", "customer-id", "customer_id", "Price", "PRICE", "商品", "用户"]
    assert distinct_names(headings) == {
        "customer_id": "customer_id",
        "Price": "Price",
        "PRICE": "PRICE_2",
        "Customer ID": "customer_id_2",
        "customer-id": "customer_id_3",
        "商品": "column",
        "用户": "column_2",
    }


@given(st.lists(st.text() | st.text("aA_ 1é", min_size=1), unique=True))
def test_any_headings_get_distinct_names(headings):
    names = distinct_names(headings)
    assert names.keys() == set(headings)
    assert len({name.lower() for name in names.values()}) == len(headings)
    assert all(is_input_name(name) and len(name) <= 128 for name in names.values())
