"""A FeatureConfig against tables."""

import datetime
import json

import pyarrow as pa
import pytest

from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.config.data_checks import check_data, check_table
from tfx_retrieval.config.data_filters import filtered
from tfx_retrieval.errors import InputError

GOOD = {"user": ["a", "b", None], "item": [1, 2, 2]}


def config_with(*features, **interaction):
    return parse_feature_config(
        json.dumps(
            {
                "query": {
                    "id": "user",
                    "features": [{"column": "user", "type": "categorical"}, *features],
                },
                "candidate": {
                    "id": "item",
                    "features": [{"column": "item", "type": "categorical"}],
                },
                "interaction": interaction,
            }
        )
    )


def problems_of(config, columns, model=None):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    with pytest.raises(InputError) as caught:
        check_data(config, table, "d.csv", model)
    return caught.value.problems


def only_problem(config, columns, model=None):
    problems = problems_of(config, columns, model)
    assert len(problems) == 1, "\n".join(map(str, problems))
    return problems[0]


DAY = datetime.date(2011, 12, 9)
VECTOR = {"type": "vector", "vector": {"dimension": 2}}
TEMPORAL = {"type": "temporal", "normalize": {}}

FITTING = [
    ({"type": "categorical"}, ["a", "b", ""]),
    ({"type": "categorical"}, [17850.0, float("nan"), 2.0]),
    ({"type": "categorical"}, pa.array(["a", "b", "a"]).dictionary_encode()),
    ({"type": "categorical", "integer_id": {"size": 9}}, ["1", "2.0", "n/a"]),
    ({"type": "categorical", "values": {}}, [["a"], [], None]),
    ({"type": "categorical", "values": {"separator": "|"}}, ["a|b", "", None]),
    ({"type": "numeric"}, ["1", "-2.5e3", "N/A"]),
    ({"type": "numeric"}, [True, False, None]),
    ({"type": "numeric"}, [1.5, float("nan"), 2]),
    (TEMPORAL, ["2011-12-09", "2011-12-09T12:50:00Z", "2011-12-09 12:50:00.25 +01:00"]),
    (TEMPORAL, ["1323431400", "", None]),
    (TEMPORAL, [DAY, DAY, None]),
    (TEMPORAL, [1323431400, 2, None]),
    ({"type": "text"}, ["some words", "", None]),
    ({"type": "boolean"}, ["Yes", "no", None]),
    ({"type": "boolean"}, [0, 1, None]),
    (VECTOR, [[1.0, 2.0], None, [3.0, 4.0]]),
    (VECTOR, ["[1, 2]", "3.5 -1", None]),
]


@pytest.mark.parametrize(("feature", "values"), FITTING, ids=str)
def test_fitting_column(feature, values):
    config = config_with({"column": "x", **feature})
    check_data(config, pa.table({**GOOD, "x": values}), "d.csv")


WRONG_VALUES = [
    ({"type": "numeric"}, ["1", "12,5", "3,5"], 2, '"12,5" (and 1 more such rows)', "a number"),
    ({"type": "numeric"}, [1.0, float("inf"), 2.0], 2, '"inf"', "a finite number"),
    (TEMPORAL, ["2011-12-09", None, "9.12.2011"], 3, '"9.12.2011"', "a date or time such as"),
    (TEMPORAL, ["2011-13-09", None, None], 1, '"2011-13-09"', "a date or time such as"),
    ({"type": "boolean"}, ["yes", "perhaps", ""], 2, '"perhaps"', "true or false"),
    ({"type": "boolean"}, [0, 2, 1], 2, '"2"', "true, false, 1 or 0"),
    (
        {"type": "categorical", "integer_id": {"size": 9}},
        ["1", "x", "2"],
        2,
        '"x"',
        "an integer, since",
    ),
    (
        {"type": "categorical", "integer_id": {"size": 9}},
        [1.5, 2.0, None],
        1,
        '"1.5"',
        "an integer",
    ),
    (VECTOR, [[1.0], [1.0, 2.0], None], 1, "a vector of length 1", "a vector of length 2"),
    (VECTOR, ["[1, 2]", "[1, 2, 3]", None], 2, "a vector of length 3", "a vector of length 2"),
]


@pytest.mark.parametrize(("feature", "values", "row", "received", "expected"), WRONG_VALUES)
def test_wrong_value(feature, values, row, received, expected):
    problem = only_problem(config_with({"column": "x", **feature}), {**GOOD, "x": values})
    assert problem.where == f'd.csv: column "x", row {row}'
    assert received in problem.received
    assert problem.expected.startswith(expected)


