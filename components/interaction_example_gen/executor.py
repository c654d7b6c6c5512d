"""Executor of InteractionExampleGen."""

from __future__ import annotations

import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as standard
from tfx.utils import proto_utils

from tfx_retrieval.components.interaction_example_gen import beam_engine, describe, in_process
from tfx_retrieval.components.interaction_example_gen.table_spec import CANDIDATES, TableSpec
from tfx_retrieval.errors import InputError, Problem

TABLE_SPEC_KEY = "table_spec"
ENGINE_KEY = "engine"
CANDIDATES_KEY = "candidates"

IN_PROCESS = in_process.ENGINE
BEAM = beam_engine.ENGINE
ENGINES = (IN_PROCESS, BEAM)


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads the files that the driver found and writes Examples of interactions and candidates."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Makes the Examples; see `InteractionExampleGen`.

        Args:
            input_dict: Empty.
            output_dict: `examples` and `candidates`, one artifact each.
            exec_properties: `input_base`, `input_config` with the pattern that the driver resolved,
                `table_spec`, `engine`.

        Raises:
            InputError: The table does not fit the spec.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        spec = TableSpec.from_json(exec_properties[TABLE_SPEC_KEY])
        paths = [input_pattern(exec_properties)]
        examples = artifact_utils.get_single_instance(output_dict[standard.EXAMPLES_KEY])
        candidates = artifact_utils.get_single_instance(output_dict[CANDIDATES_KEY])
        engine = exec_properties[ENGINE_KEY]
        if engine not in ENGINES:
            # A run-time parameter may hold anything.
            expected = f"one of {', '.join(ENGINES)}"
            raise InputError(Problem(f"parameter {ENGINE_KEY}", repr(engine), expected))
        if engine == BEAM:
            result = beam_engine.make_examples(
                paths, spec, examples.uri, candidates.uri, self._make_beam_pipeline
            )
        else:
            result = in_process.make_examples(paths, spec, examples.uri, candidates.uri)
        describe.describe(examples, spec.split.names, result)
        describe.describe_columns(examples, spec)
        describe.describe(candidates, (CANDIDATES,), result)


def input_pattern(exec_properties: dict[str, Any]) -> str:
    """Returns the pattern of the files to read."""
    input_config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties[standard.INPUT_CONFIG_KEY], input_config)
    base = exec_properties[standard.INPUT_BASE_KEY]
    return os.path.join(base, input_config.splits[0].pattern)
