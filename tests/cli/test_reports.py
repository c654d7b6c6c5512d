"""Tables fit 80 columns and hold the right numbers."""

import io

import pytest
import rich.console
import rich.table

from tfx_retrieval.cli import reports
from tfx_retrieval.cli.recommending import Recommendation
from tfx_retrieval.pipelines import run_store


def text(table: rich.table.Table) -> str:
    console = rich.console.Console(width=80, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def lines(table: rich.table.Table) -> list[list[str]]:
    return [line.split() for line in text(table).splitlines() if line.strip()]


def test_metrics_beside_the_baseline_in_order_of_metric_and_k() -> None:
    metrics = {
        "eval": {"mrr": 0.2, "recall@100": 0.5, "recall@10": 0.1, "ndcg@10": 0.3, "queries": 7},
        "baseline": {"mrr": 0.1, "recall@100": 0.25, "recall@10": 0.0},
    }

    rows = lines(reports.metrics_table(metrics))

    assert rows[0] == ["metric", "model", "popularity", "ratio"]
    assert rows[2:] == [
        ["recall@10", "0.1000", "0.0000", "-"],
        ["recall@100", "0.5000", "0.2500", "2.00"],
        ["ndcg@10", "0.3000", "-", "-"],
        ["mrr", "0.2000", "0.1000", "2.00"],
    ]


METRICS = {
    "eval": {"recall@10": 0.5, "mrr": None},
    "baseline": {"recall@10": 0.25, "mrr": 0.1},
    "counts": {"queries": 1234, "candidates": 567},
    "notes": ["Few queries."],
    "checks": [
        {"metric": "recall@100", "outcome": "failed", "reason": "0.1 < 0.2"},
        {"metric": "mrr", "outcome": "passed", "reason": ""},
    ],
    "index": {
        "algorithm": "scann",
        "recall": {"recall@10": 0.99, "recall@100": 0.8},
        "speed": {"index": {"p50_ms": 0.123}},
        "checks": [
            {"name": "recall@100", "received": 0.8, "limit": 0.9, "passed": False},
            {"name": "model_blessed", "received": False, "limit": True, "passed": False},
        ],
    },
}


def test_notes_say_what_was_measured_and_what_failed() -> None:
    assert reports.notes(METRICS) == [
        "Each of 1,234 queries ranks all 567 candidates; what it met in training is left out.",
        "Few queries.",
        "Index: scann, recall@100 0.800 of exact search, median 0.12 ms a query.",
        "Not pushed, since checks failed: recall@100: 0.1 < 0.2; index recall@100: 0.8, limit 0.9.",
    ]


def test_one_query_is_one_query() -> None:
    counts = {**METRICS["counts"], "queries": 1}
    assert reports.notes({**METRICS, "counts": counts})[0].startswith("1 query ranks all 567 ")


def test_printed_metrics_fit_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    reports.print_metrics(METRICS)

    printed = capsys.readouterr().out.splitlines()
    assert max(map(len, printed)) <= 80
    assert ["mrr", "-", "0.1000", "-"] in [line.split() for line in printed]


def test_timings_add_up() -> None:
    steps = [
        run_store.Step("InteractionExampleGen", "done", 4.0, (), {}),
        run_store.Step("Transform", "done", 12.0, ("InteractionExampleGen",), {}),
        run_store.Step("Pusher", "reused", 0.1, (), {}),
    ]

    rows = lines(reports.timings_table(steps))

    assert rows[2] == ["InteractionExampleGen", "-", "done", "4.0", "s", "25%"]
    assert rows[3] == ["Transform", "InteractionExampleGen", "done", "12", "s", "75%"]
    assert rows[4] == ["Pusher", "-", "reused", "-", "-"]
    assert rows[-1] == ["all", "16", "s"]


def test_rows_stand_side_by_side_with_every_feature_of_any_row() -> None:
    records = [{"a": 1, "b": "x"}, {"a": None, "c": [1.0, 0.123456789]}]
    (table,) = reports.rows_tables(records, 80)

    rows = lines(table)

    assert rows[2:] == [["a", "1", "-"], ["b", "x", "-"], ["c", "-", "1,", "0.123457"]]


def test_many_rows_stay_readable() -> None:
    records = [{"id": number, "words": "WHITE HANGING HEART T-LIGHT HOLDER"} for number in range(9)]

    tables = reports.rows_tables(records, 80)

    headings = [lines(table)[0] for table in tables]
    assert headings == [
        ["feature", *["row", "1", "row", "2", "row", "3", "row", "4"]],
        ["feature", *["row", "5", "row", "6", "row", "7", "row", "8"]],
        ["feature", "row", "9"],
    ]
    assert all("HANGING" in text(table) for table in tables)
    assert reports.rows_tables([], 80) == []


@pytest.mark.parametrize("title", ["CREAM CUPID HEARTS COAT HANGER " * 4, None])
def test_recommendations(title: str | None) -> None:
    table = reports.recommendations_table([Recommendation("84406B", 1.23456, title)])

    assert ("name" in text(table)) == (title is not None)
    assert "1.235" in text(table)
    assert max(map(len, text(table).splitlines())) <= 80
