"""`init`, `validate`, `import-config` and `generate`."""

import json
import pathlib

import pyarrow as pa
import pyarrow.parquet
import pytest

from tfx_retrieval import config, demo


@pytest.fixture
def table(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "table.csv"
    rows = [f"u{row % 5},i{row % 7},{row}.5,2024-01-{row % 28 + 1:02}" for row in range(60)]
    path.write_text("\n".join(["user_id,item_id,price,timestamp", *rows]) + "\n")
    return path


def test_init_proposes_configs_that_are_valid_for_the_table(invoke, table, tmp_path) -> None:
    output = tmp_path / "configs"

    made = invoke("init", table, "--output", output)

    assert made.exit_code == 0, made.stderr
    assert made.stdout == ""
    assert "user_id: the query id" in made.stderr
    assert config.read_feature_config(output / "features.json").candidate.id == "item_id"
    checked = invoke("validate", output / "features.json", output / "model.json", "--data", table)
    assert checked.exit_code == 0, checked.stderr


def test_init_does_not_replace_what_a_person_wrote(invoke, table, tmp_path) -> None:
    (tmp_path / "model.json").write_text("{}")

    refused = invoke("init", table, "--output", tmp_path)
    assert refused.exit_code == 2
    assert "model.json\n" in refused.stderr
    assert not (tmp_path / "features.json").exists()

    assert invoke("init", table, "--output", tmp_path, "--force").exit_code == 0
    assert (tmp_path / "model.json").read_text() != "{}"
    again = invoke("init", table, "--output", tmp_path)
    assert again.exit_code == 0
    assert "unchanged" in again.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "nothing there"), ("", "an empty file"), ("user,item\n", "a table without rows")],
)
def test_init_names_a_table_that_cannot_be_used(invoke, tmp_path, content, message) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_text(content)

    result = invoke("init", path, "--output", tmp_path / "configs")

    assert result.exit_code == 2
    assert str(path) in result.stderr
    assert message in result.stderr
    assert not (tmp_path / "configs").exists()


def test_validate_reports_configs_and_table_together(invoke, table, tmp_path) -> None:
    features = json.loads(demo.FEATURES.read_text())
    (tmp_path / "features.json").write_text(json.dumps(features))
    (tmp_path / "model.json").write_text('{"version": 1, "epochs": 0}')

    result = invoke(
        *("validate", tmp_path / "features.json", tmp_path / "model.json", "--data", table)
    )

    assert result.exit_code == 2
    assert "$.epochs" in result.stderr
    assert "table.csv" in result.stderr


def test_validate_reads_several_files_that_disagree_about_a_type(invoke, tmp_path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    for name, users in (("a", pa.array([1, 2, 1])), ("b", pa.array(["x", "y", "x"]))):
        columns = {"user": users, "item": pa.array(["i", "j", "k"])}
        pyarrow.parquet.write_table(pa.table(columns), folder / f"{name}.parquet")
    sides = {
        side: {"id": column, "features": [{"column": column, "type": "categorical"}]}
        for side, column in (("query", "user"), ("candidate", "item"))
    }
    (tmp_path / "features.json").write_text(json.dumps({"version": 1, **sides}))

    result = invoke("validate", tmp_path / "features.json", "--data", folder)

    assert result.exit_code == 0, result.stderr


def test_validate_reads_the_values(invoke, table, tmp_path) -> None:
    features = {
        "version": 1,
        "query": {"id": "user_id", "features": [{"column": "user_id", "type": "categorical"}]},
        "candidate": {"id": "item_id", "features": [{"column": "timestamp", "type": "numeric"}]},
    }
    (tmp_path / "features.json").write_text(json.dumps(features))

    result = invoke("validate", tmp_path / "features.json", "--data", table)

    assert result.exit_code == 2
    assert "'2024-01-01'" in result.stderr.replace('"', "'")


def test_validate_says_what_the_reader_of_a_run_would(invoke, tmp_path) -> None:
    columns = {
        "user": pa.array(["u", "v", "u"]),
        "item": pa.array(["i", "j", "k"]),
        "look": pa.array([[1.0, 2.0], [1.0, None], None]),
    }
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    look = {"column": "look", "type": "vector", "vector": {"dimension": 2}}
    sides = {
        side: {"id": column, "features": [{"column": column, "type": "categorical"}]}
        for side, column in (("query", "user"), ("candidate", "item"))
    }
    sides["candidate"]["features"].append(look)
    (tmp_path / "features.json").write_text(json.dumps({"version": 1, **sides}))

    result = invoke("validate", tmp_path / "features.json", "--data", tmp_path / "t.parquet")

    assert result.exit_code == 2
    assert "t.parquet: column 'look', row 2" in result.stderr
    assert "[1.0, None]" in result.stderr


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["id,product,id", "a,b,c"], "2 columns of that name"),
        (["7,3,5.5", "7,4,1.5"], "a first line with the values '7', '3', '5.5'"),
    ],
)
def test_init_of_a_table_without_usable_names(invoke, tmp_path, lines, message) -> None:
    (tmp_path / "t.csv").write_text("\n".join(lines))

    result = invoke("init", tmp_path / "t.csv", "--output", tmp_path / "configs")

    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "configs").exists()


