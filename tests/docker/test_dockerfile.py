"""The Dockerfile: consistent with the project, and its steps give an environment that works."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"


def instructions():
    """Returns (instruction, rest) pairs, continued lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in text.splitlines() if line]


def stages():
    found = []
    for name, rest in instructions():
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


def every(name, stage=None):
    return [rest for key, rest in (stage or instructions()) if key == name]


def pins():
    lines = (ROOT / "constraints-lane-a.txt").read_text().splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if "==" in line)


def install_step():
    (step,) = [step for step in every("RUN") if "uv pip install" in step]
    return step


def test_versions_are_those_of_the_constraints():
    (harness,) = re.findall(r"apache/beam_python3\.10_sdk:(\S+)", DOCKERFILE.read_text())
    assert harness == pins()["apache-beam"]
    # Both stages must have one Python, for packages are copied from one to the other.
    assert {image.split(" ")[0] for image in every("FROM")} == {"python:3.10-slim-bookworm"}
    assert "uv" in pins()


def test_copies_only_what_the_ignore_file_lets_through():
    ignore = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignore[0] == "*"
    copied = {rest.rsplit(" ", 1)[0] for rest in every("COPY") if not rest.startswith("--from")}
    assert copied == {line.removeprefix("!") for line in ignore[1:]}
    assert (ROOT / "constraints-lane-a.txt").is_file()


def test_extras_exist():
    (extras,) = re.findall(r"\.whl\)\[([a-z,]+)\]", install_step())
    setup = (ROOT / "setup.py").read_text()
    for extra in extras.split(","):
        assert f'"{extra}": [' in setup


def test_the_last_stage_runs_as_nobody_special_with_keras_2_and_the_beam_harness():
    last = stages()[-1]
    names = [name for name, _ in last]
    assert every("USER", last) == ["runner"]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert any("useradd" in step and "runner" in step for step in every("RUN", last))
    environment = dict(item.split("=") for item in shlex.split(every("ENV", last)[0]))
    assert environment["TF_USE_LEGACY_KERAS"] == "1"
    assert environment["RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT"] == "1"
    # An entry point in shell form would keep Dataflow's arguments from the harness.
    assert json.loads(every("ENTRYPOINT", last)[0]) == ["/opt/apache/beam/boot"]
    assert not every("CMD", last)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """An environment made by the Dockerfile's own install and check steps, in place of an image."""
    folder = tmp_path_factory.mktemp("image")
    sources = folder / "sources"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("components", "pipelines", "tfx_retrieval"):
        shutil.copytree(ROOT / name, sources / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources / name)
    build = folder / "build"
    build.mkdir()
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(build), str(sources)], check=True)
    shutil.copy(ROOT / "constraints-lane-a.txt", build)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "python")], check=True)
    python = folder / "python" / "bin" / "python"

    uv = shutil.which("uv", path=os.path.dirname(sys.executable)) or shutil.which("uv")
    assert uv is not None, "uv is one of the pinned packages of the development environment"
    step = install_step()
    # What the cache and bytecode cost or save is of no concern here.
    for text, replacement in (
        ("/opt/uv/bin/uv", uv),
        ("/usr/local/bin/python", str(python)),
        (" --no-cache --compile-bytecode", " --quiet"),
    ):
        assert text in step
        step = step.replace(text, replacement)
    subprocess.run(["sh", "-euc", step], cwd=build, check=True)
    last = stages()[-1]
    settings = dict(item.split("=") for item in shlex.split(every("ENV", last)[0]))
    environment = {
        **{name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ},
        **settings,
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    home = folder / "home"
    home.mkdir()
    (check,) = [step for step in every("RUN", last) if step.startswith("python -c")]
    subprocess.run(["sh", "-euc", check], cwd=home, env=environment, check=True)
    return python, environment, home


def run_in(image, *arguments):
    python, environment, home = image
    return subprocess.run(
        [str(python), *arguments],
        cwd=home,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_every_entry_point_is_there(image):
    modules = (
        "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
        "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver",
        # What a custom job's machines run, and what Beam's harness starts.
        "tfx.scripts.run_executor",
        "apache_beam.runners.worker.sdk_worker_main",
    )
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name).main"
    done = run_in(image, "-c", code, *modules)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_wheel_compiles_checks_and_runs_a_pipeline(image):
    code = """
    from tfx.orchestration import pipeline
    from tfx_retrieval import ConfigCodegen
    from tfx_retrieval.pipelines.vertex import compile, offline

    side = '{"id": "%s", "features": [{"column": "%s", "type": "categorical"}]}'
    features = '{"query": %s, "candidate": %s}' % (side % ("u", "u"), side % ("i", "i"))

    def make():
        component = ConfigCodegen(features, "{}")
        return pipeline.Pipeline("p", "gs://some-bucket/root", components=[component])

    name = "europe-docker.pkg.dev/some-project/r/i:1"
    path = compile.compile_pipeline(make, "job.json", name).path
    result = offline.run_offline(path, "root")
    print(result.artifacts["ConfigCodegen", "trainer_module"].title)
    """
    done = run_in(image, "-c", textwrap.dedent(code))
    assert done.stdout.splitlines()[-1:] == ["tfx_retrieval.ModuleFile"], done.stderr
    assert run_in(image, "-c", "import tfx_retrieval as t; print(t.__file__)").stdout.startswith(
        str(image[0].parent.parent)
    )
