"""First configs for unknown tables."""

import datetime
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_retrieval.config import check_pair, parse_feature_config, parse_model_config
from tfx_retrieval.config.data_checks import check_data
from tfx_retrieval.config.features import raw_columns
from tfx_retrieval.config.input_names import is_input_name, name_words
from tfx_retrieval.config.profile import Kind, profile
from tfx_retrieval.config.roles import explained_share, values_for_each
from tfx_retrieval.config.starter import default_model_config, propose
from tfx_retrieval.errors import InputError

ROWS = 600


def shop(seed=0):
    """A shop's rows: users, items and what depends on them."""
    random = np.random.default_rng(seed)
    users, items = random.integers(0, 40, ROWS), random.integers(0, 80, ROWS)
    start = datetime.datetime(2011, 1, 1)
    seconds = random.integers(0, 10_000_000, ROWS)
    words = ["red", "blue", "mug", "lamp", "clock", "bag"]
    return {
        "OrderNo": [f"A{row}" for row in range(ROWS)],
        "CustomerID": [f"u{user}" for user in users],
        "StockCode": [f"s{item}" for item in items],
        "Description": [f"{words[item % 6]} {words[item // 6 % 6]} no {item}" for item in items],
        "Quantity": [int(-1 if row % 50 == 0 else 1 + row % 5) for row in range(ROWS)],
        "BoughtAt": [start + datetime.timedelta(seconds=int(second)) for second in seconds],
        "UnitPrice": [float(np.exp(item % 9)) for item in items],
        "Tags": ["|".join(words[: 1 + item % 3]) for item in items],
        "Country": [["UK", "FR", "DE"][user % 3] for user in users],
        "IsMember": [bool(user % 2) for user in users],
        "Picture": [[float(item), 1.0, 2.0, 3.0] for item in items],
        "Empty": [None] * ROWS,
        "Constant": ["x"] * ROWS,
        "Rating": [int(1 + row % 5) for row in range(ROWS)],
    }


def proposal(columns, name="shop"):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    features, model, explanations = propose(table, name)
    feature_config = parse_feature_config(json.dumps(features))
    model_config = parse_model_config(json.dumps(model))
    check_pair(feature_config, model_config)
    check_data(feature_config, table, name, model_config)
    return features, model, explanations


def columns_of(side):
    return {feature["column"]: feature for feature in side["features"]}


def test_shop():
    features, model, explanations = proposal(shop())
    query, candidate = columns_of(features["query"]), columns_of(features["candidate"])
    assert features["query"]["id"] == "CustomerID"
    assert features["candidate"]["id"] == "StockCode"
    assert features["candidate"]["title"] == "Description"
    assert query["BoughtAt"]["cyclical"] == {"cycles": ["hour_of_day", "day_of_week"]}
    assert query["StockCode_history"]["history"] == {"max_length": 15}
    assert query["Country"]["type"] == "categorical"
    assert query["IsMember"]["type"] == "boolean"
    assert candidate["Description"]["type"] == "text"
    assert candidate["UnitPrice"] == {
        "column": "UnitPrice",
        "type": "numeric",
        "normalize": {"log": True},
    }
    assert candidate["Tags"]["values"] == {"max_values": 3, "separator": "|"}
    assert candidate["Picture"]["vector"] == {"dimension": 4}
    assert features["interaction"] == {
        "timestamp": "BoughtAt",
        "time_unit": "seconds",
        "label": "Rating",
        "filters": [{"column": "Quantity", "min": 1}],
    }
    assert model["batch_size"] == 32
    assert sorted(line.split(":")[0] for line in explanations) == sorted(
        [*shop(), "StockCode_history"]
    )
    assert "OrderNo: left out: it varies within CustomerID and within StockCode" in explanations
    assert "Constant: left out: one value only" in explanations
    assert "Empty: left out: no value" in explanations


def test_shop_as_text():
    text = {
        name: ["" if value is None else str(value) for value in values]
        for name, values in shop().items()
    }
    features, _, _ = proposal(text)
    expected, _, _ = proposal(shop())
    assert features == expected


