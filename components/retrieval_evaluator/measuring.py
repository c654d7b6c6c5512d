"""From a trained model and raw Examples to figures."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tfx.types import artifact, artifact_utils

from tfx_retrieval import read_ahead
from tfx_retrieval.components.interaction_example_gen import describe
from tfx_retrieval.components.retrieval_evaluator import (
    evaluation,
    examples_reader,
    ids_reader,
    model_scores,
    options,
    slices,
)
from tfx_retrieval.components.retrieval_evaluator.ranking import BoolArray, IntArray
from tfx_retrieval.components.scann_indexer import reading
from tfx_retrieval.errors import InputError, Problem

TRAIN_SPLIT = "train"

_logger = logging.getLogger("tfx_retrieval.retrieval_evaluator")
# Splits in order of time: the splits before the evaluated ones hold what a query has seen.
_SPLIT_ORDER = ("train", "eval", "test")
# Earlier rows are read while the model is loaded, a million at a time.
_PARTS_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class Splits:
    """Which split serves for what.

    Attributes:
        evaluated: Splits whose interactions are predicted.
        seen: Splits whose items are excluded for a query.
    """

    evaluated: tuple[str, ...]
    seen: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Figures and the data they were measured on.

    Attributes:
        evaluation: The figures.
        splits: The splits used.
        rows_left_out: Evaluation rows without a query or candidate id.
        train_interactions: Rows of the training split.
        notes: What a reader must know beyond `evaluation.notes`.
    """

    evaluation: evaluation.Evaluation
    splits: Splits
    rows_left_out: int
    train_interactions: int
    notes: tuple[str, ...]


def choose_splits(
    examples: Sequence[artifact.Artifact],
    evaluated: Sequence[str] | None,
    seen: Sequence[str] | None,
) -> Splits:
    """Chooses the splits and checks that the Examples have them.

    Args:
        examples: Raw Examples.
        evaluated: Splits asked for; by default `test` if there is one, else `eval`.
        seen: Splits asked for; by default those before the evaluated ones in the order train,
            eval, test (splits with other names come last).

    Returns:
        The splits.

    Raises:
        InputError: A split is missing, or one is to be both evaluated and excluded.
    """
    present = set.intersection(
        *(set(artifact_utils.decode_split_names(each.split_names)) for each in examples)
    )
    if evaluated is None:
        evaluated = ("test",) if "test" in present else ("eval",)
    if seen is None:
        first = min(_order(name) for name in evaluated)
        seen = [name for name in _SPLIT_ORDER if name in present and _order(name) < first]
    where = f"Examples at {', '.join(each.uri for each in examples)}"
    problems = [
        Problem(
            where,
            f"splits {', '.join(sorted(present))}",
            f"a split named {name!r} {use}",
            "Name the splits there are: eval_splits, exclude_seen_splits.",
        )
        for use, names in (
            ("to evaluate on", evaluated),
            ("of items to exclude", seen),
            ("to count popularity in", (TRAIN_SPLIT,)),
        )
        for name in names
        if name not in present
    ]
    problems.extend(
        Problem("exclude_seen_splits", repr(name), "splits other than the evaluated ones")
        for name in seen
        if name in evaluated
    )
    if problems:
        raise InputError(problems)
    return Splits(tuple(evaluated), tuple(seen))


