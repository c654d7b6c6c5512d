"""The only module, with `tft_analyzers`, that calls what TensorFlow Transform (TFT) may change.

TFT's public way to analyse data is Apache Beam. Its tracing, its analyzers' operations and its
SavedModel writer are reachable without Beam, but undocumented; `version_problem` says whether
the installed version is one that the tests of this package have proven equal to the Beam path.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import (
    analyzer_nodes,
    annotators,
    graph_context,
    graph_tools,
    impl_helper,
    nodes,
    tf2_utils,
    tf_utils,
)
from tensorflow_transform.saved import saved_transform_io_v2
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from tfx_retrieval.components.transform import tft_analyzers

_TESTED_VERSIONS = ("1.16",)
Tensor: TypeAlias = tf.Tensor | tf.SparseTensor | tf.RaggedTensor
PreprocessingFn = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
BatchFn = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]


def version_problem() -> str:
    """Says why the installed TFT cannot be used in process; empty if it can."""
    if tft.__version__.rsplit(".", 1)[0] in _TESTED_VERSIONS:
        return ""
    return (
        f"TensorFlow Transform {tft.__version__} is installed, and the in-process engine is "
        f"tested with {', '.join(_TESTED_VERSIONS)} only"
    )


def feature_spec(schema: schema_pb2.Schema) -> dict[str, Any]:
    """Returns how `tf.io.parse_example` reads the columns of `schema`."""
    return schema_utils.schema_as_feature_spec(schema).feature_spec


def type_specs(spec: Mapping[str, Any]) -> dict[str, tf.TypeSpec]:
    """Returns the types of the tensors that parsing with `spec` gives."""
    return impl_helper.get_type_specs_from_feature_specs(spec)


@dataclasses.dataclass(frozen=True)
class Phase:
    """Analyzers that can be computed in one pass over the data.

    Attributes:
        inputs: What to fold.
        results: For each graph tensor that stands for a result, how to get the value after the
            pass.
        dtypes: The types of those tensors.
    """

    inputs: tuple[tft_analyzers.AnalyzerInputs, ...]
    results: Mapping[str, Callable[[], Any]]
    dtypes: Mapping[str, tf.DType]

    def replacements(self) -> dict[str, tf.Tensor]:
        """Returns the results as constants; to be called when all batches are folded."""
        return {
            name: tf.constant(result(), self.dtypes[name]) for name, result in self.results.items()
        }


class TracedTransform:
    """A preprocessing_fn traced over given inputs, with its analyzers laid out in phases."""

    def __init__(
        self,
        preprocessing_fn: PreprocessingFn,
        specs: Mapping[str, tf.TypeSpec],
        directory: str,
    ) -> None:
        """Traces `preprocessing_fn`; whatever it raises passes through.

        Args:
            preprocessing_fn: Function of TFT's kind.
            specs: Types of its inputs.
            directory: Local directory for vocabulary files and what TFT writes while tracing.

        Raises:
            ValueError: It returned something else than a dict of tensors with at least one.
        """
        self._preprocessing_fn = preprocessing_fn
        self._specs = dict(specs)
        self._directory = directory
        self._graph, self._inputs, outputs = impl_helper.trace_preprocessing_function(
            preprocessing_fn, self._specs, use_tf_compat_v1=False, base_temp_dir=directory
        )
        if not isinstance(outputs, Mapping) or not outputs:
            raise ValueError(f"expected a dict with at least one tensor, got {outputs!r}")
        if self._graph.get_collection(tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES):
            raise ValueError("it makes trainable variables, which no pass over the data trains")
        self._outputs = outputs
        self._sinks = self._graph.get_collection(analyzer_nodes.TENSOR_REPLACEMENTS)
        self._vocabulary_files: set[str] = set()
        self._asset_map = annotators.get_asset_annotations(self._graph)
        annotators.clear_asset_annotations(self._graph)
        self._fingerprint = graph_tools.get_analyzers_fingerprint(self._graph, self._inputs)

    def columns(self) -> tuple[str, ...]:
        """Returns the inputs that analyzers or outputs depend on, in order of name."""
        analyzed = [
            tensor
            for sink in self._sinks
            for source in tft_analyzers.sources_of(sink.future)
            for tensor in source.tensors
        ]
        wanted = [*self._outputs.values(), *analyzed]
        return tuple(sorted(graph_tools.get_dependent_inputs(self._graph, self._inputs, wanted)))

    def phases(self) -> list[Phase]:
        """Lays the analyzers out in phases; a later phase needs an earlier one's results.

        Returns:
            The phases in order; empty if nothing is analyzed.

        Raises:
            tft_analyzers.NeedsBeamError: An analyzer must run under Beam.
        """
        phases = []
        ready = {tf_utils.hashable_tensor_or_op(sink.tensor): False for sink in self._sinks}
        waiting = list(self._sinks)
        while waiting:
            analyzer = graph_tools.InitializableGraphAnalyzer(
                self._graph, self._inputs, list(ready.items())
            )
            runnable = [
                sink
                for sink in waiting
                if all(
                    analyzer.ready_to_run(tensor)
                    for source in tft_analyzers.sources_of(sink.future)
                    for tensor in source.tensors
                )
            ]
            if not runnable:
                raise tft_analyzers.NeedsBeamError(
                    "the module uses analyzers that depend on each other in a circle"
                )
            phases.append(self._phase(runnable))
            for sink in runnable:
                ready[tf_utils.hashable_tensor_or_op(sink.tensor)] = True
                waiting.remove(sink)
        return phases

    def _phase(self, sinks: Sequence[Any]) -> Phase:
        visitor = tft_analyzers.FoldVisitor(
            os.path.join(self._directory, "vocabularies"), self._vocabulary_files
        )
        traverser = nodes.Traverser(visitor)
        results = {sink.tensor.name: traverser.visit_value_node(sink.future) for sink in sinks}
        return Phase(
            inputs=tuple(visitor.inputs),
            results=results,
            dtypes={sink.tensor.name: sink.tensor.dtype for sink in sinks},
        )

    def analyzer_input_function(
        self, phase: Phase, replacements: Mapping[str, tf.Tensor], columns: Sequence[str]
    ) -> Callable[[Mapping[str, Tensor]], list[list[np.ndarray]]]:
        """Makes the function that computes what the folds of `phase` take.

        Distinct terms are counted inside TensorFlow: handing every string over as a Python
        object costs more than all the rest.

        Args:
            phase: The phase.
            replacements: Results of the phases before it.
            columns: Inputs that will be fed.

        Returns:
            A function of one parsed batch; it returns one list of arrays for each of
            `phase.inputs`.
        """
        names = sorted({name for demand in phase.inputs for name in demand.tensors})
        module, _ = self._trace(replacements, {name: name for name in names})
        transform = self._batch_function(module, columns)
        specs = {column: self._specs[column] for column in columns}

        @tf.function(input_signature=[specs], autograph=False)
        def analyzer_inputs(batch: Mapping[str, Tensor]) -> list[list[tf.Tensor]]:
            values = transform(batch)
            return [
                list(_distinct(values[demand.tensors[0]]))
                if demand.counted
                else [values[name] for name in demand.tensors]
                for demand in phase.inputs
            ]

        def evaluate(batch: Mapping[str, Tensor]) -> list[list[np.ndarray]]:
            return [[np.asarray(value) for value in values] for values in analyzer_inputs(batch)]

        return evaluate

    def finish(
        self, replacements: Mapping[str, tf.Tensor], columns: Sequence[str]
    ) -> FinishedTransform:
        """Traces the preprocessing_fn with the results of its analyzers.

        Args:
            replacements: Results of all phases.
            columns: Inputs that will be fed; outputs must not depend on others.
        """
        module, traced = self._trace(replacements, None)
        inputs = tf2_utils.get_structured_inputs_from_func_graph(traced.graph)
        impl_helper._validate_analyzers_fingerprint(self._fingerprint, traced.graph, inputs)
        metadata = impl_helper._trace_and_get_metadata(
            traced, inputs, self._preprocessing_fn, self._directory, dict(replacements)
        )
        specs = {column: self._specs[column] for column in columns}
        transform = tf.function(
            self._batch_function(module, columns), input_signature=[specs], autograph=False
        )
        return FinishedTransform(transform, metadata.schema, module, self._asset_map)

    def _trace(
        self, replacements: Mapping[str, tf.Tensor], outputs: Mapping[str, str] | None
    ) -> tuple[tf.Module, Any]:
        """Traces the preprocessing_fn with the results so far.

        Args:
            replacements: Results of the phases before.
            outputs: Graph tensors to return; None returns what the preprocessing_fn does.

        Returns:
            A module that owns the tables and has the function as `transform_fn`, and the function
            before what it does not need was left out.
        """
        module = tf.Module()
        context = graph_context.TFGraphContext(
            module_to_export=module,
            temp_dir=self._directory,
            evaluated_replacements=dict(replacements),
        )
        traced = impl_helper.get_traced_transform_fn(
            self._preprocessing_fn,
            self._specs,
            context,
            output_keys_to_name_map=None if outputs is None else dict(outputs),
        )
        return module, saved_transform_io_v2.trace_and_update_module(
            module, traced, "transform_fn", strip_control_dependencies=False
        )

    def _batch_function(self, module: tf.Module, columns: Sequence[str]) -> BatchFn:
        """Returns a function of a parsed batch of some columns, on which its outputs depend."""
        missing = set(self._specs) - set(columns)

        def transform(batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
            fed = dict(batch)
            if missing:
                fed.update(tf2_utils.supply_missing_inputs(self._inputs, 1, missing))
            return module.transform_fn(*tf.nest.flatten(fed, expand_composites=True))

        return transform


@dataclasses.dataclass(frozen=True)
class FinishedTransform:
    """A preprocessing_fn with the results of its analyzers.

    Attributes:
        transform: Function of a parsed batch.
        schema: Schema of what it returns.
        module: Owns what the function is made of.
        asset_map: Vocabulary files by name, as TFT annotates them.
    """

    transform: BatchFn
    schema: schema_pb2.Schema
    module: tf.Module
    asset_map: Mapping[str, str]

    def write(self, directory: str, schema: schema_pb2.Schema) -> None:
        """Writes the transform graph in the layout of `tft.TFTransformOutput`.

        Args:
            directory: Local directory.
            schema: Schema of the inputs.
        """
        output = tft.TFTransformOutput
        tf.saved_model.save(self.module, os.path.join(directory, output.TRANSFORM_FN_DIR))
        for name, written in (
            (output.TRANSFORMED_METADATA_DIR, self.schema),
            (output.RAW_METADATA_DIR, schema),
        ):
            metadata_io.write_metadata(
                dataset_metadata.DatasetMetadata(written), os.path.join(directory, name)
            )
        if self.asset_map:
            path = os.path.join(directory, output.TRANSFORMED_METADATA_DIR, output.ASSET_MAP)
            with open(path, "w") as file:
                json.dump(self.asset_map, file)


def arrow_converter(schema: schema_pb2.Schema) -> Any:
    """Returns TFT's converter of transformed tensors to Arrow record batches."""
    return impl_helper.make_tensor_to_arrow_converter(schema)


def _distinct(terms: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    distinct, _, counts = tf.unique_with_counts(terms)
    return distinct, counts
