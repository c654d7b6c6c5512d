"""The bundled Online Retail table as the speed benchmark reads it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tfx_retrieval import demo

# Codes of what is no product; the demo's FeatureConfig leaves them out as well.
_NO_PRODUCTS = (
    *("AMAZONFEE", "B", "BANK CHARGES", "C2", "CRUK", "D", "DOT", "M", "POST", "S", "m"),
)


def read() -> pa.Table:
    """Returns the purchases in order of time, by the rules of the demo's FeatureConfig.

    Stock TFX has no step that leaves rows out, so the table holds none of those for any way.
    """
    bought = (
        pc.field("CustomerID").is_valid()
        & (pc.field("Quantity") >= 1)
        & (pc.field("UnitPrice") >= 0.001)
        & ~pc.field("StockCode").isin(_NO_PRODUCTS)
        & ~pc.starts_with(pc.field("InvoiceNo"), "C")
    )
    table = pyarrow.parquet.read_table(demo.DATA).filter(bought)
    time = table.schema.get_field_index("InvoiceDate")
    # Without fractions of a second, which all are 0.
    seconds = table["InvoiceDate"].cast(pa.timestamp("s"))
    return table.set_column(time, "InvoiceDate", seconds).sort_by("InvoiceDate")