def measure_model(
    model_path: str,
    examples: Sequence[artifact.Artifact],
    candidates: Sequence[artifact.Artifact],
    wanted: options.EvaluatorOptions,
    baseline_model_path: str | None = None,
) -> Measurement:
    """Measures a trained model on the evaluation interactions.

    Args:
        model_path: SavedModel with the signatures `query_embedding`, `embed_query_examples` and
            `embed_candidate_examples`.
        examples: Raw Examples with interactions.
        candidates: Raw Examples that name the catalogue; if empty, it is what occurs in `examples`.
        wanted: What to measure.
        baseline_model_path: SavedModel to compare with.

    Returns:
        The figures.

    Raises:
        InputError: The data or a model lacks something.
    """
    splits = choose_splits(examples, wanted.eval_splits, wanted.exclude_seen_splits)
    earlier = _earlier_parts(examples, splits, wanted)
    with read_ahead.read_ahead(earlier, _PARTS_AHEAD) as earlier_parts:
        models = [
            model_scores.load_model(path)
            for path in (model_path, baseline_model_path)
            if path is not None
        ]
        catalogue = model_scores.read_catalogue(
            candidates or examples, wanted.candidate_id, None if candidates else wanted.timestamp
        )
        interactions = _read_interactions(examples, splits, models, wanted)
        table = _InteractionTable(interactions, catalogue, wanted)
        history = _count_history(earlier_parts, splits, catalogue, table.query_ids)
    masks, notes = _slice_masks(table, interactions, history, wanted)
    left_out, records = interactions.ids.left_out, list(interactions.records)
    # The records are the largest part of what was read, and each model's are needed once.
    del interactions
    scored = [
        model_scores.score_function(model, catalogue, records.pop(0).take(pa.array(table.rows)))
        for model in models
    ]
    measured = evaluation.evaluate_rankings(
        scored[0][0],
        table.queries,
        table.candidates,
        number_of_candidates=len(catalogue.ids),
        seen_queries=history.seen_queries,
        seen_candidates=history.seen_candidates,
        score_rows=scored[0][1],
        train_counts=history.train_counts,
        ks=wanted.ks,
        slices=masks,
        baseline_scores=scored[1][0] if len(scored) > 1 else None,
        baseline_score_rows=scored[1][1] if len(scored) > 1 else None,
        bootstrap_samples=wanted.bootstrap_samples,
        seed=wanted.seed,
    )
    return Measurement(
        measured,
        splits,
        left_out,
        int(history.train_interactions),
        (*table.notes, *notes),
    )


def _read_interactions(
    examples: Sequence[artifact.Artifact],
    splits: Splits,
    models: Sequence[model_scores.TrainedModel],
    wanted: options.EvaluatorOptions,
) -> examples_reader.Interactions:
    """Reads what is to be predicted, and what the models embed it by."""
    interactions = examples_reader.read_interactions(
        reading.split_source(examples, splits.evaluated),
        wanted.query_id,
        wanted.candidate_id,
        [model.query_columns for model in models],
        wanted.timestamp,
        wanted.slices,
        layout=describe.read_column_layout(examples[0]) if len(examples) == 1 else None,
    )
    name = ", ".join(splits.evaluated)
    rows = len(interactions.ids.queries)
    if not rows:
        raise InputError(
            Problem(
                f"evaluation split {name}",
                f"no interactions ({interactions.ids.left_out:,} rows without an id)",
                "at least one",
                "Make the split larger, or name another one in eval_splits.",
            )
        )
    _logger.info("read %s interactions of split %s", f"{rows:,}", name)
    return interactions


def _order(split: str) -> int:
    return _SPLIT_ORDER.index(split) if split in _SPLIT_ORDER else len(_SPLIT_ORDER)


class _InteractionTable:
    """The evaluation interactions by number, in order of time if there are times.

    Attributes:
        rows: int64 [T], which of the interactions read are kept, in order.
        query_ids: Distinct query ids.
        queries: int64 [T], place of the query in `query_ids`.
        candidates: int64 [T], place in the catalogue; its size and above for ids outside.
        notes: What was left out.
    """

    def __init__(
        self,
        interactions: examples_reader.Interactions,
        catalogue: model_scores.Catalogue,
        wanted: options.EvaluatorOptions,
    ):
        encoded = interactions.ids.queries.dictionary_encode()
        self.query_ids: pa.Array = encoded.dictionary
        queries = encoded.indices.to_numpy().astype(np.int64)
        self.notes: tuple[str, ...] = ()
        rows = np.arange(len(queries))
        if interactions.times is not None:
            rows = np.argsort(interactions.times, kind="stable")
        if 0 < wanted.max_queries < len(self.query_ids):
            generator = np.random.default_rng(wanted.seed)
            chosen = generator.choice(len(self.query_ids), wanted.max_queries, replace=False)
            rows = rows[np.isin(queries[rows], chosen)]
            self.notes = (
                f"Measured on {wanted.max_queries:,} of {len(self.query_ids):,} queries, drawn at "
                f"random with seed {wanted.seed} (max_queries).",
            )
        self.rows: IntArray = rows
        self.queries: IntArray = queries[rows]
        self.candidates: IntArray = _candidate_numbers(interactions.ids.candidates, catalogue)[rows]


@dataclasses.dataclass(frozen=True)
class _History:
    """What happened before the evaluation.

    Attributes:
        seen_queries: int64 [n], query number of each distinct pair to exclude.
        seen_candidates: int64 [n], its candidate number.
        train_counts: int64 [candidates], training rows of each candidate.
        trained_queries: bool [queries], whether the query has a training row.
        train_interactions: Rows of the training split.
    """

    seen_queries: IntArray
    seen_candidates: IntArray
    train_counts: IntArray
    trained_queries: BoolArray
    train_interactions: int


