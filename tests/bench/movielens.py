"""Builds benchmark tables from MovieLens files that the person gives a path to.

MovieLens may not be redistributed, so it is never part of this project.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pyarrow as pa


def read_ml_1m(directory: pathlib.Path) -> pa.Table:
    """Returns MovieLens-1M's ratings joined with users and movies, in order of time.

    Args:
        directory: Holds `ratings.csv.gz` (user_id, movie_id, rating, timestamp, ...),
            `users.dat` and `movies.dat`.

    Returns:
        user_id, movie_id, gender, age, occupation, genres, year, rating, timestamp.
    """
    import pandas as pd

    def read_dat(name: str, names: list[str]) -> pd.DataFrame:
        path = directory / name
        return pd.read_csv(path, sep="::", engine="python", names=names, encoding="latin-1")

    users = read_dat("users.dat", ["user_id", "gender", "age", "occupation", "zip"])
    movies = read_dat("movies.dat", ["movie_id", "title", "genres"])
    years = movies["title"].str.extract(r"\((\d{4})\)$", expand=False)
    movies["year"] = years.fillna("1995").astype(int)
    rows = pd.read_csv(directory / "ratings.csv.gz").merge(users).merge(movies)
    profile = ["gender", "age", "occupation"]
    columns = ["user_id", "movie_id", *profile, "genres", "year", "rating", "timestamp"]
    rows = rows.sort_values(["timestamp", "user_id", "movie_id"])[columns]
    return pa.Table.from_pandas(rows, preserve_index=False)


def synthetic(rows: int, seed: int = 0) -> pa.Table:
    """Returns a table like MovieLens' with Zipf-distributed ids.

    Args:
        rows: Number of rows.
        seed: Seed of the draw.
    """
    random = np.random.default_rng(seed)
    users = random.zipf(1.2, rows) % 100_000
    movies = random.zipf(1.2, rows) % 20_000
    return pa.table(
        {
            "user_id": users,
            "movie_id": movies,
            "gender": np.where(users % 2 == 0, "F", "M"),
            "age": users % 60 + 10,
            "occupation": users % 21,
            "genres": np.char.add("genre-", (movies % 300).astype(str)),
            "year": 1920 + movies % 100,
            "rating": random.integers(1, 6, rows),
            "timestamp": np.sort(random.integers(950_000_000, 1_050_000_000, rows)),
        }
    )
