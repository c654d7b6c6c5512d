"""Published protocols of recommendation quality: their data, splits, figures and sources."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from quality_data import (
    read_ml_1m,
    read_ml_100k,
    read_ml_100k_described,
    read_ml_100k_ratings,
)
from quality_ratings import AUC, RMSE
from quality_splits import (
    IntArray,
    SplitCodes,
    cold_split,
    random_split,
    ratio_split,
    stratified_split,
)

LOWER_IS_BETTER = (RMSE,)
"""Metrics whose target is an upper limit."""


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
        metrics: Metrics that are shown: of RetrievalEvaluator, those of a slice as
            `slice metric`, and `quality_ratings.RMSE` or `AUC` of a label.
        targets: Values to reach, by metric.
        published: Figures of others.
        features: FeatureConfig, a file name in `quality_configs`; "" for the demo's.
        read: Reads the interactions from the directory with the data sets; None: the demo's.
        split: Divides them by a seed; None: by InteractionExampleGen.
        model: ModelConfig, a file name in `quality_configs`; "" for the one that `init` proposes.
        label: Column whose prediction is measured; "" for none.
        binary: Whether the label is 0 or 1.
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
    label: str = ""
    binary: bool = False


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


def _of_column(name: str) -> Callable[[pa.Table], IntArray]:
    return lambda table: table[name].to_numpy()


def _tenth_cold(table: pa.Table, seed: int) -> SplitCodes:
    return cold_split(_of_column("user_id")(table), _of_column("movie_id")(table), 0.1, seed)


def _fifth(table: pa.Table, seed: int) -> SplitCodes:
    return random_split(len(table), 0.2, seed)


_ACCURACY, _ACCURACY_KEPT = "top_k_accuracy@100", "top_k_accuracy_seen_kept@100"
_NDCG, _RECALL, _HIT_RATE = "ndcg@10", "recall@10", "hit_rate@10"
_COLD_USERS, _COLD_FILMS = "query:cold recall@100", "candidate:cold recall@100"
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
        split=_fifth,
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
    "ratings": Protocol(
        title="Ratings, MovieLens-100K: a ranking model",
        words=(
            "Four fifths of the ratings, drawn at random, for training, the others for the test: "
            "the size of a fold of the published five-fold figures. RMSE of the ratings that the "
            "exported model predicts. Ids only."
        ),
        metrics=(RMSE,),
        targets={RMSE: 0.934},
        published=(
            Published("tutorial (TFRS docs, basic_ranking and multitask)", {RMSE: 1.11}),
            Published("Baseline (Surprise README)", {RMSE: 0.944}),
            Published("SVD (Surprise README)", {RMSE: 0.934}),
            Published("SVD++ (Surprise README)", {RMSE: 0.919}),
        ),
        features="ml-100k-ratings.json",
        read=read_ml_100k_ratings,
        split=_fifth,
        model="ml-100k-ranking-model.json",
        label="rating",
    ),
    "likes": Protocol(
        title="Likes, MovieLens-100K: a ranking model of a binary label",
        words=(
            "The split of the ratings above; the label is whether the rating is 4 or 5. AUC of "
            "the chances that the exported model predicts, over all test rows. Ids only."
        ),
        metrics=(AUC,),
        targets={},
        published=(),
        features="ml-100k-likes.json",
        read=read_ml_100k_ratings,
        split=_fifth,
        model="ml-100k-likes-model.json",
        label="liked",
        binary=True,
    ),
    "multitask": Protocol(
        title="TensorFlow Recommenders' multi-task tutorial, MovieLens-100K",
        words=(
            "One model for both tasks, on the split of Q1: RMSE of the predicted ratings, and "
            f"accuracy as in Q1. {_FULL_RANK}"
        ),
        metrics=(RMSE, _ACCURACY, _ACCURACY_KEPT),
        targets={RMSE: 0.944, _ACCURACY: 0.6},
        published=(
            Published("tutorial, ratings only (TFRS docs)", {RMSE: 1.113, _ACCURACY_KEPT: 0.060}),
            Published("tutorial, retrieval only", {RMSE: 3.688, _ACCURACY_KEPT: 0.233}),
            Published("tutorial, both", {RMSE: 1.110, _ACCURACY_KEPT: 0.235}),
        ),
        features="ml-100k-ratings.json",
        read=read_ml_100k_ratings,
        split=_fifth,
        model="ml-100k-multitask-model.json",
        label="rating",
    ),
    "cold": Protocol(
        title="Cold start, MovieLens-100K",
        words=(
            "A tenth of the users and a tenth of the films, drawn at random, are held out with "
            "all their ratings; the others are for training. Cold users are known by age, gender "
            "and occupation, cold films by title, genres and year. "
            f"{_FULL_RANK} Films that the user rated in training are excluded; mean over the "
            "users of a slice (query:cold: cold users and all their films; candidate:cold: cold "
            "films and all their users)."
        ),
        metrics=(_COLD_USERS, f"query:cold {_NDCG}", _COLD_FILMS, f"candidate:cold {_RECALL}"),
        targets={},
        published=(),
        features="ml-100k-described.json",
        read=read_ml_100k_described,
        split=_tenth_cold,
        model="ml-100k-cold-model.json",
    ),
}
