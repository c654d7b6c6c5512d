"""Published protocols of retrieval quality: their data, splits, figures and sources.

Pure NumPy and Arrow. Ratings are read from a path that the person gives; MovieLens' licence does
not let them be part of this project. Every rating counts as a positive interaction.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

TRAIN, EVAL, TEST = 0, 1, 2
"""Codes of the splits; without TEST, figures are measured on EVAL."""

IntArray = npt.NDArray[np.int64]
SplitCodes = npt.NDArray[np.int8]


@dataclasses.dataclass(frozen=True)
class Published:
    """Figures that others report.

    Attributes:
        system: What was measured and where that is written.
        values: By metric; metrics that the source does not give are left out.
    """

    system: str
    values: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How quality is measured, and what others reach.

    Attributes:
        title: Short name.
        words: What is done, for the reader of the figures.
        metrics: Metrics of RetrievalEvaluator that are shown; the first ones have targets.
        targets: Smallest values to reach, by metric.
        published: Figures of others.
        features: FeatureConfig, a file name in `quality_configs`; "" for the demo's.
        read: Reads the interactions from the directory with the data sets; None: the demo's.
        split: Divides them by a seed; None: by InteractionExampleGen.
        model: ModelConfig, a file name in `quality_configs`; "" for the one that `init` proposes.
    """

    title: str
    words: str
    metrics: tuple[str, ...]
    targets: dict[str, float]
    published: tuple[Published, ...]
    features: str = ""
    read: Callable[[pathlib.Path], pa.Table] | None = None
    split: Callable[[pa.Table, int], SplitCodes] | None = None
    model: str = ""


def random_split(rows: int, eval_fraction: float, seed: int) -> SplitCodes:
    """Returns codes of TRAIN and EVAL by one permutation of all rows.

    Args:
        rows: Number of rows.
        eval_fraction: Share of EVAL, rounded to whole rows.
        seed: Seed of the permutation.
    """
    order = np.random.default_rng(seed).permutation(rows)
    codes = np.full(rows, TRAIN, np.int8)
    codes[order[rows - round(rows * eval_fraction) :]] = EVAL
    return codes


def stratified_split(groups: IntArray, train_fraction: float, seed: int) -> SplitCodes:
    """Divides the rows of each group at random into TRAIN and EVAL.

    Follows `python_stratified_split` of recommenders-team/recommenders: of a group's n rows the
    first round(n * train_fraction) in random order are TRAIN, halves rounded to even.

    Args:
        groups: [rows], the group of each row.
        train_fraction: Share of TRAIN.
        seed: Seed of the draw.
    """
    rank, size = _random_ranks(groups, seed)
    return np.where(rank < np.round(size * train_fraction), TRAIN, EVAL).astype(np.int8)


def ratio_split(groups: IntArray, held_out: float, seed: int) -> SplitCodes:
    """Divides the rows of each group at random into TRAIN, EVAL and TEST.

    Follows RecBole's `RS` split grouped by user: floor(n * held_out) of a group's n rows each are
    EVAL and TEST, the remainder is TRAIN.

    Args:
        groups: [rows], the group of each row.
        held_out: Share of EVAL, and of TEST.
        seed: Seed of the draw.
    """
    rank, size = _random_ranks(groups, seed)
    held = np.floor(size * held_out).astype(np.int64)
    codes = np.full(len(groups), TRAIN, np.int8)
    codes[rank < 2 * held] = EVAL
    codes[rank < held] = TEST
    return codes


def without_test(protocol: Protocol, table: pa.Table, seed: int) -> pa.Table:
    """Returns the rows that the protocol does not measure on, to choose options by.

    Args:
        protocol: A protocol that reads interactions.
        table: What it read.
        seed: Seed of the split.
    """
    if protocol.split:
        codes = protocol.split(table, seed)
        return table.filter(pa.array(codes != codes.max()))
    users, place = table["user_id"].to_numpy(), table["position"].to_numpy()
    last = np.zeros(users.max() + 1, np.int64)
    np.maximum.at(last, users, place)
    return table.filter(pa.array(place < last[users]))


