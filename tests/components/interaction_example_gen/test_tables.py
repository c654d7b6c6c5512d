"""Files of every kind into one table, and everything that can be wrong with them."""

import datetime
import gzip
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from pyarrow import csv
from support import ram_filesystem

from tfx_retrieval.components.interaction_example_gen import files, load, tables
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ColumnSpec,
    FilterSpec,
    HistorySpec,
    TableSpec,
)
from tfx_retrieval.errors import InputError

SPEC = TableSpec(
    columns=(
        ColumnSpec("user", "categorical"),
        ColumnSpec("item", "categorical"),
        ColumnSpec("price", "numeric"),
    ),
    example_columns=("user", "item", "price"),
    query_id="user",
    candidate_id="item",
    candidate_columns=("item",),
)
HEADED = TableSpec(
    **{
        **vars(SPEC),
        "columns": (*SPEC.columns[:2], ColumnSpec("price", "numeric", heading="Unit price")),
    }
)
ROWS = {"user": [1, 2, 2], "item": ["a", "b", None], "price": [1.5, None, 3.0]}
KEPT = {"user": [1, 2], "item": ["a", "b"], "price": [1.5, None]}
CSV = "user,other,item,price\n1,x,a,1.5\n2,y,b,\n2,z,,3.0\n"
# Without the time: two processes that run tests must agree on their names.
GZIPPED = gzip.compress(CSV.encode(), mtime=0)


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems(paths, spec=SPEC):
    with pytest.raises(InputError) as error:
        load.load(paths, spec)
    return error.value.problems


class TestFormats:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("t.csv", CSV),
            ("t.csv.gz", GZIPPED),
            ("t.csv.zst", pa.compress(CSV.encode(), "zstd", asbytes=True)),
            ("no_suffix", CSV),
            ("misnamed.csv", GZIPPED),
            ("bom.csv", "\ufeff" + CSV),
            ("windows.csv", CSV.replace("\n", "\r\n")),
            ("t.tsv", CSV.replace(",", "\t")),
            ("semicolon.csv", CSV.replace(",", ";")),
            ("quoted.csv", CSV.replace("x", '"x,\n1,2"').replace('user"', "user")),
            ("quoted_header.csv", CSV.replace("user", '"user"', 1)),
            ("blank_lines.csv", CSV + "\n\n"),
        ],
    )
    def test_csv(self, tmp_path, name, content):
        loaded = load.load(write(tmp_path / name, content), SPEC)
        assert loaded.table.to_pydict() == KEPT
        assert loaded.rows_read == 3
        assert loaded.left_out == {"no user": 0, "no item": 1}

    def test_a_heading_is_read_under_its_name(self, tmp_path):
        """A column that has the name for a heading is another one."""
        csv_path = write(tmp_path / "t.csv", "Unit price,price,user,item\n1.5,x,1,a\n,y,2,b\n")
        assert load.load_interactions(csv_path, HEADED).to_pydict() == KEPT
        table = pa.table({**ROWS, "Unit price": ROWS["price"], "price": ["x"] * 3})
        pq.write_table(table, tmp_path / "t.parquet")
        assert load.load_interactions(tmp_path / "t.parquet", HEADED).to_pydict() == KEPT

    @pytest.mark.parametrize("compression", ["zstd", "snappy", "none"])
    def test_parquet(self, tmp_path, compression):
        table = pa.table({**ROWS, "other": [1, 2, 3]})
        pq.write_table(table, tmp_path / "t.parquet", compression=compression, row_group_size=2)
        assert load.load_interactions(tmp_path / "t.parquet", SPEC).to_pydict() == KEPT

    def test_several_files_of_both_kinds_in_order_of_name(self, tmp_path):
        write(tmp_path / "b.csv", "price,item,user\n7,c,17850.0\n")
        pq.write_table(pa.table(ROWS), tmp_path / "a.parquet")
        write(tmp_path / "_SUCCESS", "")
        write(tmp_path / ".hidden.csv", "x")
        write(tmp_path / "README.md", "notes")
        expected = {"user": [1, 2, 17850], "item": ["a", "b", "c"], "price": [1.5, None, 7.0]}
        for paths in (tmp_path, f"{tmp_path}/*", [tmp_path / "a.parquet", tmp_path / "b.csv"]):
            assert load.load_interactions(paths, SPEC).to_pydict() == expected

    def test_files_without_known_suffix_are_taken_if_there_are_no_others(self, tmp_path):
        write(tmp_path / "part-0", CSV)
        write(tmp_path / "part-1", CSV)
        assert load.load(tmp_path, SPEC).rows_read == 6

    def test_remote_files_are_read_like_local_ones(self, tmp_path):
        ram_filesystem.register()
        write(tmp_path / "a.csv", CSV)
        (tmp_path / "b.csv.gz").write_bytes(GZIPPED)
        pq.write_table(pa.table(ROWS), tmp_path / "c.parquet")
        folder = f"ram://{tmp_path.name}"
        tf.io.gfile.makedirs(f"{folder}/rows")
        for path in tmp_path.iterdir():
            tf.io.gfile.copy(str(path), f"{folder}/rows/{path.name}")
        for pattern in ("a.csv", "*.gz", "*", ""):
            local = load.load(f"{tmp_path}/{pattern}", SPEC)
            remote = load.load(f"{folder}/rows/{pattern}", SPEC)
            assert remote.table.equals(local.table)
            assert remote.rows_read == local.rows_read

    def test_blocks_of_a_large_file_join(self, tmp_path):
        # About 20 MB: three blocks, the last of which alone shows that items are text.
        rows = 100_000
        items = (np.arange(rows) + 10_000_000).astype(str)
        items[-1] = "85123A"
        prices = np.arange(rows) % 7.0
        prices[-2] = 0.5
        table = {"user": np.arange(rows), "item": items, "price": prices, "pad": ["x" * 200] * rows}
        csv.write_csv(pa.table(table), tmp_path / "t.csv")
        loaded = load.load_interactions(tmp_path / "t.csv", SPEC)
        assert [column.num_chunks for column in loaded.columns] == [1, 1, 1]
        assert loaded["item"].to_pylist() == items.tolist()
        assert loaded["price"].to_pylist() == prices.tolist()
        assert loaded["user"].to_pylist() == list(range(rows))


