"""Parts of the speed benchmark that are right or wrong without running it."""

import io
import pathlib
import sys

import numpy as np
import pytest
import rich.console

from tfx_retrieval import config, demo
from tfx_retrieval.components.interaction_example_gen import load
from tfx_retrieval.components.interaction_example_gen.feature_config import table_spec

_BENCH = pathlib.Path(__file__).parents[1] / "bench"
_MODULES = ("bare_features", "bench_speed", "meter", "movielens", "online_retail", "speed_report")


@pytest.fixture(scope="module")
def bench():
    """The benchmark's modules by name; they import one another by name, as scripts do."""
    sys.path.insert(0, str(_BENCH))
    known = set(sys.modules)
    try:
        yield {name: __import__(name) for name in (*_MODULES, "speed_sets")}
    finally:
        sys.path.remove(str(_BENCH))
        for name in set(sys.modules) - known:
            if str(_BENCH) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


@pytest.fixture(scope="module")
def retail(bench, tmp_path_factory):
    """CSV file of the purchases, and their number."""
    table = bench["online_retail"].read()
    path = tmp_path_factory.mktemp("retail") / "rows.csv"
    bench["bench_speed"].write_csv(table, path)
    return path, len(table)


def test_no_way_has_rows_to_leave_out(retail):
    path, rows = retail
    spec = table_spec(config.read_feature_config(demo.FEATURES), "random")

    assert load.load(str(path), spec).rows_read == rows
    assert len(load.load(str(path), spec).table) == rows
    assert len(load.load(str(demo.DATA), spec).table) == rows


def test_features_without_a_pipeline_fit_the_shape_of_the_model(bench, retail, tmp_path):
    movielens = tmp_path / "rows.csv"
    bench["bench_speed"].write_csv(bench["movielens"].synthetic(500), movielens)
    for name, path in (("retail", retail[0]), ("movielens", movielens)):
        features, sizes, train = bench["bare_features"].read(name, path)
        speed_set = bench["speed_sets"].SETS[name]
        towers = (speed_set.query, speed_set.candidate)

        named = {feature for tower in towers for feature in (*tower.tables, *tower.numbers)}
        assert set(features) == named
        for tower in towers:
            for feature in tower.tables:
                assert features[feature].max() < sizes[feature]
                assert features[feature].ndim == (2 if feature in tower.averaged else 1)
            for feature in tower.numbers:
                assert np.isfinite(features[feature]).all()
        batches = bench["bare_features"].batches(features, train, 64, epoch=0)
        assert {values.shape[:2] for values in batches.values()} == {(len(train) // 64, 64)}


def test_shapes_are_those_of_the_configs(bench):
    widths = config.read_model_config(demo.MODEL).output_embedding_dim
    for name, (features, _) in bench["bench_speed"]._CONFIGS.items():
        feature_config = config.read_feature_config(features)
        speed_set = bench["speed_sets"].SETS[name]
        assert speed_set.query.id == feature_config.query.id
        assert speed_set.candidate.id == feature_config.candidate.id
        assert set(speed_set.query_columns) == {x.column for x in feature_config.query.features}
    assert bench["speed_sets"].RETAIL.query.output == widths


def test_the_peak_of_a_step_is_its_own(bench):
    meter = bench["meter"].StepMeter()
    with meter.step("large"):
        np.ones(20_000_000).sum()
    with meter.step("small"):
        pass

    if "peak_mib" not in meter.steps["large"]:
        pytest.skip("this kernel does not let a process reset its peak")
    assert meter.steps["large"]["peak_mib"] - meter.steps["small"]["peak_mib"] > 100


def measured(report, way, factor):
    names = {
        "stock": ("CsvExampleGen", "StatisticsGen", "Transform", "Trainer"),
        "ours": (
            *("InteractionExampleGen", "StatisticsGen", "Transform", "TwoTowerTrainer"),
            "RetrievalEvaluator",
        ),
        "bare": ("data", "training", "index"),
    }[way]
    figures = {"wall": 173.5 * factor, "cpu": 182.6 * factor, "peak_mib": 967.8 * factor}
    metrics = {"recall@10": 0.1, "ndcg@10": 0.2, "recall@100": 0.3}
    return report.Measured(
        **figures,
        steps={
            name: {**figures, "wall": figures["wall"] / 5, "cpu": figures["cpu"] / 5}
            for name in names
        },
        epochs=[20.0 * factor],
        metrics={} if way == "bare" else metrics,
        popularity=metrics if way == "ours" else {},
    )


def test_what_is_printed_fits_and_is_complete(bench):
    report = bench["speed_report"]
    sizes = {
        rows: {
            way: [measured(report, way, factor * spread) for spread in (1, 1.1, 0.9)]
            for way in ("stock", "ours", "bare")
        }
        for rows, factor in ((100_000, 0.01), (1_000_000, 0.1), (10_000_000, 2))
    }
    shown = io.StringIO()
    console = rich.console.Console(file=shown, width=report.WIDTH, highlight=False)

    report.print_set(console, "data", sizes[10_000_000])
    report.print_growth(console, sizes)

    text = shown.getvalue()
    lines = [line.split() for line in text.splitlines()]
    assert max(map(len, text.splitlines())) <= report.WIDTH
    assert "…" not in text
    stock = next(line for line in lines if line[:1] == ["stock"])
    assert stock[1:3] == ["347", "(312-382)"]
    assert stock[5:7] == ["1,936", "(1,742-2,129)"]
    assert stock[-3:] == ["0.1000", "0.2000", "0.3000"]
    assert next(line for line in lines if line[:1] == ["popularity"])[1:] == stock[-3:]
    last = [line for line in lines if line[:1] == ["10,000,000"]]
    assert [line[1:] for line in last] == [["347", "20", "365", "20", "1,936", "20"]] * 3
    assert any("StatisticsGen + Transform" in line for line in text.splitlines())


def test_a_step_of_one_round_has_no_spread(bench):
    assert bench["speed_report"].middle([0.25]) == "0.25"
    assert bench["speed_report"].middle([3.0, 1.0, 250.0]) == "3 (1-250)"
