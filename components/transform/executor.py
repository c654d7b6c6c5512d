"""Transform executor: in this process where that gives the same results, TFX's own otherwise.

It subclasses TFX's Transform executor and uses helpers beside it (`executor_utils`,
`examples_utils`, `tfxio_utils`), which TFX keeps without promising to.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tfx import types
from tfx.components.transform import executor as tfx_executor
from tfx.components.transform import executor_utils, labels
from tfx.components.util import examples_utils, tfxio_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2, transform_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import import_utils, io_utils, proto_utils

from tfx_retrieval.components.config_codegen import packaging
from tfx_retrieval.components.transform import engine as engines
from tfx_retrieval.components.transform import in_process, records, tft_analyzers, tft_internal
from tfx_retrieval.errors import InputError, Problem

MODULE_KEY = "module"
ENGINE_KEY = "engine"

_LOGGER = logging.getLogger("tfx_retrieval.transform")
_PREPROCESSING_FN = standard_component_specs.PREPROCESSING_FN_KEY

Artifacts = dict[str, list[types.Artifact]]


class Executor(tfx_executor.Executor):
    """Runs the preprocessing_fn of a module artifact over examples."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes the transform graph and the transformed examples.

        Args:
            input_dict: `examples`, `schema`, `module`, optionally `analyzer_cache`.
            output_dict: Outputs as of TFX's Transform.
            exec_properties: Parameters of TFX's Transform and `engine`.

        Raises:
            InputError: The module is unusable, a split is missing, or `engine` is `in_process`
                and something needs Beam; all reasons are named.
        """
        engine = exec_properties.get(ENGINE_KEY) or engines.AUTO
        module = packaging.read_module(artifact_utils.get_single_uri(input_dict[MODULE_KEY]))
        examples = input_dict[standard_component_specs.EXAMPLES_KEY]
        splits_config = _splits_config(exec_properties, examples)
        exec_properties = {
            **exec_properties,
            standard_component_specs.SPLITS_CONFIG_KEY: proto_utils.proto_to_json(splits_config),
            standard_component_specs.MODULE_PATH_KEY: module.user_module_key,
        }
        graph = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.TRANSFORM_GRAPH_KEY]
        )
        obstacles = _obstacles(input_dict, output_dict, exec_properties)
        if engine == engines.AUTO:
            obstacles += engines.beam_obstacles(
                self._beam_pipeline_args, self._make_beam_pipeline_fn
            )
        with tempfile.TemporaryDirectory() as directory:
            # Under Beam too: a worker would not name the module in its error.
            preprocessing_fn = _load_preprocessing_fn(module, directory)
            transform = None
            if engine != engines.BEAM and not obstacles:
                try:
                    transform = _trace(
                        preprocessing_fn, module, input_dict, exec_properties, directory
                    )
                except tft_analyzers.NeedsBeamError as error:
                    obstacles.append(str(error))
            if transform is None:
                _refuse_beam_if_in_process(engine, obstacles)
                engines.record(_LOGGER, graph, engines.BEAM, "; ".join(obstacles) or "asked for")
                with _named_failures(module, examples):
                    super().Do(input_dict, output_dict, exec_properties)
                return
            engines.record(_LOGGER, graph, engines.IN_PROCESS, "every analyzer is proven")
            splits = _prepare_splits(splits_config, examples, output_dict)
            with _named_failures(module, examples):
                transform.run(splits, graph.uri)


def _refuse_beam_if_in_process(engine: str, obstacles: Sequence[str]) -> None:
    if engine == engines.IN_PROCESS:
        raise InputError(
            Problem(
                where=f"Transform with engine {engines.IN_PROCESS!r}",
                received=obstacle,
                expected="nothing that needs Beam",
                remedy=f"Use the engine {engines.AUTO!r} or {engines.BEAM!r}.",
            )
            for obstacle in obstacles
        )


@contextlib.contextmanager
def _named_failures(
    module: packaging.PackagedModule, examples: Sequence[types.Artifact]
) -> Iterator[None]:
    """Names the module and the data in whatever its preprocessing_fn raises on them."""
    try:
        yield
    except Exception as error:
        raise RuntimeError(
            f"Transform with the module {module.name} ({module.source_uri}) failed on the "
            f"examples {', '.join(artifact.uri for artifact in examples)}: {error}"
        ) from error


def _splits_config(
    exec_properties: dict[str, Any], examples: Sequence[types.Artifact]
) -> transform_pb2.SplitsConfig:
    """Returns the splits to analyze and to transform, in a fixed order."""
    names = artifact_utils.decode_split_names(examples[0].split_names)
    given = exec_properties.get(standard_component_specs.SPLITS_CONFIG_KEY)
    config = executor_utils.ResolveSplitsConfig(given, list(examples))
    if not given:
        config.transform[:] = names
    missing = sorted({*config.analyze, *config.transform} - set(names))
    if missing:
        raise InputError(
            Problem(
                where=f"examples {examples[0].uri}",
                received=f"the splits {names}",
                expected=f"a split named {name!r}",
                remedy="Set splits_config to splits that the examples have.",
            )
            for name in missing
        )
    return config


def _obstacles(
    input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
) -> list[str]:
    """Returns what asks for Beam, apart from the module's analyzers."""
    keys = standard_component_specs
    examples = input_dict[keys.EXAMPLES_KEY]
    payload_format, _ = tfxio_utils.resolve_payload_format_and_data_view_uri(examples)
    file_formats = {examples_utils.get_file_format(artifact) for artifact in examples}
    checks = {
        "statistics are asked for": not int(exec_properties.get(keys.DISABLE_STATISTICS_KEY) or 0),
        "TensorFlow 1 behaviour is asked for": int(
            exec_properties.get(keys.FORCE_TF_COMPAT_V1_KEY) or 0
        ),
        "SaveOptions are given": exec_properties.get(keys.SAVE_OPTIONS_KEY),
        "an analyzer cache is asked for": input_dict.get(keys.ANALYZER_CACHE_KEY)
        or output_dict.get(keys.UPDATED_ANALYZER_CACHE_KEY),
        "the examples are not tf.train.Examples": payload_format
        != example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE,
        "the examples are not in gzip TFRecords": not file_formats <= set(engines.GZIP_TFRECORDS),
    }
    problem = tft_internal.version_problem()
    return [*(reason for reason, holds in checks.items() if holds), *([problem] if problem else [])]