def core_rows(queries: IntArray, candidates: IntArray, least: int) -> npt.NDArray[np.bool_]:
    """Returns which rows stay when rare queries and candidates are left out until none is rare.

    Args:
        queries: [rows].
        candidates: [rows].
        least: Rows that each query and each candidate must have among those that stay.
    """
    kept = np.ones(len(queries), bool)
    while True:
        frequent = kept.copy()
        for column in (queries, candidates):
            frequent &= np.bincount(column, weights=kept)[column] >= least
        if (frequent == kept).all():
            return kept
        kept = frequent


def positions(groups: IntArray, times: IntArray) -> IntArray:
    """Returns each row's place in its group by time; rows of one time stay in their order.

    Args:
        groups: [rows], the group of each row.
        times: [rows].
    """
    order = np.lexsort((np.arange(len(groups)), times, groups))
    return _within_group(groups, order)[0]


def _random_ranks(groups: IntArray, seed: int) -> tuple[IntArray, IntArray]:
    """Returns each row's random place in its group, and the size of the group."""
    keys = np.random.default_rng(seed).random(len(groups))
    return _within_group(groups, np.lexsort((keys, groups)))


def _within_group(groups: IntArray, order: IntArray) -> tuple[IntArray, IntArray]:
    """Returns each row's place in its group and the group's size; `order` sorts by group."""
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    places, counts = np.empty((2, len(groups)), np.int64)
    places[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    counts[order] = np.repeat(sizes, sizes)
    return places, counts


def read_ml_100k(directory: pathlib.Path) -> pa.Table:
    """Returns user_id and movie_id of MovieLens-100K, in the order of the file.

    Args:
        directory: Holds `ml-100k/u.data` or `ml-100k/u.data.gz`.
    """
    names = ["user_id", "movie_id", "rating", "timestamp"]
    table = pa.csv.read_csv(
        _first_there(directory / "ml-100k" / "u.data"),
        read_options=pa.csv.ReadOptions(column_names=names),
        parse_options=pa.csv.ParseOptions(delimiter="\t"),
    )
    return table.select(names[:2])


def read_ml_1m(directory: pathlib.Path) -> pa.Table:
    """Returns user_id, movie_id and position of MovieLens-1M's 5-core.

    `position` is the place of the row among its user's by time, rows of one second in the order of
    the file, as in the files of the SASRec family; it stands in for the time.

    Args:
        directory: Holds `ml-1m/ratings.csv` or `ml-1m/ratings.csv.gz` (user_id, movie_id, rating,
            timestamp).
    """
    table = pa.csv.read_csv(_first_there(directory / "ml-1m" / "ratings.csv"))
    table = table.select(["user_id", "movie_id", "timestamp"])
    users, movies = (table[name].to_numpy() for name in ("user_id", "movie_id"))
    table = table.filter(pa.array(core_rows(users, movies, 5)))
    place = positions(table["user_id"].to_numpy(), table["timestamp"].to_numpy())
    return table.drop(["timestamp"]).append_column("position", pa.array(place))


def _first_there(path: pathlib.Path) -> pathlib.Path:
    packed = path.with_name(f"{path.name}.gz")
    for choice in (path, packed):
        if choice.exists():
            return choice
    raise FileNotFoundError(f"neither {path} nor {packed} is there")


def _of_column(name: str) -> Callable[[pa.Table], IntArray]:
    return lambda table: table[name].to_numpy()


_ACCURACY, _ACCURACY_KEPT = "top_k_accuracy@100", "top_k_accuracy_seen_kept@100"
_NDCG, _RECALL, _HIT_RATE = "ndcg@10", "recall@10", "hit_rate@10"
RATIO = "recall@100 / popularity"
"""Recall@100 as a multiple of the popularity baseline's."""

_FULL_RANK = "Every film of the catalogue is ranked."

PROTOCOLS = {
    "q1": Protocol(
        title="Q1: TensorFlow Recommenders' tutorial, MovieLens-100K",
        words=(
            "80,000 of 100,000 ratings drawn at random for training, the others for the test. Two "
            "id features only (film ids, where the tutorial has titles). "
            f"{_FULL_RANK} Accuracy over test ratings, films that the user rated in training "
            "excluded (seen kept: left in, as in the tutorial)."
        ),
        metrics=(_ACCURACY, _ACCURACY_KEPT),
        targets={_ACCURACY: 0.63},
        published=(
            Published(
                "tutorial (TFRS docs, basic_retrieval); seen excluded: recomputed by us",
                {_ACCURACY: 0.340, _ACCURACY_KEPT: 0.233},
            ),
            Published("iALS d=32, recomputed by us", {_ACCURACY: 0.628, _ACCURACY_KEPT: 0.380}),
            Published("EASE, recomputed by us", {_ACCURACY: 0.626, _ACCURACY_KEPT: 0.319}),
        ),
        features="ml-100k.json",
        read=read_ml_100k,
        split=lambda table, seed: random_split(len(table), 0.2, seed),
    ),
    "q3": Protocol(
        title="Q3: recommenders-team benchmark, MovieLens-100K",
        words=(
            "python_stratified_split by film, ratio 0.75. "
            f"{_FULL_RANK} Films that the user rated in training are excluded; binary relevance; "
            "mean over test users."
        ),
        metrics=(_NDCG, _RECALL),
        targets={_NDCG: 0.46, _RECALL: 0.225},
        published=(
            Published("BiVAE (recommenders README)", {_NDCG: 0.475, _RECALL: 0.219}),
            Published("BPR (recommenders README)", {_NDCG: 0.442, _RECALL: 0.213}),
            Published("LightGCN (README; recall: notebook)", {_NDCG: 0.420, _RECALL: 0.196}),
            Published("EASE, recomputed by us", {_NDCG: 0.483, _RECALL: 0.228}),
        ),
        features="ml-100k.json",
        read=read_ml_100k,
        split=lambda table, seed: stratified_split(_of_column("movie_id")(table), 0.75, seed),
    ),
    "q4": Protocol(
        title="Q4: RecBole quick start, MovieLens-100K",
        words=(
            "Each user's ratings divided at random 8:1:1. Trained on the first part, measured on "
            f"the last; the second is not used. {_FULL_RANK} Films that the user rated in the "
            "other parts are excluded; binary relevance; mean over users."
        ),
        metrics=(_NDCG, _RECALL),
        targets={_NDCG: 0.31, _RECALL: 0.255},
        published=(
            Published("BPR (RecBole README)", {_NDCG: 0.2768, _RECALL: 0.2368}),
            Published("EASE, recomputed by us", {_NDCG: 0.337, _RECALL: 0.262}),
            Published("iALS d=128, recomputed by us", {_NDCG: 0.333, _RECALL: 0.271}),
        ),
        features="ml-100k.json",
        read=read_ml_100k,
        split=lambda table, seed: ratio_split(_of_column("user_id")(table), 0.1, seed),
    ),
    "q8": Protocol(
        title="Q8: leave-one-out, MovieLens-1M",
        words=(
            "Users and films with at least 5 ratings; each user's last rating for the test, the "
            "one before not used in training. The query is the films rated before. "
            f"{_FULL_RANK} Films that the user rated before are excluded; mean over users."
        ),
        metrics=(_NDCG, _HIT_RATE),
        targets={_NDCG: 0.15, _HIT_RATE: 0.27},
        published=(
            Published("MF-BPR (bert4rec_repro)", {_NDCG: 0.0377, _HIT_RATE: 0.0740}),
            Published("SASRec (sasrec-bert4rec-recsys23)", {_NDCG: 0.1341, _HIT_RATE: 0.2500}),
            Published("gSASRec (gSASRec-pytorch)", {_NDCG: 0.1726, _HIT_RATE: 0.3003}),
            Published("SASRec+CE (sasrec-bert4rec-recsys23)", {_NDCG: 0.1821, _HIT_RATE: 0.3152}),
        ),
        features="ml-1m.json",
        read=read_ml_1m,
        model="ml-1m-model.json",
    ),
    "retail": Protocol(
        title="Online Retail, temporal split",
        words=(
            "The demo: the first four fifths of the transactions by time for training, the others "
            "for the test. Every product is ranked; products that the customer bought in training "
            "are excluded; mean over customers, new ones included."
        ),
        metrics=("recall@100", RATIO, "ndcg@10"),
        targets={RATIO: 2.0},
        published=(),
    ),
}