def test_no_thread_of_arrow_holds_a_python_object_after_reading(tmp_path, monkeypatch):
    """One that lets go of it while Python ends aborts the process."""
    path = write(tmp_path / "t.csv", CSV)
    held, wait_for = [], tables._wait_for

    def remember(released):
        wait_for(released)
        held.append(released() is not None)

    monkeypatch.setattr(tables, "_wait_for", remember)
    file = files.inspect(str(path))
    names = file.column_names
    types = dict.fromkeys(names, pa.string())
    for _ in range(20):
        list(tables.read_raw_blocks(file, names, types))
    # A reader that stops early.
    next(blocks := tables.read_raw_blocks(file, names, types))
    blocks.close()
    assert held == [False] * 21


class TestProblems:
    def test_nothing_there(self, tmp_path):
        found = problems([tmp_path / "none.csv", f"{tmp_path}/*.parquet"])
        assert [str(problem.where) for problem in found] == [
            str(tmp_path / "none.csv"),
            f"{tmp_path}/*.parquet",
        ]

    @pytest.mark.parametrize(
        ("content", "received", "expected"),
        [
            (b"", "an empty file", "a CSV file with a header"),
            (b"\n1,2\n", "a file without a first line", "a CSV file with a header"),
            (b"PK\x03\x04rest", "a file that begins with b'PK", "a CSV file with a header"),
            (b"\x00\x01\x02", "a file that begins with b'\\x00", "a CSV file with a header"),
            ("user,item\n1,2\n".encode("utf-16"), "bytes in the header that", "text in UTF-8"),
            (b'{"user": 1, "item": 2}\n', "JSON", "a CSV file with a header"),
            (b'[\n{"user": 1}\n]', "JSON", "a CSV file with a header"),
            (b"# exported\nuser,item\n1,2\n", "the columns '# exported'", "the columns"),
            (b"PAR1 and no more", "", "a complete Parquet file"),
            (b"\x1f\x8b\x08 and no more", "", "a complete gzip file"),
            ("user,größe\n".encode("latin-1"), "bytes in the header that are not", "text in UTF-8"),
            (
                "user,item,price\n1,größe,2\n".encode("latin-1"),
                "bytes in the rows",
                "text in UTF-8",
            ),
            (GZIPPED[:-12], "", "a complete"),
        ],
    )
    def test_a_file_that_is_no_table(self, tmp_path, content, received, expected):
        path = write(tmp_path / "t.csv", content)
        (found,) = problems(path)
        assert found.where == str(path)
        assert received in found.received
        assert expected in found.expected

    def test_missing_columns_of_all_files_at_once(self, tmp_path):
        write(tmp_path / "a.csv", "user,itm,price\n1,2,3\n")
        write(tmp_path / "b.csv", "user,item\n1,2\n")
        first, second = problems(tmp_path)
        assert first.where == f"{tmp_path}/a.csv: column 'item'"
        assert first.received == "the columns 'user', 'itm', 'price'"
        assert first.remedy == "Did you mean 'itm'?"
        assert second.where == f"{tmp_path}/b.csv: column 'price'"

    def test_the_table_of_another_config(self, tmp_path):
        (found,) = problems(write(tmp_path / "t.csv", "a,b\n1,2\n"))
        assert found.received == "the columns 'a', 'b'"
        assert found.expected == "the columns 'user', 'item', 'price'"
        assert "is its first line the header" in found.remedy

    def test_a_heading_that_is_not_there(self, tmp_path):
        (found,) = problems(write(tmp_path / "t.csv", "user,item,Unit  Price\n1,2,3\n"), HEADED)
        assert found.where.endswith("t.csv: column 'Unit price'")
        assert found.remedy == "Did you mean 'Unit  Price'?"

    def test_a_bad_value_is_named_by_its_heading(self, tmp_path):
        (found,) = problems(write(tmp_path / "t.csv", "user,item,Unit price\n1,2,x\n"), HEADED)
        assert found.where.endswith("t.csv: column 'Unit price', row 1")

    def test_columns_of_one_name(self, tmp_path):
        (found,) = problems(write(tmp_path / "t.csv", "user,item,price,item,x,x\n1,2,3,4,5,6\n"))
        assert found.where.endswith("column 'item'")
        assert (found.received, found.expected) == ("2 columns of that name", "one")

    def test_a_column_where_a_history_is_made(self, tmp_path):
        spec = TableSpec(**{**vars(SPEC), "histories": (HistorySpec("seen", 3),)})
        path = write(tmp_path / "t.csv", "user,item,price,seen\n1,2,3,4\n")
        (found,) = problems(path, spec)
        assert found.where.endswith("column 'seen'")
        assert "rename it" in found.remedy

    @pytest.mark.parametrize("content", ["user,item,price\n", "user,item,price"])
    def test_no_rows(self, tmp_path, content):
        (found,) = problems(write(tmp_path / "t.csv", content))
        assert found.received == "a table without rows"

    def test_no_rows_in_parquet(self, tmp_path):
        pq.write_table(pa.table(ROWS).slice(0, 0), tmp_path / "t.parquet")
        (found,) = problems(tmp_path / "t.parquet")
        assert found.received == "a table without rows"

    def test_no_rows_left(self, tmp_path):
        path = write(tmp_path / "t.csv", "user,item,price\n1,a,2\n,b,3\n2,c,\n")
        spec = TableSpec(**{**vars(SPEC), "filters": (FilterSpec("price", minimum=9.0),)})
        (found,) = problems(path, spec)
        assert found.received == (
            "3 rows, none of which is kept: 1 with no user, 2 with price below 9"
        )

    def test_bad_values_of_all_columns_at_once(self, tmp_path):
        spec = TableSpec(
            **{**vars(SPEC), "columns": (*SPEC.columns, ColumnSpec("when", "temporal"))}
        )
        write(tmp_path / "a.csv", "user,item,price,when\n1,a,2,2011-12-09\n")
        write(
            tmp_path / "b.csv",
            "user,item,price,when\n1,a,cheap,2011-12-09\n1,a,2,12/9/2011\n1,a,dear,\n",
        )
        price, when = problems(tmp_path, spec)
        assert price.where == f"{tmp_path}/b.csv: column 'price', row 1"
        assert price.received == "'cheap' (and 1 more such row)"
        assert when.where == f"{tmp_path}/b.csv: column 'when', row 2"
        assert when.received == "'12/9/2011'"

    def test_row_numbers_count_over_blocks_of_a_file(self, tmp_path):
        rows = 300_000
        prices = np.arange(rows).astype(str)
        prices[250_000] = "free"
        table = pa.table({"user": np.arange(rows), "item": np.arange(rows), "price": prices})
        pq.write_table(table, tmp_path / "t.parquet")
        (found,) = problems(tmp_path / "t.parquet")
        assert found.where.endswith("column 'price', row 250,001")

    def test_a_column_of_a_wrong_type(self, tmp_path):
        table = pa.table({**ROWS, "price": [datetime.date(2011, 12, 9)] * 3})
        pq.write_table(table, tmp_path / "t.parquet")
        (found,) = problems(tmp_path / "t.parquet")
        assert found.received == "a column of type date32[day]"
        table = table.set_column(0, "user", pa.array([["a"], ["b"], []]))
        pq.write_table(table.set_column(2, "price", [[1, 2, 3]]), tmp_path / "t.parquet")
        (found,) = problems(tmp_path / "t.parquet")
        assert found.where.endswith("column 'user'")
        assert found.received == "a column of type list<item: string>"

    def test_lines_of_another_length(self, tmp_path):
        lines = ["1,a,2", "1,a", "1,a,2,3", *["x"] * 5]
        (found,) = problems(write(tmp_path / "t.csv", "\n".join(["user,item,price", *lines])))
        assert found.expected == "3 fields in each line"
        assert found.received == (
            "2 in '1,a'; 4 in '1,a,2,3'; 1 in 'x'; 1 in 'x'; 1 in 'x'; and 2 more"
        )


def test_only_the_columns_needed_are_read(tmp_path):
    path = write(tmp_path / "t.csv", CSV)
    (file,) = tables.open_table(path, SPEC)
    assert file.column_names == ("user", "other", "item", "price")
    (block,) = tables.read_blocks([file], SPEC, tables.BadColumns())
    assert list(block.columns) == ["user", "item", "price"]


def test_a_path_of_a_file_system_is_told_from_a_local_one():
    assert files.is_remote("gs://bucket/t.csv")
    assert not files.is_remote("data/t.csv")


def test_reading_tables_imports_neither_tensorflow_nor_tfx():
    code = (
        "import sys\n"
        "from tfx_retrieval.components.interaction_example_gen import any_table, feature_config\n"
        "from tfx_retrieval.components.interaction_example_gen import load\n"
        "print(sorted({'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