def _earlier_parts(
    examples: Sequence[artifact.Artifact], splits: Splits, wanted: options.EvaluatorOptions
) -> Iterator[_Part]:
    """Reads the training split and the splits of seen items, each once."""
    for split in dict.fromkeys((TRAIN_SPLIT, *splits.seen)):
        source = reading.split_source(examples, (split,))
        where = {
            side: f"{source.name}: column {column!r}"
            for side, column in (("query", wanted.query_id), ("candidate", wanted.candidate_id))
        }
        rows = 0
        for ids in ids_reader.read_ids(source, wanted.query_id, wanted.candidate_id):
            rows += len(ids.queries)
            yield _Part(split, ids, where)
        _logger.info("read %s interactions of split %s", f"{rows:,}", split)


@dataclasses.dataclass(frozen=True)
class _Part:
    """Some rows of an earlier split.

    Attributes:
        split: Its name.
        ids: Their ids.
        where: What to call the `query` and the `candidate` column in a message.
    """

    split: str
    ids: ids_reader.IdPairs
    where: dict[str, str]


def _count_history(
    parts: Iterable[_Part], splits: Splits, catalogue: model_scores.Catalogue, query_ids: pa.Array
) -> _History:
    """Counts the training rows and notes who has seen what."""
    width = len(catalogue.ids)
    train_counts = np.zeros(width, np.int64)
    trained = np.zeros(len(query_ids), bool)
    # A pair as one number. Of each part the distinct ones, so that rows are not held.
    pairs = [np.zeros(0, np.int64)]
    train_interactions = 0
    for part in parts:
        if not len(part.ids.queries):
            continue
        queries = _numbers(part.ids.queries, query_ids, part.where["query"])
        candidates = _numbers(part.ids.candidates, catalogue.ids, part.where["candidate"])
        if part.split == TRAIN_SPLIT:
            train_interactions += len(queries)
            train_counts += np.bincount(candidates[candidates >= 0], minlength=width)
            trained[queries[queries >= 0]] = True
        if part.split in splits.seen:
            known = (queries >= 0) & (candidates >= 0)
            pairs.append(np.unique(queries[known] * width + candidates[known]))
    seen_queries, seen_candidates = np.divmod(np.unique(np.concatenate(pairs)), width)
    return _History(seen_queries, seen_candidates, train_counts, trained, train_interactions)


def _numbers(ids: pa.Array, numbered: pa.Array, where: str) -> IntArray:
    """Returns the place of each id in `numbered`, -1 for those that are not there."""
    if ids.type != numbered.type:
        raise InputError(
            Problem(
                where,
                _id_kind(ids.type),
                f"{_id_kind(numbered.type)}, as in the other Examples",
                "Write the ids of all Examples with one type.",
            )
        )
    places = pc.index_in(ids, value_set=numbered)
    return pc.fill_null(places, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def _id_kind(kind: pa.DataType) -> str:
    return "int64 ids" if pa.types.is_integer(kind) else "bytes ids"


def _candidate_numbers(ids: pa.Array, catalogue: model_scores.Catalogue) -> IntArray:
    """Numbers the candidates; ids outside the catalogue get distinct numbers after its end."""
    numbers = _numbers(ids, catalogue.ids, "candidate ids of the evaluation split")
    outside = np.flatnonzero(numbers < 0)
    codes = ids.take(pa.array(outside)).dictionary_encode().indices.to_numpy()
    numbers[outside] = len(catalogue.ids) + codes
    return numbers


def _slice_masks(
    table: _InteractionTable,
    interactions: examples_reader.Interactions,
    history: _History,
    wanted: options.EvaluatorOptions,
) -> tuple[dict[str, BoolArray], tuple[str, ...]]:
    """Makes the slices and notes on values that were left out."""
    masks = slices.cold_start_slices(
        table.queries, table.candidates, history.trained_queries, history.train_counts
    )
    required = frozenset(each.slice for each in wanted.thresholds if each.slice is not None)
    notes = []
    for name, column in interactions.slices.items():
        of_column, left_out = slices.column_slices(
            name,
            column.rows,
            column.codes,
            column.values,
            len(interactions.ids.queries),
            required,
        )
        masks.update((key, mask[table.rows]) for key, mask in of_column.items())
        if left_out:
            notes.append(
                f"{left_out:,} values of {name!r} with the fewest interactions are not sliced."
            )
    return masks, tuple(notes)