LIST = pa.array([["a"], [], None])
WRONG_TYPES = [
    ({"type": "categorical"}, LIST, "a column with one value a row"),
    ({"type": "categorical", "values": {}}, ["a", "b", "c"], "a column of lists, since values"),
    ({"type": "categorical", "values": {"separator": "|"}}, LIST, "a column of text, to be cut"),
    ({"type": "numeric"}, [DAY, DAY, None], "a column of numbers"),
    (TEMPORAL, [True, False, None], "a column of dates, times or integers"),
    ({"type": "text"}, [1, 2, 3], "a column of text"),
    ({"type": "boolean"}, [DAY, DAY, None], "a column of true and false"),
    (VECTOR, [1.0, 2.0, 3.0], "a column of lists of numbers"),
]


@pytest.mark.parametrize(("feature", "values", "expected"), WRONG_TYPES, ids=str)
def test_wrong_type(feature, values, expected):
    table = pa.table({**GOOD, "x": values})
    config = config_with({"column": "x", **feature})
    problem = only_problem(config, table)
    assert problem.where == 'd.csv: column "x"'
    assert problem.received == f"a column of the type {table.schema.field('x').type}"
    assert problem.expected.startswith(expected)
    with pytest.raises(InputError) as caught:
        check_table(config, table.schema, "d.csv")
    assert caught.value.problems == (problem,)


def test_columns_that_are_not_there():
    config = config_with(
        {"column": "town", "type": "categorical"},
        label="stars",
        filters=[{"column": "a", "min": 1}],
    )
    problems = problems_of(config, {**GOOD, "twon": ["x", "y", "z"]})
    assert [problem.where for problem in problems] == [
        'd.csv: column "town"',
        'd.csv: column "stars"',
        'd.csv: column "a"',
    ]
    assert problems[0].received == 'the columns "user", "item", "twon"'
    assert problems[0].remedy == 'Did you mean "twon"?'


def test_history_is_made_and_so_must_not_be_in_the_data():
    history = {"column": "earlier", "type": "history"}
    config = config_with(history, timestamp="t")
    rows = {**GOOD, "t": [1, 2, 3]}
    check_data(config, pa.table(rows), "d.csv")
    problem = only_problem(config, {**rows, "earlier": [["x"], [], []]})
    assert problem.where == 'd.csv: column "earlier"'
    assert problem.expected == "a history under a name that no column has"
    problem = only_problem(config_with(history), GOOD)
    assert problem.expected == "a timestamp to make the history from"


def test_column_that_is_there_twice():
    table = pa.Table.from_arrays(
        [pa.array(["a", "b"]), pa.array([1, 2]), pa.array([1, 2])], ["user", "item", "item"]
    )
    problem = only_problem(config_with(), table)
    assert (problem.where, problem.received) == (
        'd.csv: column "item"',
        "2 columns of that name",
    )


def test_repeated_column_that_the_config_does_not_use():
    table = pa.Table.from_arrays(
        [pa.array(["a", "b"]), pa.array([1, 2]), pa.array([1]).take([0, 0]), pa.array([3, 4])],
        ["user", "item", "x", "x"],
    )
    check_data(config_with(), table, "d.csv")


def test_no_rows():
    problem = only_problem(config_with(), {"user": pa.array([], pa.string()), "item": pa.array([])})
    assert (problem.where, problem.received) == ("d.csv", "no rows")


@pytest.mark.parametrize("values", [[None, None, None], ["", "", ""], [float("nan")] * 3])
def test_column_without_values(values):
    config = config_with({"column": "x", "type": "categorical"})
    assert only_problem(config, {**GOOD, "x": values}).received == "no value in any row"


def test_single_candidate():
    problem = only_problem(config_with(), {"user": ["a", "b"], "item": [1, 1]})
    assert (problem.received, problem.expected) == (
        "the same id in every row",
        "several candidates",
    )


def test_weights():
    config = config_with(weight="w")
    assert "weights from -1 to 3" in only_problem(config, {**GOOD, "w": [1, -1, 3]}).received
    assert only_problem(config, {**GOOD, "w": [0, 0, 0]}).received == "a weight of 0 in every row"
    check_data(config, pa.table({**GOOD, "w": ["0", "1", None]}), "d.csv")


