"""Maps the analyzers of TensorFlow Transform (TFT) to folds of this package.

Beside `tft_internal` the only module that knows what TFT does not promise to keep.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from tensorflow_transform import analyzer_nodes, analyzers, nodes

from tfx_retrieval.components.transform import analysis

# tft.min, max, sum, size; mean, var and the z-score; quantiles and bucketize.
_PROVEN_COMBINERS = (
    analyzers.NumPyCombiner,
    analyzers.WeightedMeanAndVarCombiner,
    analyzers.QuantilesCombiner,
)


class NeedsBeamError(Exception):
    """Something is not proven to give the same results in process; the message says what."""


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


def sources_of(value: nodes.ValueNode) -> Iterator[analyzer_nodes.TensorSource]:
    """Yields the tensors that an analyzer's result is computed from."""
    operation = value.parent_operation
    if isinstance(operation.operation_def, analyzer_nodes.TensorSource):
        yield operation.operation_def
    for parent in operation.inputs:
        yield from sources_of(parent)


class FoldVisitor(nodes.Visitor):
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
