"""Readers of the MovieLens files that the quality benchmark is given a path to.

MovieLens' licence does not let the files be part of this project. The protocols that rank count
every rating as a positive interaction.
"""

from __future__ import annotations

import pathlib

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import quality_splits

_GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""Genres of MovieLens-100K, in the order of the flags in `u.item`."""

LIKED = 4
"""Ratings from here on count as liked."""


def read_ml_100k(directory: pathlib.Path) -> pa.Table:
    """Returns user_id and movie_id of MovieLens-100K, in the order of the file.

    Args:
        directory: Holds `ml-100k/u.data` or `ml-100k/u.data.gz`.
    """
    return _ml_100k(directory).select(["user_id", "movie_id"])


def read_ml_100k_ratings(directory: pathlib.Path) -> pa.Table:
    """Returns user_id, movie_id, rating (1 to 5) and liked (0 or 1), float32.

    Args:
        directory: As for `read_ml_100k`.
    """
    table = _ml_100k(directory)
    rating = table["rating"].cast(pa.float32())
    liked = pa.compute.greater_equal(rating, LIKED).cast(pa.float32())
    table = table.select(["user_id", "movie_id"]).append_column("rating", rating)
    return table.append_column("liked", liked)


def read_ml_100k_described(directory: pathlib.Path) -> pa.Table:
    """Returns MovieLens-100K's interactions with what is known of users and films.

    Args:
        directory: Holds `ml-100k/` with `u.data`, `u.user` and `u.item`, gzipped or not.

    Returns:
        user_id, movie_id, age (int64), gender, occupation, title, genres (joined by `|`) and year
        (float32; missing for the film without a date).
    """
    folder = directory / "ml-100k"
    users = _read(folder / "u.user", ["user_id", "age", "gender", "occupation", "zip"], "|")
    names = ["movie_id", "title", "released", "video", "url", *_GENRES]
    films = _read(folder / "u.item", names, "|", "latin-1")
    genres = [
        "|".join(name for name in _GENRES if row[name])
        for row in films.select(list(_GENRES)).to_pylist()
    ]
    released = films["released"].to_pylist()
    years = [float(text.rsplit("-", 1)[1]) if text else None for text in released]
    films = films.select(["movie_id", "title"])
    films = films.append_column("genres", pa.array(genres))
    films = films.append_column("year", pa.array(years, pa.float32()))
    rows = _ml_100k(directory).select(["user_id", "movie_id"])
    rows = rows.append_column("row", pa.array(range(len(rows))))
    rows = rows.join(users.drop(["zip"]), "user_id").join(films, "movie_id")
    return rows.sort_by("row").drop(["row"])


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
    table = table.filter(pa.array(quality_splits.core_rows(users, movies, 5)))
    users, times = (table[name].to_numpy() for name in ("user_id", "timestamp"))
    place = quality_splits.positions(users, times)
    return table.drop(["timestamp"]).append_column("position", pa.array(place))


def _ml_100k(directory: pathlib.Path) -> pa.Table:
    names = ["user_id", "movie_id", "rating", "timestamp"]
    return _read(directory / "ml-100k" / "u.data", names, "\t")


def _read(path: pathlib.Path, names: list[str], delimiter: str, encoding: str = "utf8") -> pa.Table:
    """Returns a file without a header; an empty text is a missing value."""
    return pa.csv.read_csv(
        _first_there(path),
        read_options=pa.csv.ReadOptions(column_names=names, encoding=encoding),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, quote_char=False),
        convert_options=pa.csv.ConvertOptions(
            column_types={"released": pa.string(), "zip": pa.string(), "video": pa.string()}
        ),
    )


def _first_there(path: pathlib.Path) -> pathlib.Path:
    packed = path.with_name(f"{path.name}.gz")
    for choice in (path, packed):
        if choice.exists():
            return choice
    raise FileNotFoundError(f"neither {path} nor {packed} is there")
