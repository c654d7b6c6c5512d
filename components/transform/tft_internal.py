"""The only module that calls what TensorFlow Transform (TFT) does not promise to keep.

TFT's public way to analyse data is Apache Beam. Its tracing, its analyzers' operations and its
SavedModel writer are reachable without Beam, but undocumented; `version_problem` says whether
the installed version is one that the tests of this package have proven equal to the Beam path.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import (
    analyzer_nodes,
    analyzers,
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

from tfx_retrieval.components.transform import analysis

_TESTED_VERSIONS = ("1.16",)
# tft.min, max, sum, size; mean, var and the z-score; quantiles and bucketize.
_PROVEN_COMBINERS = (
    analyzers.NumPyCombiner,
    analyzers.WeightedMeanAndVarCombiner,
    analyzers.QuantilesCombiner,
)

Tensor: TypeAlias = tf.Tensor | tf.SparseTensor | tf.RaggedTensor
PreprocessingFn = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
BatchFn = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]


class NeedsBeamError(Exception):
    """Something is not proven to give the same results in process; the message says what."""


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
class AnalyzerInputs:
    """One pass's demand: graph tensors, by name, and the fold that takes their values.

    Attributes:
        tensors: Names of the graph tensors.
        fold: Takes their values batch by batch.
        counted: The one tensor's distinct values and their counts are wanted, not its values.
    """

    tensors: tuple[str, ...]
    fold: analysis.Fold
    counted: bool = False


@dataclasses.dataclass(frozen=True)
class Phase:
    """Analyzers that can be computed in one pass over the data.

    Attributes:
        inputs: What to fold.
        results: For each graph tensor that stands for a result, how to get the value after the
            pass.
        dtypes: The types of those tensors.
    """

    inputs: tuple[AnalyzerInputs, ...]
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
            for source in _sources(sink.future)
            for tensor in source.tensors
        ]
        wanted = [*self._outputs.values(), *analyzed]
        return tuple(sorted(graph_tools.get_dependent_inputs(self._graph, self._inputs, wanted)))

    def phases(self) -> list[Phase]:
        """Lays the analyzers out in phases; a later phase needs an earlier one's results.

        Returns:
            The phases in order; empty if nothing is analyzed.

        Raises:
            NeedsBeamError: An analyzer must run under Beam.
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
                    for source in _sources(sink.future)
                    for tensor in source.tensors
                )
            ]
            if not runnable:
                raise NeedsBeamError(
                    "the module uses analyzers that depend on each other in a circle"
                )
            phases.append(self._phase(runnable))
            for sink in runnable:
                ready[tf_utils.hashable_tensor_or_op(sink.tensor)] = True
                waiting.remove(sink)
        return phases

    def _phase(self, sinks: Sequence[Any]) -> Phase:
        visitor = _FoldVisitor(
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
        pruned = self._pruned_function(replacements, {name: name for name in names})
        specs = {column: self._specs[column] for column in columns}
        inputs, missing = self._inputs, set(self._specs) - set(columns)

        @tf.function(input_signature=[specs], autograph=False)
        def analyzer_inputs(batch: Mapping[str, Tensor]) -> list[list[tf.Tensor]]:
            fed = dict(batch)
            if missing:
                fed.update(tf2_utils.supply_missing_inputs(inputs, 1, missing))
            values = pruned(*tf.nest.flatten(fed, expand_composites=True))
            return [
                list(_distinct(values[demand.tensors[0]]))
                if demand.counted
                else [values[name] for name in demand.tensors]
                for demand in phase.inputs
            ]

        def evaluate(batch: Mapping[str, Tensor]) -> list[list[np.ndarray]]:
            return [[np.asarray(value) for value in values] for values in analyzer_inputs(batch)]

        return evaluate

    def _pruned_function(
        self, replacements: Mapping[str, tf.Tensor], outputs: Mapping[str, str]
    ) -> Callable[..., Mapping[str, tf.Tensor]]:
        context = graph_context.TFGraphContext(
            module_to_export=tf.Module(),
            temp_dir=self._directory,
            evaluated_replacements=dict(replacements),
        )
        traced = impl_helper.get_traced_transform_fn(
            self._preprocessing_fn, self._specs, context, output_keys_to_name_map=dict(outputs)
        )
        module = context.module_to_export
        saved_transform_io_v2.trace_and_update_module(
            module, traced, "transform_fn", strip_control_dependencies=False
        )
        # The module owns the lookup tables, so the function that is returned must hold it.
        return lambda *arguments: module.transform_fn(*arguments)

    def write(
        self, directory: str, schema: schema_pb2.Schema, replacements: Mapping[str, tf.Tensor]
    ) -> None:
        """Writes the transform graph in the layout of `tft.TFTransformOutput`.

        Args:
            directory: Local directory.
            schema: Schema of the inputs.
            replacements: Results of all phases.
        """
        model = os.path.join(directory, tft.TFTransformOutput.TRANSFORM_FN_DIR)
        metadata = os.path.join(directory, tft.TFTransformOutput.TRANSFORMED_METADATA_DIR)
        impl_helper.trace_and_write_v2_saved_model(
            model,
            self._preprocessing_fn,
            self._specs,
            self._directory,
            self._fingerprint,
            dict(replacements),
            output_keys_to_name_map=None,
            save_options=None,
        )
        os.rename(os.path.join(model, impl_helper.METADATA_DIR_NAME), metadata)
        if self._asset_map:
            with open(os.path.join(metadata, tft.TFTransformOutput.ASSET_MAP), "w") as file:
                json.dump(self._asset_map, file)
        metadata_io.write_metadata(
            dataset_metadata.DatasetMetadata(schema),
            os.path.join(directory, tft.TFTransformOutput.RAW_METADATA_DIR),
        )


def load_transform_function(directory: str, columns: Sequence[str]) -> BatchFn:
    """Loads the transform graph that was written to `directory`.

    Args:
        directory: Local directory that `TracedTransform.write` wrote.
        columns: Inputs that will be fed; outputs must not depend on others.

    Returns:
        A function of a parsed batch.
    """
    loader = saved_transform_io_v2.SavedModelLoader(
        os.path.join(directory, tft.TFTransformOutput.TRANSFORM_FN_DIR)
    )
    loader.finalize(list(columns), list(loader.structured_outputs))
    return loader.apply_transform_model


def arrow_converter(schema: schema_pb2.Schema) -> Any:
    """Returns TFT's converter of transformed tensors to Arrow record batches."""
    return impl_helper.make_tensor_to_arrow_converter(schema)


def _distinct(terms: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    distinct, _, counts = tf.unique_with_counts(terms)
    return distinct, counts


def _sources(value: nodes.ValueNode) -> Iterator[analyzer_nodes.TensorSource]:
    """Yields the tensors that an analyzer's result is computed from."""
    operation = value.parent_operation
    if isinstance(operation.operation_def, analyzer_nodes.TensorSource):
        yield operation.operation_def
    for parent in operation.inputs:
        yield from _sources(parent)


class _FoldVisitor(nodes.Visitor):
    """Maps TFT's operations to folds and to results that can be had once the folds are full.

    The value of a node is: for a source, the names of its tensors; for an accumulation and its
    merge, the fold; for a pruned vocabulary, the vocabulary; for a result, a function without
    arguments.
    """

    def __init__(self, directory: str, vocabulary_files: set[str]) -> None:
        """Starts without demands.

        Args:
            directory: Local directory for vocabulary files.
            vocabulary_files: Names of the files claimed so far; extended here.
        """
        self.inputs: list[AnalyzerInputs] = []
        self._directory = directory
        self._vocabulary_files = vocabulary_files
        self._handlers: dict[type, Callable[..., tuple[Any, ...]]] = {
            analyzer_nodes.TensorSource: self._source,
            analyzer_nodes.VocabularyAccumulate: self._count_terms,
            analyzer_nodes.VocabularyMerge: self._pass_on,
            analyzer_nodes.VocabularyPrune: self._prune,
            analyzer_nodes.VocabularyCount: self._size,
            analyzer_nodes.VocabularyOrderAndWrite: self._write,
            analyzer_nodes.CacheableCombineAccumulate: self._combine,
            analyzer_nodes.CacheableCombineMerge: self._pass_on,
            analyzer_nodes.ExtractCombineMergeOutputs: self._outputs,
        }

    def validate_value(self, value: Any) -> None:
        """Accepts every value; the handlers make them."""

    def visit(self, operation_def: Any, input_values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns the values of an operation's outputs."""
        handler = self._handlers.get(type(operation_def))
        if handler is None:
            raise NeedsBeamError(
                f"the module uses {type(operation_def).__name__}, {operation_def.label}"
            )
        return handler(operation_def, *input_values)

    def _source(self, operation_def: Any) -> tuple[Any, ...]:
        return (tuple(tensor.name for tensor in operation_def.tensors),)

    def _pass_on(self, operation_def: Any, fold: analysis.Fold) -> tuple[Any, ...]:
        del operation_def
        return (fold,)

    def _count_terms(self, operation_def: Any, tensors: tuple[str, ...]) -> tuple[Any, ...]:
        frequency = analyzers._VocabOrderingType.FREQUENCY
        if operation_def.vocab_ordering_type != frequency or len(tensors) != 1:
            raise NeedsBeamError(
                f"the module uses a vocabulary ordered by weights or labels, {operation_def.label}"
            )
        counts = analysis.TermCounts()
        self.inputs.append(AnalyzerInputs(tensors, counts, counted=True))
        return (counts,)

    def _prune(self, operation_def: Any, counts: analysis.TermCounts) -> tuple[Any, ...]:
        if operation_def.key_fn is not None:
            raise NeedsBeamError(f"the module uses a vocabulary with key_fn, {operation_def.label}")
        return (
            analysis.Vocabulary(counts, operation_def.top_k, operation_def.frequency_threshold),
        )

    def _size(
        self, operation_def: Any, terms: analysis.TermCounts | analysis.Vocabulary
    ) -> tuple[Any, ...]:
        del operation_def
        # An empty vocabulary is written with one placeholder.
        return (lambda: max(len(terms), 1),)

    def _write(
        self, operation_def: Any, vocabulary: analysis.Vocabulary, *reserved: Any
    ) -> tuple[Any, ...]:
        if reserved or operation_def.fingerprint_shuffle or operation_def.file_format != "text":
            raise NeedsBeamError(
                "the module uses a vocabulary with reserved tokens, shuffled, or not written as "
                f"text, {operation_def.label}"
            )
        name = operation_def.vocab_filename
        if name in self._vocabulary_files:
            raise ValueError(
                f"two vocabularies are written to the file {name!r}: give each a vocab_filename "
                "of its own, or apply one vocabulary to both columns with tft.apply_vocabulary"
            )
        self._vocabulary_files.add(name)
        file = analysis.VocabularyFile(
            vocabulary,
            os.path.join(self._directory, name),
            bool(operation_def.store_frequency),
            analyzers.get_empy_vocabulary_dummy_value(operation_def.input_dtype),
        )
        return (file.write,)

    def _combine(self, operation_def: Any, tensors: tuple[str, ...]) -> tuple[Any, ...]:
        combiner = operation_def.combiner
        weighted = getattr(combiner, "_compute_weighted", False) or getattr(
            combiner, "_has_weights", False
        )
        if type(combiner) not in _PROVEN_COMBINERS or weighted:
            raise NeedsBeamError(
                f"the module uses {type(combiner).__name__}, {operation_def.label}"
            )
        fold = analysis.CombinerFold(combiner)
        self.inputs.append(AnalyzerInputs(tensors, fold))
        return (fold,)

    def _outputs(self, operation_def: Any, fold: analysis.CombinerFold) -> tuple[Any, ...]:
        return tuple(
            functools.partial(_output, fold, index) for index in range(operation_def.num_outputs)
        )


def _output(fold: analysis.CombinerFold, index: int) -> np.ndarray:
    return fold.outputs[index]