def test_weights_of_rows_that_are_left_out_do_not_count():
    config = config_with(weight="w", filters=[{"column": "no", "not_prefix": "C"}])
    check_data(config, pa.table({**GOOD, "w": [1, -1, 3], "no": ["1", "C2", "3"]}), "d.csv")


def test_filters_that_keep_nothing():
    config = config_with(filters=[{"column": "item", "min": 3}])
    assert only_problem(config, GOOD).received == "3 rows, of which the filters keep none"


def test_labels():
    config = config_with(label="y")
    model = {"model_type": "ranking", "ranking_loss": {"kind": "binary_crossentropy"}}
    binary = parse_model_config(json.dumps(model))
    problem = only_problem(config, {**GOOD, "y": [1, 5, 3]}, binary)
    assert problem.received == "labels from 1 to 5"
    same = only_problem(
        config, {**GOOD, "y": [1, 1, 1]}, parse_model_config('{"model_type": "ranking"}')
    )
    assert same.received == "the label 1 in every row"
    check_data(config, pa.table({**GOOD, "y": [1, 5, 3]}), "d.csv", parse_model_config("{}"))


FILTERS = [
    ({"min": 2}, [False, True, False, True]),
    ({"max": 2}, [True, True, False, False]),
    ({"present": True}, [True, True, False, True]),
    ({"present": False}, [False, False, True, False]),
    ({"one_of": ["1", "3"]}, [True, False, False, True]),
    ({"none_of": ["1", "3"]}, [False, True, True, False]),
    ({"not_prefix": "1"}, [False, True, True, True]),
    ({"min": 2, "none_of": ["3"]}, [False, True, False, False]),
]


@pytest.mark.parametrize("values", [[1, 2, None, 3], ["1", "2", "", "3"], ["1", "2", None, "3"]])
@pytest.mark.parametrize(("condition", "kept"), FILTERS, ids=str)
def test_filter(condition, kept, values):
    table = pa.table({"row": [0, 1, 2, 3], "x": values})
    rows = filtered(config_with(filters=[{"column": "x", **condition}]), table).column("row")
    assert rows.to_pylist() == [row for row in range(4) if kept[row]]


def test_filter_of_times_counts_seconds():
    table = pa.table({"x": [datetime.date(1970, 1, 2), datetime.date(1970, 1, 3)]})
    assert filtered(config_with(filters=[{"column": "x", "min": 90_000}]), table).num_rows == 1


HEADED = parse_feature_config(
    json.dumps(
        {
            "headings": {"user": "User ID", "item": "user", "age": "Age (years)"},
            "query": {
                "id": "user",
                "features": [
                    {"column": "user", "type": "categorical"},
                    {"column": "age", "type": "numeric"},
                ],
            },
            "candidate": {
                "id": "item",
                "features": [{"column": "item", "type": "categorical"}],
            },
            "interaction": {"weight": "age", "filters": [{"column": "item", "none_of": ["2"]}]},
        }
    )
)


def test_columns_are_read_by_their_headings():
    """What has the name of another column is not taken for it."""
    data = {"User ID": ["a", "b", "c"], "user": [1, 2, 3], "Age (years)": [1, 2, 3]}
    check_data(HEADED, pa.table({**data, "item": [None] * 3, "age": ["x"] * 3}), "d.csv")
    filtered_out = {**data, "Age (years)": [1, -1, 3]}
    check_data(HEADED, pa.table(filtered_out), "d.csv")


@pytest.mark.parametrize(
    ("change", "where", "received"),
    [
        ({"User Id": ["a", "b"]}, 'column "User ID"', '"User Id"'),
        ({"Age (years)": ["1", "old"]}, 'column "Age (years)", row 2', '"old"'),
        ({"Age (years)": [[1], [2]]}, 'column "Age (years)"', "list<item: int64>"),
        ({"Age (years)": [-1, 2]}, 'column "Age (years)"', "weights from -1 to 2"),
        ({"user": [1, 1]}, 'column "user"', "the same id in every row"),
    ],
)
def test_problems_name_the_heading(change, where, received):
    data = {"User ID": ["a", "b"], "user": [1, 3], "Age (years)": [1, 2]}
    if "User Id" in change:
        del data["User ID"]
    problem = only_problem(HEADED, {**data, **change})
    assert problem.where == f"d.csv: {where}"
    assert received in problem.received
