"""The command on a small table: from `init` to `serve`, in the processes that a person starts."""

import json
import os
import pathlib
import random
import re
import subprocess
import sys
import urllib.request
import xml.etree.ElementTree

import pyarrow.parquet
import pytest

from tfx_retrieval.cli import recommending, run_directory

pytestmark = pytest.mark.slow

CLUSTERS = ("red", "blue", "green")


def command(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tfx_retrieval.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder, with a space in its name, that holds `shop.csv` and configs for it.

    Each customer buys things of one colour.
    """
    folder = tmp_path_factory.mktemp("a shop")
    source = random.Random(1)
    lines = ["customer,sku,name,price,bought_at"]
    for number in range(1500):
        customer = source.randrange(60)
        cluster = customer % len(CLUSTERS)
        item = source.randrange(20) * len(CLUSTERS) + cluster
        day = f"2024-{number // 130 + 1:02}-{number % 28 + 1:02} {number % 24:02}:00:00"
        lines.append(f"c{customer},s{item},{CLUSTERS[cluster]} thing {item},{item / 4},{day}")
    (folder / "shop.csv").write_text("\n".join(lines) + "\n")
    command("init", folder / "shop.csv", "--output", folder)
    return folder


@pytest.fixture(scope="module")
def arguments(folder: pathlib.Path) -> list[object]:
    return [
        *("--data", folder / "shop.csv", "--features", folder / "features.json"),
        *("--model", folder / "model.json", "--output", folder / "run"),
    ]


@pytest.fixture(scope="module")
def run(folder: pathlib.Path, arguments: list[object]) -> pathlib.Path:
    """A finished run."""
    done = command("run", *arguments, "--epochs", 3, "--batch-size", 64)

    assert "recall@10" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "TwoTowerTrainer\n" in done.stderr
    assert "read 1,500 rows" in done.stderr
    assert re.search(r"\(\d+ min \d+ s, at most [1-9]\.\d GiB of memory\)", done.stderr)
    for noise in ("WARNING", "Warning", "cuda", "Traceback", "absl", "oneDNN"):
        assert noise not in done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def recommender(run: pathlib.Path) -> recommending.RunRecommender:
    return recommending.RunRecommender(run_directory.RunDirectory(run))


def test_the_run_folder(run: pathlib.Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())

    assert metrics.keys() >= {
        *("eval", "baseline", "index", "history", "config", "args", "timings"),
    }
    assert metrics["args"]["epochs"] == 3
    assert len(metrics["history"]["loss"]) == 3
    assert metrics["eval"].keys() >= {"recall@10", "ndcg@50", "hit_rate@100", "mrr", "coverage@10"}
    assert (run / "modules" / "transform_module.py").exists()
    assert "absl" in (run / "run.log").read_text()


def steps(run: pathlib.Path) -> list[dict]:
    return json.loads(command("timings", "--run", run, "--json").stdout)


def test_the_same_command_again_reuses_every_step(run, arguments) -> None:
    before = json.loads((run / "metrics.json").read_text())

    done = command("run", *arguments, "--epochs", 3, "--batch-size", 64)

    components = [step["component"] for step in steps(run)]
    assert [step["component"] for step in steps(run) if step["state"] != "reused"] == []
    assert done.stderr.count("reused from an earlier run") == len(components) >= 10
    after = json.loads((run / "metrics.json").read_text())
    assert after["eval"] == before["eval"]
    assert after["index"] == before["index"]


def test_evaluate(run) -> None:
    table = command("evaluate", "--run", run).stdout
    metrics = json.loads(command("evaluate", "--run", run, "--json").stdout)

    assert f"{metrics['eval']['recall@10']:.4f}" in table
    assert f"{metrics['baseline']['recall@10']:.4f}" in table


def test_view(run) -> None:
    raw = command("view", "raw", "--run", run, "-n", 2, "--json").stdout.splitlines()
    transformed = command("view", "transformed", "--run", run, "--split", "eval").stdout
    wrong = command("view", "raw", "--run", run, "--split", "test", code=2)

    assert len(raw) == 2
    assert json.loads(raw[0])["customer"].startswith("c")
    assert "sku" in transformed
    assert max(map(len, transformed.splitlines())) <= 80
    assert "eval, train" in wrong.stderr


def test_graph_and_timings(run, tmp_path) -> None:
    command("graph", "--run", run, "-o", tmp_path / "graph.svg")

    drawing = (tmp_path / "graph.svg").read_text()
    xml.etree.ElementTree.fromstring(drawing)
    components = {step["component"]: step for step in steps(run)}
    assert all(f">{component}<" in drawing for component in components)
    assert "Transform" in components["TwoTowerTrainer"]["reads"]


def test_recommend(run, recommender) -> None:
    done = command("recommend", "--run", run, "--query", '{"customer": "c4"}', "-k", 5, "--json")

    items = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(items) == 5
    scores = [item["score"] for item in items]
    assert scores == sorted(scores, reverse=True)
    assert all(item["title"].endswith(f"thing {item['id'][1:]}") for item in items)
    assert "from the run's data: bought_at" in done.stderr
    answer = recommender.answer({"customer": "c4"}, 5)
    assert [item.id for item in answer.found] == [item["id"] for item in items]


def test_products_bought_before_are_left_out_on_request(run, recommender) -> None:
    rows = (run.parent / "shop.csv").read_text().splitlines()[1:]
    bought = {row.split(",")[1] for row in rows if row.startswith("c4,")}

    every = {item.id for item in recommender.answer({"customer": "c4"}).found}
    unseen = {item.id for item in recommender.answer({"customer": "c4"}, exclude_seen=True).found}

    assert every - unseen == bought
    assert len(unseen) == 60 - len(bought)


def test_columns_left_out_are_completed_only_on_request(recommender) -> None:
    plain = recommender.answer({"customer": "c4"}, complete=False)
    stranger = recommender.answer({"customer": "nobody"})
    given = recommender.answer({"customer": "c4", "bought_at": "2024-03-01T10:00:00"})

    assert plain.completed == stranger.completed == ()
    assert len(stranger.found) == 60
    assert "bought_at" not in given.completed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--query", '{"customr": "c4"}'], "Did you mean"),
        (["--query", "{}", "--exclude-seen"], "no 'customer'"),
        (["--query", '{"customer": "c4", "bought_at": "soon"}'], "ISO 8601"),
    ],
)
def test_wrong_queries_are_found_before_the_model_is_loaded(run, options, message) -> None:
    done = command("recommend", "--run", run, *options, code=2)

    assert message in done.stderr
    assert "Loading" not in done.stderr


def test_export_embeddings(invoke, run, tmp_path) -> None:
    done = invoke(
        *("export-embeddings", "--run", run, "--output", tmp_path, "--run-date", "2024-05-01")
    )

    assert done.exit_code == 0, done.stderr
    written = [pathlib.Path(line).relative_to(tmp_path).as_posix() for line in done.stdout.split()]
    assert written == [
        "candidate/run_date=2024-05-01/part-0.parquet",
        "query/run_date=2024-05-01/part-0.parquet",
    ]
    queries = pyarrow.parquet.read_table(tmp_path / written[1])
    assert sorted(queries["id"].to_pylist()) == sorted(f"c{number}" for number in range(60))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candidate", "query"]


def test_serve_answers_like_the_index_and_ends_on_interrupt(run, recommender) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "tfx_retrieval.cli.main", "serve", "--run", run, "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    url = ""
    for line in server.stderr:
        if line.startswith("serving on "):
            url = line.split()[2].rstrip(";")
            break
    query = {"customer": "c4", "bought_at": "2024-12-31T00:00:00"}
    body = json.dumps({"instances": [query], "k": 3}).encode()

    with urllib.request.urlopen(url, body) as response:
        (answer,) = json.loads(response.read())["predictions"]
    server.send_signal(2)

    assert server.wait(30) == 0
    (expected,) = recommender.recommend([query], 3)
    assert answer["ids"] == [item.id for item in expected]


def test_a_run_on_a_broken_table_names_the_row_and_leaves_no_metrics(
    invoke, folder, tmp_path
) -> None:
    rows = (folder / "shop.csv").read_text().splitlines()
    rows[700] = rows[700].rsplit(",", 1)[0] + ",yesterday"
    (tmp_path / "shop.csv").write_text("\n".join(rows) + "\n")

    done = invoke(
        *("run", "--data", tmp_path / "shop.csv", "--features", folder / "features.json"),
        *("--model", folder / "model.json", "--output", tmp_path / "run"),
    )

    assert done.exit_code == 2
    assert "yesterday" in done.stderr
    assert "row 700" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_a_failure_is_one_line_and_a_log(run, tmp_path) -> None:
    os.symlink(run / "pipeline", tmp_path / "pipeline")
    (tmp_path / "metadata.db").write_bytes(b"not a database at all" * 100)

    done = command("timings", "--run", tmp_path, code=1)

    summary, log = done.stderr.strip().splitlines()[-2:]
    assert summary.startswith("error: ")
    path = pathlib.Path(log.removeprefix("full log: "))
    assert "Traceback" in path.read_text()
    path.unlink()
