"""Tables that no config describes."""

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfx_retrieval.components.interaction_example_gen.any_table import read_any_table
from tfx_retrieval.errors import InputError

UTC = pa.timestamp("s", "UTC")


def read(tmp_path, text, **options):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return read_any_table(path, **options).table


@pytest.mark.parametrize(
    ("values", "data_type", "expected"),
    [
        (["1", "-2", ""], pa.int64(), [1, -2, None]),
        (["1", "2.5", "NaN"], pa.float64(), [1.0, 2.5, None]),
        (["17850.0", "13047.0"], pa.float64(), [17850.0, 13047.0]),
        (["00123", "4"], pa.string(), ["00123", "4"]),
        (["00.5", "4"], pa.string(), ["00.5", "4"]),
        (["85123A", "71053"], pa.string(), ["85123A", "71053"]),
        (["True", "false"], pa.bool_(), [True, False]),
        (["true", "1"], pa.string(), ["true", "1"]),
        (["2011-12-09", "1970-01-02T00:00:00Z"], UTC, [datetime.datetime(2011, 12, 9), None]),
        (["12/9/2011", "x"], pa.string(), ["12/9/2011", "x"]),
        (["x", ""], pa.string(), ["x", None]),
    ],
)
def test_csv_columns_get_the_type_of_all_their_values(tmp_path, values, data_type, expected):
    table = read(tmp_path, "\n".join(["a,pad", *(f"{value},1" for value in values)]))
    assert table["a"].type == data_type
    if data_type == UTC:
        assert table["a"].cast(pa.int64()).to_pylist() == [1_323_388_800, 86_400]
    else:
        assert table["a"].to_pylist() == expected


def test_a_column_without_values_is_text(tmp_path):
    assert read(tmp_path, "a,b\n,1\n,2\n")["a"].type == pa.string()


def test_the_type_is_found_over_several_files(tmp_path):
    (tmp_path / "a.csv").write_text("a,b,c\n1,1,1\n")
    (tmp_path / "b.csv").write_text("c,a,b\n1,2.5,x\n")
    table = read_any_table(tmp_path).table
    assert table.to_pydict() == {"a": [1.0, 2.5], "b": ["1", "x"], "c": [1, 1]}


def test_parquet_columns_keep_their_types(tmp_path):
    table = pa.table({"a": [1, 2], "b": ["1", "2"], "c": [[1], [2]], "d": ["x", "x"]})
    table = table.set_column(3, "d", table["d"].dictionary_encode())
    pq.write_table(table, tmp_path / "t.parquet")
    found = read_any_table(tmp_path / "t.parquet").table
    assert found.schema.types[:3] == [pa.int64(), pa.string(), pa.list_(pa.int64())]
    assert found.to_pydict() == table.to_pydict()


def test_max_rows_stops_early(tmp_path):
    lines = ["a,b", *(f"{number},x" for number in range(200_000)), "z,x"]
    table = read(tmp_path, "\n".join(lines), max_rows=1000)
    assert table["a"].to_pylist() == list(range(1000))
    assert read_any_table(tmp_path / "t.csv").table["a"].type == pa.string()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,a\n1,2,3\n", "column 'a'\n  expected one, but got 2 columns of that name"),
        ("a,b\n", "expected at least one row, but got a table without rows"),
        (
            "6.0,2013-03-27 03:35:00 UTC,-73.97,x\n1,2013-03-27 03:35:00 UTC,2,y\n",
            "expected a first line with the names of the columns, but got a first line with the "
            "values '6.0', '2013-03-27 03:35:00 UTC', '-73.97'",
        ),
        ("u1,i2,lamp,3.99\nu2,i1,mug,2.5\n", "a first line with the values 'u1', 'i2', 'lamp'"),
        ("12,117,5\n13,118,4\n", "a first line with the values '12', '117', '5'"),
    ],
)
def test_what_is_no_table(tmp_path, text, message):
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert message in str(error.value)


def test_columns_that_not_all_files_have_are_left_out(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,1\n")
    (tmp_path / "b.csv").write_text("a,c\n2,1\n")
    found = read_any_table(tmp_path)
    assert found.table.to_pydict() == {"a": [1, 2]}
    assert found.left_out == {
        "b": "b.csv has no such column",
        "c": "a.csv has no such column",
    }


def test_a_column_without_a_name_is_left_out(tmp_path):
    (tmp_path / "t.csv").write_text(",2020,a,b\n0,7,x,\n1,8,y,\n")
    found = read_any_table(tmp_path / "t.csv")
    assert found.table.select(["2020", "a"]).to_pydict() == {"2020": [7, 8], "a": ["x", "y"]}
    assert found.left_out == {"": "it has no name"}
