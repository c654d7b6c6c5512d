"""Builds `tfx_retrieval/demo/online_retail.parquet` from the CSV of UCI Online Retail.

Usage: python scripts/make_demo_data.py online_retail.csv[.gz]

The CSV is the sheet of https://archive.ics.uci.edu/dataset/352/online+retail as text, with the
header InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country. Every row
is kept, in order; `tfx_retrieval/demo/ATTRIBUTION.md` lists what changes.
"""

from __future__ import annotations

import argparse
import pathlib

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

OUTPUT = pathlib.Path(__file__).parents[1] / "tfx_retrieval" / "demo" / "online_retail.parquet"

SCHEMA = pa.schema(
    {
        "InvoiceNo": pa.string(),
        "StockCode": pa.string(),
        "Description": pa.string(),
        "Quantity": pa.int64(),
        "InvoiceDate": pa.timestamp("ms"),
        "UnitPrice": pa.float64(),
        "CustomerID": pa.int64(),
        "Country": pa.string(),
    }
)


def read(path: pathlib.Path) -> pa.Table:
    """Reads the CSV.

    Args:
        path: The CSV, plain or gzip.

    Returns:
        The rows in the order of the file, in the types of `SCHEMA`.

    Raises:
        ValueError: If the columns are not those of Online Retail.
    """
    table = pyarrow.csv.read_csv(
        path,
        convert_options=pyarrow.csv.ConvertOptions(
            strings_can_be_null=True,
            null_values=[""],
            # Spreadsheets hand an integer with gaps on as a float, 17850.0.
            column_types=dict(zip(SCHEMA.names, SCHEMA.types, strict=True))
            | {"CustomerID": pa.float64()},
        ),
    )
    if table.column_names != SCHEMA.names:
        raise ValueError(f"{path}: expected columns {SCHEMA.names}, but got {table.column_names}")
    description = pc.utf8_trim_whitespace(table["Description"])
    place = SCHEMA.get_field_index("Description")
    return table.set_column(place, "Description", description).cast(SCHEMA)


def main() -> None:
    """Writes the Parquet file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=pathlib.Path)
    table = read(parser.parse_args().csv)
    pyarrow.parquet.write_table(
        table, OUTPUT, compression="zstd", compression_level=19, row_group_size=1 << 20
    )
    print(f"{OUTPUT}: {table.num_rows:,} rows, {OUTPUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
