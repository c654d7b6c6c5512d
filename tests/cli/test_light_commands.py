"""Commands that need no TensorFlow do not import it, nor anything else that takes seconds."""

import json
import pathlib
import subprocess
import sys

import pytest

from tfx_retrieval import demo

HEAVY = ("tensorflow", "tfx", "apache_beam", "pandas", "scann", "google.api_core", "IPython")

DRIVER = """
import sys
from tfx_retrieval.cli.main import main
try:
    main()
except SystemExit as end:
    if end.code:
        raise
print([name for name in {heavy!r} if sys.modules.get(name)], file=sys.stderr)
"""


def heavy_modules(*arguments: object) -> list[str]:
    """Runs the command in a fresh process and returns which heavy modules it imported."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER.format(heavy=HEAVY), *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stderr.splitlines()[-1].replace("'", '"'))


@pytest.fixture
def table(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "table.csv"
    rows = [f"u{row % 5},i{row % 7},{row}.5,2024-01-{row % 28 + 1:02}" for row in range(60)]
    path.write_text("\n".join(["user_id,item_id,price,timestamp", *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["validate", demo.FEATURES, demo.MODEL],
        ["generate", "transform", demo.FEATURES],
        ["generate", "trainer", demo.FEATURES, demo.MODEL],
    ],
    ids=lambda arguments: " ".join(getattr(part, "name", part) for part in arguments),
)
def test_commands_about_configs(arguments: list[object]) -> None:
    assert heavy_modules(*arguments) == []


def test_validate_with_data() -> None:
    arguments = ("validate", demo.FEATURES, demo.MODEL, "--data", demo.DATA)

    assert heavy_modules(*arguments) == []


def test_init(table: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert heavy_modules("init", table, "--output", tmp_path / "configs") == []


def test_import_config(tmp_path: pathlib.Path) -> None:
    layers = {"user_id": {"type": "string", "embedding_size": 8}}
    items = {"item_id": {"type": "string", "embedding_size": 8}}
    source = tmp_path / "layers.json"
    source.write_text(json.dumps({"user_embedding_layers": layers, "item_embedding_layers": items}))

    assert heavy_modules("import-config", source, "--output", tmp_path / "configs") == []


@pytest.mark.parametrize("command", [["timings"], ["graph", "-o", "{folder}/graph.svg"]])
def test_commands_about_a_run(metadata, command: list[str]) -> None:
    metadata.execution("Transform", {}, {"transform_graph": ["/graph"]})
    arguments = [part.format(folder=metadata.folder) for part in command]

    assert heavy_modules(*arguments, "--run", metadata.folder) == []


def test_the_package_alone() -> None:
    code = f"import sys, tfx_retrieval; print([n for n in {HEAVY!r} if n in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
