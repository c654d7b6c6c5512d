"""The data sets of the speed benchmark, and the shape of the model that every way trains on one.

Standard library only: PyTorch's interpreter and the stock pipeline's module read it too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

BATCH_SIZE = 1024
EPOCHS = 3
TRAIN_SHARE = 0.8
# Width of a feature with several values; -1 pads rows with fewer.
MAX_TOKENS = 8


@dataclasses.dataclass(frozen=True)
class TowerShape:
    """One side of a two-tower model.

    Attributes:
        id: Feature with the index of the side's id.
        tables: Width of the embedding of each index feature, by name.
        averaged: Those of `tables` that have several values a row, whose embeddings are averaged.
        numbers: Numeric features.
        hidden: Units of the hidden layers.
        output: Width of the embedding that the tower makes.
        id_past_layers: Whether the id's embedding is added to the output, past the layers.
    """

    id: str
    tables: Mapping[str, int]
    numbers: tuple[str, ...]
    averaged: tuple[str, ...] = ()
    hidden: tuple[int, ...] = ()
    output: int = 32
    id_past_layers: bool = False

    @property
    def width(self) -> int:
        """Width of what the layers read."""
        return sum(self.tables[name] for name in self.read_by_layers) + len(self.numbers)

    @property
    def read_by_layers(self) -> tuple[str, ...]:
        """Index features that the layers read."""
        return tuple(name for name in self.tables if not (self.id_past_layers and name == self.id))


@dataclasses.dataclass(frozen=True)
class SpeedSet:
    """A data set with its model.

    Attributes:
        query: Shape of the query tower.
        candidate: Shape of the candidate tower.
        query_columns: Raw columns that a request holds.
        time: Raw column with the time; sorts like it.
        sizes: Number of values of the index features that are no vocabulary.
        penalty: Factor of the squared embeddings in the loss of this project's model.
        dense_learning_rate: Rate of Adam for what is no embedding table; None: Adagrad at the
            tables' rate trains all. Stock and bare use Adagrad throughout, as tutorials do.
    """

    query: TowerShape
    candidate: TowerShape
    query_columns: tuple[str, ...]
    time: str
    sizes: Mapping[str, int]
    penalty: float = 0.0
    dense_learning_rate: float | None = None


MOVIELENS = SpeedSet(
    query=TowerShape(
        "user_id",
        {"user_id": 32, "gender": 4, "occupation_bucket": 4, "gender_x_age_cross": 4},
        ("age_norm", "hour_sin", "hour_cos"),
        hidden=(64,),
    ),
    candidate=TowerShape("movie_id", {"movie_id": 32, "genres": 8}, ("year_norm",), hidden=(64,)),
    query_columns=("user_id", "gender", "age", "occupation", "timestamp"),
    time="timestamp",
    sizes={"occupation_bucket": 11, "gender_x_age_cross": 1000},
)

# What the demo's configs ask for.
RETAIL = SpeedSet(
    query=TowerShape(
        "CustomerID",
        {"CustomerID": 128, "Country": 8},
        (
            "InvoiceDate_norm",
            *("day_of_year_sin", "day_of_year_cos", "day_of_week_sin", "day_of_week_cos"),
            *("hour_of_day_sin", "hour_of_day_cos"),
        ),
        output=128,
        id_past_layers=True,
    ),
    candidate=TowerShape(
        "StockCode",
        {"StockCode": 128, "Description_tokens": 32, "UnitPrice_bucket": 8},
        ("UnitPrice_norm",),
        averaged=("Description_tokens",),
        output=128,
        id_past_layers=True,
    ),
    query_columns=("CustomerID", "Country", "InvoiceDate"),
    time="InvoiceDate",
    sizes={"UnitPrice_bucket": 21},
    penalty=0.05,
    dense_learning_rate=0.001,
)

SETS = {"movielens": MOVIELENS, "retail": RETAIL}
