"""What the wheel holds and needs."""

import email.message
import email.parser
import os
import pathlib
import shutil
import subprocess
import sys
import venv
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = ("components", "pipelines", "proto", "tfx_retrieval")
FILES = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "RELEASE.md")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The wheel, built from a copy of the sources with what this environment has."""
    copy = tmp_path_factory.mktemp("copy of sources")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    output = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", str(output), str(copy)),
        ],
        check=True,
    )
    (built,) = output.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: pathlib.Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def metadata(wheel: pathlib.Path) -> email.message.Message:
    archive = zipfile.ZipFile(wheel)
    (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return email.parser.Parser().parsestr(archive.read(path).decode())


def installed_name(path: pathlib.Path) -> str:
    """Returns where a source file stands in the wheel."""
    relative = path.relative_to(ROOT).as_posix()
    return relative if relative.startswith("tfx_retrieval/") else f"tfx_retrieval/{relative}"


def test_every_module_is_in_the_wheel(names: set[str]) -> None:
    sources = [
        path
        for folder in ("components", "pipelines", "tfx_retrieval")
        for path in (ROOT / folder).rglob("*.py")
    ]

    assert len(sources) > 50
    assert {installed_name(path) for path in sources} - names == set()


def test_every_data_file_is_in_the_wheel(names: set[str]) -> None:
    data = [
        *(ROOT / "components").rglob("*.jinja"),
        *(ROOT / "tfx_retrieval").rglob("*.json"),
        *(ROOT / "tfx_retrieval").rglob("*.parquet"),
        ROOT / "tfx_retrieval" / "py.typed",
        ROOT / "tfx_retrieval" / "demo" / "ATTRIBUTION.md",
    ]

    assert len(data) >= 7
    assert {installed_name(path) for path in data} - names == set()


def test_nothing_else_is_in_the_wheel(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"tfx_retrieval"}
    assert any(name.endswith(".dist-info/LICENSE") for name in names)


def test_requirements_agree_with_the_constraints(metadata: email.message.Message) -> None:
    pins = constraints()

    for line in metadata.get_all("Requires-Dist", []):
        from packaging.requirements import Requirement

        requirement = Requirement(line)
        pinned = pins[requirement.name.lower().replace("_", "-")]
        assert requirement.specifier.contains(pinned), line


def test_extras(metadata: email.message.Message) -> None:
    assert set(metadata.get_all("Provides-Extra", [])) >= {"kfp", "scann", "gcp", "dev"}
    assert 'scann==1.3.2; extra == "scann"' in [
        line.replace(" ;", ";") for line in metadata.get_all("Requires-Dist", [])
    ]


def test_this_environment_is_that_of_the_constraints() -> None:
    import importlib.metadata

    pins = constraints()
    for name in ("tfx", "tensorflow", "tensorflow-transform", "apache-beam", "scann", "kfp"):
        assert importlib.metadata.version(name) == pins[name]


@pytest.mark.slow
def test_an_installed_wheel_works_away_from_the_sources(
    wheel: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Installs into a clean environment that borrows only the dependencies of this one."""
    home = tmp_path / "clean"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True
    )
    borrowed = tmp_path / "borrowed"
    borrowed.mkdir()
    for entry in pathlib.Path(os.path.dirname(pytest.__file__)).parent.iterdir():
        if "tfx_retrieval" not in entry.name:
            (borrowed / entry.name).symlink_to(entry)
    environment = {**os.environ, "PYTHONPATH": str(borrowed), "PYTHONDONTWRITEBYTECODE": "1"}

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [home / "bin" / "tfx-retrieval", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = subprocess.run(
        [python, "-c", "from tfx_retrieval import demo; print(demo.FEATURES)"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=tmp_path,
    ).stdout.strip()
    assert where.startswith(str(home))
    folder = pathlib.Path(where).parent
    model = str(folder / "model.json")
    data = str(folder / "online_retail.parquet")
    assert "valid" in command("validate", where, model, "--data", data)
    assert "def preprocessing_fn" in command("generate", "transform", where)
    assert "def run_fn" in command("generate", "trainer", where, model)


def constraints() -> dict[str, str]:
    """Returns the pinned version of each package in constraints-lane-a.txt."""
    pins = {}
    for line in (ROOT / "constraints-lane-a.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[name.lower().replace("_", "-")] = version
    return pins
