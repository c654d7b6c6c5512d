"""Where the rows of a pipeline come from: files, or BigQuery."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

from tfx.orchestration import data_types

from tfx_retrieval.components.bigquery_example_gen.component import (
    DEFAULT_MAXIMUM_BYTES_BILLED,
    BigQueryInteractionExampleGen,
)
from tfx_retrieval.components.bigquery_example_gen.query import BIGQUERY_SCHEME
from tfx_retrieval.components.interaction_example_gen import executor
from tfx_retrieval.components.interaction_example_gen.component import (
    InteractionExampleGen,
    input_location,
    single_input,
)
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec

EXAMPLE_GEN_ID = InteractionExampleGen.__name__
"""Id of the node that reads the rows, wherever they are: what reads its outputs need not know."""

_Text: TypeAlias = "str | data_types.RuntimeParameter | None"


@dataclasses.dataclass(frozen=True)
class BigQuerySource:
    """Rows in BigQuery; see BigQueryInteractionExampleGen.

    Attributes:
        table: `PROJECT.DATASET.TABLE`, or `DATASET.TABLE` in `project`.
        query: A SELECT statement in GoogleSQL, in place of `table`.
        query_parameters: Named parameters of `query`, a JSON object.
        project: Project that pays; None: that of the credentials.
        location: Location of the data, such as `EU`; None: BigQuery finds it.
        maximum_bytes_billed: The component fails, at no cost, if the query would read more.
        use_storage_api: Whether rows are fetched over the BigQuery Storage API.
    """

    table: _Text = None
    query: _Text = None
    query_parameters: _Text = None
    project: str | None = None
    location: str | None = None
    maximum_bytes_billed: int = DEFAULT_MAXIMUM_BYTES_BILLED
    use_storage_api: bool = True


Data: TypeAlias = "str | data_types.RuntimeParameter | BigQuerySource"
"""A file, a pattern, a directory or `bq://PROJECT.DATASET.TABLE`; as a RuntimeParameter, a
directory."""


def example_gen(
    data: Data, spec: TableSpec, engine: str = executor.IN_PROCESS
) -> InteractionExampleGen | BigQueryInteractionExampleGen:
    """Returns the component that reads the rows, under the id `EXAMPLE_GEN_ID`.

    Args:
        data: Where they are.
        spec: What to make of them.
        engine: `in_process`, or `beam` for tables that one machine cannot hold.

    Raises:
        InputError: What is said of BigQuery is wrong.
    """
    if isinstance(data, str) and data.startswith(BIGQUERY_SCHEME):
        data = BigQuerySource(table=data.removeprefix(BIGQUERY_SCHEME))
    if isinstance(data, BigQuerySource):
        return BigQueryInteractionExampleGen(spec, engine=engine, **vars(data)).with_id(
            EXAMPLE_GEN_ID
        )
    input_base, pattern = input_location(data) if isinstance(data, str) else (data, "*")
    return InteractionExampleGen(
        input_base=input_base,
        table_spec=spec,
        input_config=single_input(pattern),
        engine=engine,
    )
