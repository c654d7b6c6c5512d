"""Examples of the quality benchmark, with splits that a protocol gives."""

import pathlib
import sys

import numpy as np
import pyarrow as pa
import pytest

from tfx_retrieval import config
from tfx_retrieval.components.interaction_example_gen.feature_config import table_spec
from tfx_retrieval.components.interaction_example_gen.table_spec import SplitSpec

_BENCH = pathlib.Path(__file__).parents[1] / "bench"


@pytest.fixture(scope="module")
def runs():
    # The benchmark's modules import one another by name, as scripts do.
    sys.path.insert(0, str(_BENCH))
    try:
        import quality_runs

        yield quality_runs
    finally:
        sys.path.remove(str(_BENCH))
        for name in [name for name in sys.modules if name.startswith("quality_")]:
            del sys.modules[name]


def read_rows(directory, split):
    import tensorflow as tf

    files = [str(path) for path in (directory / f"Split-{split}").iterdir()]
    rows = []
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        rows.append({name: list(value.int64_list.value) for name, value in features.items()})
    return rows


def test_rows_go_where_the_codes_say(runs, tmp_path):
    features = config.read_feature_config(_BENCH / "quality_configs" / "ml-100k.json")
    spec = table_spec(features, SplitSpec(test_fraction=0.1))
    random = np.random.default_rng(0)
    users, movies = random.integers(0, 9, 200), random.integers(0, 30, 200)
    codes = random.integers(0, 3, 200).astype(np.int8)
    table = pa.table({"user_id": users, "movie_id": movies})
    interactions, catalogue = runs.write_examples(table, codes, spec, tmp_path)
    for code, name in enumerate(("train", "eval", "test")):
        written = sorted(
            (row["user_id"][0], row["movie_id"][0]) for row in read_rows(interactions, name)
        )
        chosen = codes == code
        assert written == sorted(zip(users[chosen], movies[chosen], strict=True))
    candidates = [row["movie_id"] for row in read_rows(catalogue, "candidates")]
    assert candidates == [[movie] for movie in sorted(set(movies))]
