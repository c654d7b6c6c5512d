"""BigQueryInteractionExampleGen: an ExampleGen for interactions that are in BigQuery."""

from __future__ import annotations

from typing import ClassVar

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import standard_artifacts
from tfx.types import standard_component_specs as standard
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from tfx_retrieval.components.bigquery_example_gen import executor, query
from tfx_retrieval.components.interaction_example_gen import executor as interaction_executor
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec
from tfx_retrieval.errors import InputError

DEFAULT_MAXIMUM_BYTES_BILLED = query.DEFAULT_MAXIMUM_BYTES_BILLED


class BigQueryInteractionExampleGenSpec(ComponentSpec):
    """A source in BigQuery and a table spec in; Examples out."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        executor.TABLE_KEY: ExecutionParameter(type=str, optional=True),
        executor.QUERY_KEY: ExecutionParameter(type=str, optional=True),
        executor.QUERY_PARAMETERS_KEY: ExecutionParameter(type=str, optional=True),
        executor.PROJECT_KEY: ExecutionParameter(type=str, optional=True),
        executor.LOCATION_KEY: ExecutionParameter(type=str, optional=True),
        executor.MAXIMUM_BYTES_BILLED_KEY: ExecutionParameter(type=int),
        executor.USE_STORAGE_API_KEY: ExecutionParameter(type=int),
        interaction_executor.TABLE_SPEC_KEY: ExecutionParameter(type=str),
        interaction_executor.ENGINE_KEY: ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {
        standard.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        interaction_executor.CANDIDATES_KEY: ChannelParameter(type=standard_artifacts.Examples),
    }


class BigQueryInteractionExampleGen(base_beam_component.BaseBeamComponent):
    """Turns a BigQuery table or query into Examples, split as retrieval needs it.

    It reads only the columns that the FeatureConfig names, asks BigQuery for the size of the query
    before it runs it, and gives what InteractionExampleGen gives for the same rows.

    ```
    features = read_feature_config("features.json")
    example_gen = BigQueryInteractionExampleGen(
        query="SELECT * FROM shop.orders WHERE day >= @since",
        query_parameters='{"since": {"type": "DATE", "value": "2026-01-01"}}',
        table_spec=table_spec(features, split="temporal"),
    )
    ```

    Component `outputs` contains:
     - `examples`: Channel of type `standard_artifacts.Examples` with the splits train, eval and, if
       asked for, test; one interaction a record.
     - `candidates`: Channel of type `standard_artifacts.Examples` with the split candidates; one
       candidate a record.

    Nothing tells a pipeline's cache that a table has changed. Compiled for Vertex AI the component
    is never cached, so that a schedule trains on what the table holds by then. Local runners do
    cache it: let a query parameter, such as the day, change with the table.
    """

    SPEC_CLASS = BigQueryInteractionExampleGenSpec
    NEVER_CACHED_ON_VERTEX: ClassVar[bool] = True
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        table_spec: TableSpec | str | data_types.RuntimeParameter,
        table: str | data_types.RuntimeParameter | None = None,
        query: str | data_types.RuntimeParameter | None = None,
        query_parameters: str | data_types.RuntimeParameter | None = None,
        project: str | data_types.RuntimeParameter | None = None,
        location: str | data_types.RuntimeParameter | None = None,
        maximum_bytes_billed: int | data_types.RuntimeParameter = DEFAULT_MAXIMUM_BYTES_BILLED,
        use_storage_api: bool = True,
        engine: str | data_types.RuntimeParameter = interaction_executor.IN_PROCESS,
    ):
        """Constructs the component.

        Args:
            table_spec: What to make of the table: a `TableSpec`, its JSON, or a run-time parameter
                that will hold its JSON.
            table: `PROJECT.DATASET.TABLE`, or `DATASET.TABLE` in `project`.
            query: A SELECT statement in GoogleSQL, in place of `table`.
            query_parameters: Named parameters of `query`, a JSON object; see
                `query.parse_parameters`.
            project: Project that pays; unset: that of the credentials.
            location: Location of the data, such as `EU`; unset: BigQuery finds it.
            maximum_bytes_billed: The component fails, at no cost, if the query would read more.
            use_storage_api: Whether rows are fetched over the BigQuery Storage API, which is much
                faster and needs roles/bigquery.readSessionUser. Of no effect with engine `beam`.
            engine: `in_process`; or `beam` for tables that one machine cannot hold, for which
                BigQuery exports the rows to Parquet files below the pipeline root on Cloud Storage.

        Raises:
            ValueError: `engine` is neither of the two, or `maximum_bytes_billed` is not above 0.
            InputError: `table_spec`, the source or `query_parameters` is not valid.
        """
        check_source(table, query, query_parameters)
        if isinstance(maximum_bytes_billed, int) and maximum_bytes_billed < 1:
            raise ValueError(f"maximum_bytes_billed must be above 0, got {maximum_bytes_billed}.")
        if isinstance(engine, str) and engine not in interaction_executor.ENGINES:
            raise ValueError(
                f"engine must be one of {interaction_executor.ENGINES}, got {engine!r}."
            )
        if isinstance(table_spec, str):
            table_spec = TableSpec.from_json(table_spec)
        if isinstance(table_spec, TableSpec):
            # Read back, so that a spec made by hand is checked and its numbers have one form.
            table_spec = TableSpec.from_json(table_spec.to_json()).to_json()
        super().__init__(
            spec=BigQueryInteractionExampleGenSpec(
                table=table,
                query=query,
                query_parameters=query_parameters,
                project=project,
                location=location,
                maximum_bytes_billed=maximum_bytes_billed,
                use_storage_api=int(use_storage_api),
                table_spec=table_spec,
                engine=engine,
                examples=types.Channel(type=standard_artifacts.Examples),
                candidates=types.Channel(type=standard_artifacts.Examples),
            )
        )


def check_source(
    table: str | data_types.RuntimeParameter | None,
    text: str | data_types.RuntimeParameter | None,
    parameters: str | data_types.RuntimeParameter | None,
) -> None:
    """Checks a source; what a run-time parameter will hold is checked by the executor.

    Args:
        table: A table, or None.
        text: A query, or None.
        parameters: Its parameters, JSON.

    Raises:
        InputError: With everything that is wrong.
    """
    source = query.Source(
        "dataset.table" if isinstance(table, data_types.RuntimeParameter) else table,
        "SELECT 1" if isinstance(text, data_types.RuntimeParameter) else text,
    )
    problems = query.source_problems(source)
    if isinstance(parameters, str):
        try:
            query.parse_parameters(parameters)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
