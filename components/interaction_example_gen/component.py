"""InteractionExampleGen: an ExampleGen for tables of interactions."""

from __future__ import annotations

import os
import re
from typing import ClassVar

from tfx import types
from tfx.components.example_gen import component as example_gen
from tfx.components.example_gen import utils
from tfx.dsl.components.base import executor_spec
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_artifacts
from tfx.types import standard_component_specs as standard
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from tfx_retrieval.components.interaction_example_gen import executor
from tfx_retrieval.components.interaction_example_gen.table_spec import TableSpec


class InteractionExampleGenSpec(ComponentSpec):
    """FileBasedExampleGen's spec, with a table spec in place of splits."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        standard.INPUT_BASE_KEY: ExecutionParameter(type=str),
        standard.INPUT_CONFIG_KEY: ExecutionParameter(type=example_gen_pb2.Input),
        standard.RANGE_CONFIG_KEY: ExecutionParameter(
            type=range_config_pb2.RangeConfig, optional=True
        ),
        executor.TABLE_SPEC_KEY: ExecutionParameter(type=str),
        executor.ENGINE_KEY: ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {
        standard.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        executor.CANDIDATES_KEY: ChannelParameter(type=standard_artifacts.Examples),
    }


class InteractionExampleGen(example_gen.FileBasedExampleGen):
    """Turns a table of interactions (CSV or Parquet) into Examples, split as retrieval needs it.

    ```
    features = read_feature_config("features.json")
    input_base, pattern = input_location("data/retail.parquet")
    example_gen = InteractionExampleGen(
        input_base=input_base,
        input_config=single_input(pattern),
        table_spec=table_spec(features, split="temporal"),
    )
    ```

    Component `outputs` contains:
     - `examples`: Channel of type `standard_artifacts.Examples` with the splits train, eval and, if
       asked for, test; one interaction a record.
     - `candidates`: Channel of type `standard_artifacts.Examples` with the split candidates; one
       candidate a record.

    It has FileBasedExampleGen's driver: spans and versions in file patterns work, and files whose
    number, sizes and times of change are as before are not read again.
    """

    SPEC_CLASS = InteractionExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        input_base: str | data_types.RuntimeParameter,
        table_spec: TableSpec | str | data_types.RuntimeParameter,
        input_config: example_gen_pb2.Input | data_types.RuntimeParameter | None = None,
        range_config: range_config_pb2.RangeConfig | data_types.RuntimeParameter | None = None,
        engine: str | data_types.RuntimeParameter = executor.IN_PROCESS,
    ):
        """Constructs the component.

        Args:
            input_base: Directory with the files.
            table_spec: What to make of the table: a `TableSpec`, its JSON, or a run-time parameter
                that will hold its JSON.
            input_config: Which files to read, as one split with a pattern; unset: all files in
                `input_base`. The component makes the splits of the output itself.
            range_config: Which spans to read, if the pattern has `{SPAN}` or a date.
            engine: `in_process`, or `beam` for tables that one machine cannot hold.

        Raises:
            ValueError: `input_config` has several splits, or `engine` is neither of the two.
            InputError: `table_spec` is not a valid spec.
        """
        input_config = input_config or utils.make_default_input_config()
        if isinstance(input_config, example_gen_pb2.Input) and len(input_config.splits) != 1:
            names = [split.name for split in input_config.splits]
            raise ValueError(
                f"input_config must have one split with the pattern of all files, got {names}; "
                "the splits of the output follow from table_spec."
            )
        if isinstance(engine, str) and engine not in executor.ENGINES:
            raise ValueError(f"engine must be one of {executor.ENGINES}, got {engine!r}.")
        if isinstance(table_spec, str):
            table_spec = TableSpec.from_json(table_spec)
        if isinstance(table_spec, TableSpec):
            # Read back, so that a spec made by hand is checked and its numbers have one form.
            table_spec = TableSpec.from_json(table_spec.to_json()).to_json()
        spec = InteractionExampleGenSpec(
            input_base=input_base,
            input_config=input_config,
            range_config=range_config,
            table_spec=table_spec,
            engine=engine,
            examples=types.Channel(type=standard_artifacts.Examples),
            candidates=types.Channel(type=standard_artifacts.Examples),
        )
        # FileBasedExampleGen's constructor would make a spec of its own.
        super(example_gen.FileBasedExampleGen, self).__init__(spec=spec)


def input_location(data: str) -> tuple[str, str]:
    """Returns the directory and the file pattern by which an ExampleGen finds `data`.

    Args:
        data: A file, a directory, or a pattern, which may hold `{SPAN}` and the like.
    """
    if "://" not in data:
        data = f"{os.path.abspath(data)}/" if os.path.isdir(data) else os.path.abspath(data)
    # The directory ends before the first part of the path that stands for several.
    literal = re.match(r"[^*?\[{]*", data)
    head = data[: literal.end()] if literal else data
    base = head.rpartition("/")[0]
    return base, data[len(base) + 1 :] or "*"


def single_input(pattern: str) -> example_gen_pb2.Input:
    """Returns the input config of files that match one pattern."""
    return utils.make_default_input_config(pattern)