def test_init_says_which_columns_it_left_out_in_lines_that_fit(invoke, table, tmp_path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    table.rename(folder / "a.csv")
    lines = (folder / "a.csv").read_text().splitlines()
    (folder / "b.csv").write_text(
        "\n".join([f"{lines[0]},Note of the seller", *(f"{line},x" for line in lines[1:])])
    )

    result = invoke("init", folder, "--output", tmp_path / "configs")

    assert result.exit_code == 0, result.stderr
    assert "looked at 120 rows" in result.stderr
    assert "  Note of the seller: left out: a.csv has no such column\n" in result.stderr
    explained = [line for line in result.stderr.splitlines() if str(tmp_path) not in line]
    assert max(map(len, explained)) <= 80


def test_import_config(invoke, tmp_path) -> None:
    source = tmp_path / "layers.json"
    source.write_text(
        json.dumps(
            {
                "user_embedding_layers": {"user": {"type": "string", "embedding_size": 8}},
                "item_embedding_layers": {"item": {"type": "string", "embedding_size": 8}},
            }
        )
    )

    result = invoke("import-config", source, "--output", tmp_path / "configs")

    assert result.exit_code == 0, result.stderr
    feature_config = config.read_feature_config(tmp_path / "configs" / "features.json")
    assert (feature_config.query.id, feature_config.candidate.id) == ("user", "item")


def test_import_config_of_an_unknown_shape_writes_nothing(invoke, tmp_path) -> None:
    (tmp_path / "other.json").write_text('{"towers": []}')

    result = invoke("import-config", tmp_path / "other.json", "--output", tmp_path / "configs")

    assert result.exit_code == 2
    assert "user_embedding_layers" in result.stderr
    assert not (tmp_path / "configs").exists()


def test_generated_modules_go_to_stdout_or_to_a_file(invoke, tmp_path) -> None:
    shown = invoke("generate", "transform", demo.FEATURES)
    written = invoke("generate", "transform", demo.FEATURES, "-o", tmp_path / "transform.py")

    assert shown.exit_code == written.exit_code == 0
    assert written.stdout == ""
    assert (tmp_path / "transform.py").read_text() == shown.stdout
    assert "def preprocessing_fn(" in shown.stdout
    compile(shown.stdout, "transform.py", "exec")


def test_the_trainer_needs_configs_that_go_together(invoke, tmp_path) -> None:
    (tmp_path / "model.json").write_text('{"version": 1, "model_type": "ranking"}')

    good = invoke("generate", "trainer", demo.FEATURES, demo.MODEL)
    bad = invoke(
        *("generate", "trainer", demo.FEATURES, tmp_path / "model.json", "-o", tmp_path / "t.py")
    )

    assert good.exit_code == 0, good.stderr
    assert "def run_fn(" in good.stdout
    assert bad.exit_code == 2
    assert "$.interaction.label" in bad.stderr
    assert not (tmp_path / "t.py").exists()


def test_run_says_at_once_that_a_column_is_missing(invoke, table, tmp_path) -> None:
    result = invoke(
        *("run", "--data", table, "--features", demo.FEATURES, "--model", demo.MODEL),
        *("--output", tmp_path / "run"),
    )

    assert result.exit_code == 2
    assert "CustomerID" in result.stderr
    assert not (tmp_path / "run").exists()


def test_run_says_at_once_that_a_split_needs_times(invoke, tmp_path) -> None:
    features = json.loads(demo.FEATURES.read_text())
    del features["interaction"]["timestamp"]
    side = features["query"]
    side["features"] = [item for item in side["features"] if item["type"] == "categorical"]
    (tmp_path / "features.json").write_text(json.dumps(features))

    result = invoke(
        *("run", "--data", demo.DATA, "--features", tmp_path / "features.json"),
        *("--model", demo.MODEL, "--output", tmp_path / "run", "--split", "temporal"),
    )

    assert result.exit_code == 2
    assert "features.json: $.interaction.timestamp" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("customer", ["7", "0"])
def test_demo_refuses_an_unknown_customer(invoke, tmp_path, customer) -> None:
    result = invoke("demo", "--customer", customer, "--output", tmp_path / "run")

    assert result.exit_code == 2
    assert f"but got {customer}\n" in result.stderr
    assert not (tmp_path / "run").exists()