def test_ids_that_no_name_tells():
    columns = {name: shop()[name] for name in ("CustomerID", "StockCode")}
    features, _, explanations = proposal(
        {"a": columns["CustomerID"], "b": columns["StockCode"], "c": [1.5, 2.5] * (ROWS // 2)}
    )
    assert {features["query"]["id"], features["candidate"]["id"]} == {"a", "b"}
    assert len(explanations) == 3


@pytest.mark.parametrize(
    ("name", "factor", "unit"),
    [
        ("timestamp", 1, "seconds"),
        ("event_time", 1000, "milliseconds"),
        ("ts", 10**6, "microseconds"),
    ],
)
def test_integer_times(name, factor, unit):
    times = [(1_300_000_000 + 3600 * row) * factor for row in range(ROWS)]
    features, _, _ = proposal({**shop(), "BoughtAt": ["x"] * ROWS, name: times})
    assert features["interaction"]["timestamp"] == name
    assert features["interaction"]["time_unit"] == unit


def test_number_is_no_time_by_its_size_alone():
    amounts = [1_300_000_000 + row for row in range(ROWS)]
    features, _, _ = proposal({**shop(), "BoughtAt": ["x"] * ROWS, "amount_due": amounts})
    assert "timestamp" not in features.get("interaction", {})


@pytest.mark.parametrize(
    ("columns", "received"),
    [
        ({"user_id": pa.array([], pa.string()), "item_id": pa.array([], pa.string())}, "no rows"),
        ({"user_id": ["a", "b", "a"]}, 'the columns "user_id" (text)'),
        ({"a": [1.5, 2.5], "b": [0.1, 0.2]}, 'the columns "a" (numbers), "b" (numbers)'),
        ({"": ["a", "b", "a"]}, "no columns with a name"),
    ],
)
def test_table_without_interactions(columns, received):
    with pytest.raises(InputError) as caught:
        propose(pa.table(columns), "t.csv")
    (problem,) = caught.value.problems
    assert (problem.where, problem.received) == ("t.csv", received)


def test_columns_of_one_name():
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["x", "x"])
    with pytest.raises(InputError, match='several columns called "x"'):
        propose(table, "t.csv")


def test_headings_that_no_signature_takes_get_names():
    columns = {
        {
            "CustomerID": "Customer ID",
            "StockCode": "商品",
            "BoughtAt": "Gekauft größtenteils",
            "Description": "Beschreibung €",
            "Quantity": "Qty.",
            "UnitPrice": "1st price",
            "OrderNo": "Order No",
        }.get(name, name): values
        for name, values in shop().items()
    }
    columns["country"] = columns["Country"]
    columns["column_history"] = columns["Country"]
    features, _, explanations = proposal(columns)
    assert features["headings"] == {
        "customer_id": "Customer ID",
        "column": "商品",
        "gekauft_grosstenteils": "Gekauft größtenteils",
        "beschreibung": "Beschreibung €",
        "qty": "Qty.",
        "column_1st_price": "1st price",
        "country_2": "country",
    }
    assert (features["query"]["id"], features["candidate"]["id"]) == ("customer_id", "column")
    assert features["candidate"]["title"] == "beschreibung"
    assert features["interaction"]["timestamp"] == "gekauft_grosstenteils"
    assert features["interaction"]["filters"] == [{"column": "qty", "min": 1}]
    names = columns_of(features["query"]) | columns_of(features["candidate"])
    assert all(map(is_input_name, names))
    left_out = "left out: it varies within customer_id and within column"
    assert f"Order No (order_no): {left_out}" in explanations
    assert not any(line.startswith("column_history: the last") for line in explanations)


@pytest.mark.parametrize(
    ("heading", "fault"),
    [
        ("n" * 129, "its heading is longer than 128 characters"),
        ("Unit\nPrice", "its heading holds a line break or another control character"),
    ],
)
def test_columns_whose_headings_no_config_holds_are_left_out(heading, fault):
    columns = shop()
    columns[heading] = columns.pop("UnitPrice")
    features, _, explanations = proposal(columns)
    assert "headings" not in features
    assert any(line.endswith(f": left out: {fault}") for line in explanations)


def test_the_id_by_name_has_a_heading_that_no_config_holds():
    columns = shop()
    columns["Customer\nID"] = columns.pop("CustomerID")
    with pytest.raises(InputError) as caught:
        propose(pa.table(columns), "t.csv")
    (problem,) = caught.value.problems
    assert problem.where == r't.csv: column "Customer\nID"'
    assert problem.received == "its heading holds a line break or another control character"


@pytest.mark.parametrize(
    ("values", "received"),
    [
        (["u1"] * ROWS, "the same id in every row"),
        ([None] * ROWS, "no value in any row"),
        ([b"u1", b"u2"] * (ROWS // 2), "values of the type binary, which no feature takes"),
    ],
)
def test_the_id_by_name_cannot_be_one(values, received):
    """Another column must not silently take the place of the users."""
    with pytest.raises(InputError) as caught:
        propose(pa.table({**shop(), "CustomerID": values}), "t.csv")
    (problem,) = caught.value.problems
    assert (problem.where, problem.received) == ('t.csv: column "CustomerID"', received)


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("Lag", [datetime.timedelta(1)] * ROWS, "left out: values of the type duration[us]"),
        ("Weight", [float("inf"), 1.0] * (ROWS // 2), "left out: infinite numbers"),
        ("Picture", [[1.0, None, 2.0, 3.0]] * ROWS, "left out: vectors with gaps"),
        ("Picture", [[1.0], [1.0, 2.0]] * (ROWS // 2), "left out: vectors of different lengths"),
        ("Date", [f"{1 + row % 12}/9/2011 8:26" for row in range(ROWS)], "dates in a form"),
        ("Date", [f"{1 + row % 12} Dec 2011" for row in range(ROWS)], "dates in a form"),
        ("Date", [20111201 + row % 30 for row in range(ROWS)], "dates in a form"),
        ("Cost", ["1,99" if row % 2 else "1.200,50" for row in range(ROWS)], "look like numbers"),
        ("Cost", ["$1.99" if row % 2 else "$12.50" for row in range(ROWS)], "look like numbers"),
    ],
)
def test_what_is_not_read_as_it_seems_to_be_meant_is_told(name, values, told):
    _, _, explanations = proposal({**shop(), name: values})
    (explanation,) = [line for line in explanations if line.startswith(f"{name}: ")]
    assert told in explanation


def test_codes_with_leading_zeros_are_no_numbers():
    codes = [f"{row % 40:05}" for row in range(ROWS)]
    columns = {**shop(), "CustomerID": codes, "Region": codes}
    features, _, explanations = proposal(columns)
    assert columns_of(features["query"])["Region"]["type"] == "categorical"
    assert not any("look like numbers" in line for line in explanations)


@pytest.mark.parametrize(("rows", "batch"), [(None, 1024), (1_000_000, 1024), (2000, 128), (3, 16)])
def test_batch_fits_the_table(rows, batch):
    assert default_model_config(rows)["batch_size"] == batch
    parse_model_config(json.dumps(default_model_config(rows)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("StockCode", ["stock", "code"]),
        ("CustomerID", ["customer", "id"]),
        ("user_id2", ["user", "id2"]),
        ("HTTPServer-name", ["http", "server", "name"]),
    ],
)
def test_name_words(name, words):
    assert name_words(name) == words


PROFILES = [
    ([1, 2, None], Kind.INTEGER),
    ([1.0, 2.0, None], Kind.INTEGER),
    ([1.5, 2.0], Kind.REAL),
    (["1.5", "n/a"], Kind.REAL),
    (["2011-12-09", "2011-12-10"], Kind.TIME),
    ([datetime.date(2011, 12, 9)], Kind.TIME),
    (["yes", "no", "yes"], Kind.BOOLEAN),
    ([True, None], Kind.BOOLEAN),
    (["a", "b"], Kind.TEXT),
    (["a|b", "b|c", "a|c", "a"], Kind.LIST),
    (["[1.0, 2, 3, 4]", "5 6 7 8"], Kind.VECTOR),
    ([["a"], ["b", "c"]], Kind.LIST),
    ([[1.0, 2.0]], Kind.VECTOR),
    ([[1.0, 2.0], [1.0]], Kind.OTHER),
    ([{"a": 1}], Kind.OTHER),
    ([b"x"], Kind.OTHER),
    ([None, None], Kind.EMPTY),
    (["", ""], Kind.EMPTY),
    ([[], []], Kind.EMPTY),
]


@pytest.mark.parametrize(("values", "kind"), PROFILES, ids=str)
def test_profile(values, kind):
    (column,) = profile(pa.table({"x": values}))
    assert column.kind == kind


def test_dependence_on_an_id():
    table = pa.table({"u": [0, 0, 1, 1], "v": [5, 5, 6, 6], "w": [1, 2, 3, 4]})
    owner, value, other = profile(table)
    assert values_for_each(value, owner) == 1
    assert values_for_each(other, owner) == 2
    assert explained_share(value, owner) == 1
    rows = 4000
    random = np.random.default_rng(0)
    noise = pa.table({"u": np.arange(rows) // 2, "x": random.normal(size=rows)})
    owner, value = profile(noise)
    assert explained_share(value, owner) < 0.1


CELLS = st.sampled_from(
    [None, "", "a", "b c d", "1", "2.5", "2011-12-09", "x|y", "[1,2,3,4]", "yes"]
)


def test_any_table_gives_configs_or_an_input_error():
    @settings(max_examples=60, deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from(
                ["user_id", "item", "title", "rating", "time", "qty", "QTY", "x y", "é", "a\nb"]
            ),
            st.lists(CELLS, min_size=8, max_size=8),
            max_size=6,
        )
    )
    def check(columns):
        table = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
        try:
            features, model, explanations = propose(table, "t")
        except InputError:
            return
        config = parse_feature_config(json.dumps(features))
        parse_model_config(json.dumps(model))
        assert {column.heading for column in raw_columns(config).values()} <= {
            *columns,
            *(feature["column"] for feature in features["query"]["features"]),
        }
        assert all(is_input_name(name) for name in raw_columns(config))
        assert all("\n" not in line for line in explanations)

    check()