def _load_preprocessing_fn(module: packaging.PackagedModule, directory: str) -> Callable[..., Any]:
    """Imports the preprocessing_fn from a copy, or says which module has none."""
    where = f"transform module {module.name} ({module.source_uri})"
    # Python writes bytecode beside what it imports, and an artifact must stay as it is.
    path = os.path.join(directory, f"{module.name}.py")
    fileio.copy(module.source_uri, path)
    try:
        return import_utils.import_func_from_source(path, _PREPROCESSING_FN)
    except Exception as error:
        raise InputError(
            Problem(
                where=where,
                received=f"{type(error).__name__}: {error}",
                expected=f"a Python module with a function {_PREPROCESSING_FN}(inputs)",
            )
        ) from error


def _trace(
    preprocessing_fn: Callable[..., Any],
    module: packaging.PackagedModule,
    input_dict: Artifacts,
    exec_properties: dict[str, Any],
    directory: str,
) -> in_process.InProcessTransform:
    """Prepares the in-process engine."""
    schema = io_utils.SchemaReader().read(
        io_utils.get_only_uri_in_dir(
            artifact_utils.get_single_uri(input_dict[standard_component_specs.SCHEMA_KEY])
        )
    )
    config_key = standard_component_specs.CUSTOM_CONFIG_KEY
    preprocessing_fn = executor_utils.MaybeBindCustomConfig(
        {labels.CUSTOM_CONFIG: exec_properties.get(config_key)}, preprocessing_fn
    )
    try:
        return in_process.InProcessTransform(preprocessing_fn, schema, directory)
    except tft_analyzers.NeedsBeamError:
        raise
    except Exception as error:
        columns = ", ".join(sorted(feature.name for feature in schema.feature))
        raise InputError(
            Problem(
                where=f"{_PREPROCESSING_FN} of {module.name} ({module.source_uri})",
                received=f"{type(error).__name__}: {error}",
                expected="a function that returns a dict of tensors",
                remedy=f"The schema has the columns {columns}.",
            )
        ) from error


def _prepare_splits(
    splits_config: transform_pb2.SplitsConfig,
    examples: Sequence[types.Artifact],
    output_dict: Artifacts,
) -> list[in_process.Split]:
    """Names the splits of the transformed examples and pairs inputs with outputs."""
    executor_utils.MatchNumberOfTransformedExamplesArtifacts(
        {standard_component_specs.EXAMPLES_KEY: list(examples)}, output_dict
    )
    transformed = output_dict.get(standard_component_specs.TRANSFORMED_EXAMPLES_KEY) or []
    executor_utils.SetSplitNames(splits_config.transform, transformed)
    names = dict.fromkeys([*splits_config.analyze, *splits_config.transform])
    splits = []
    for name in names:
        for index, artifact in enumerate(examples):
            write = name in splits_config.transform and transformed
            splits.append(
                in_process.Split(
                    name=name,
                    files=records.split_files(artifact_utils.get_split_uri([artifact], name)),
                    analyze=name in splits_config.analyze,
                    output_uri=(
                        artifact_utils.get_split_uri([transformed[index]], name) if write else ""
                    ),
                )
            )
    return splits
