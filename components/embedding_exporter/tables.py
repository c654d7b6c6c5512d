"""Embedding tables as Parquet files."""

from __future__ import annotations

import os
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tfx.dsl.io import fileio

from tfx_retrieval.components.scann_indexer import embed, reading, saving

BATCH_ROWS = 8192


def table_path(uri: str, side: str, run_date: str) -> str:
    """Returns the file of a side's embeddings.

    Args:
        uri: Uri of the Embeddings artifact.
        side: `query` or `candidate`.
        run_date: Date of the partition, `YYYY-MM-DD`.
    """
    return os.path.join(uri, side, f"run_date={run_date}", "part-0.parquet")


def schema(ids: np.ndarray) -> pa.Schema:
    """Returns the columns of an embedding table: `id`, `embedding`, `model_version`, `run_id`.

    Args:
        ids: `bytes` objects or int64.
    """
    return pa.schema(
        [
            pa.field("id", pa.string() if ids.dtype == object else pa.int64(), nullable=False),
            pa.field("embedding", pa.list_(pa.field("element", pa.float32(), nullable=False))),
            pa.field("model_version", pa.string()),
            pa.field("run_id", pa.string()),
        ]
    )


def write_table(
    source: reading.Source,
    selection: reading.Selection,
    embedder: embed.Embed,
    path: str,
    model_version: str,
    run_id: str,
    batch_rows: int = BATCH_ROWS,
) -> None:
    """Embeds the chosen rows and writes them as one Parquet file, one row group a batch.

    Memory does not grow with the number of rows: only a batch of embeddings is held at a time.

    Args:
        source: The source that `selection` was made from.
        selection: The rows to embed.
        embedder: From serialized Examples to embeddings.
        path: Where to write, local or remote.
        model_version: Value of that column in all rows.
        run_id: Value of that column in all rows.
        batch_rows: Rows embedded at a time.

    Raises:
        InputError: See `embed.embed_selected`.
    """
    columns = schema(selection.ids)
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, "part.parquet")
        with pq.ParquetWriter(
            local,
            columns,
            compression="zstd",
            # BigQuery recognises lists by the element name of the Parquet specification.
            use_compliant_nested_type=True,
        ) as writer:
            for places, vectors in embed.embed_selected(source, selection, embedder, batch_rows):
                size, width = vectors.shape
                offsets = pa.array(np.arange(0, size * width + 1, width), pa.int32())
                values = pa.array(vectors.ravel(), pa.float32())
                arrays = [
                    saving.id_array(selection.ids[places]),
                    pa.ListArray.from_arrays(offsets, values).cast(columns.field("embedding").type),
                    pa.array([model_version] * size, pa.string()),
                    pa.array([run_id] * size, pa.string()),
                ]
                writer.write_batch(pa.record_batch(arrays, schema=columns))
        fileio.makedirs(os.path.dirname(path))
        fileio.copy(local, path, overwrite=True)
