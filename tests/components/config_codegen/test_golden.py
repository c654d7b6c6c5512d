"""Generated modules, byte for byte, and as clean as written ones."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

from tfx_retrieval import demo
from tfx_retrieval.components.config_codegen import (
    generate_trainer_module,
    generate_transform_module,
    templates,
)
from tfx_retrieval.config import check_pair, read_feature_config, read_model_config

_GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "modules"
_DEMO = pathlib.Path(demo.__file__).parent
_CASES = {path.parent.name: path.parent for path in sorted(_GOLDEN.glob("*/features.json"))}
_CASES["online_retail"] = _DEMO
_TEMPLATES = sorted(pathlib.Path(templates.__file__).parent.glob("*.jinja"))
_FILES = ("transform_module.py", "trainer_module.py")


def _generated(case):
    features = read_feature_config(_CASES[case] / "features.json")
    model = read_model_config(_CASES[case] / "model.json")
    check_pair(features, model)
    return generate_transform_module(features), generate_trainer_module(features, model)


@pytest.mark.parametrize("case", _CASES)
def test_generated_modules_equal_the_golden_ones(case, update_golden):
    for file, source in zip(_FILES, _generated(case), strict=True):
        path = _GOLDEN / case / file
        if update_golden:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(source.encode())
        assert path.read_bytes() == source.encode(), (
            f"{path} is out of step with the generator; if the change is wanted, run "
            f"pytest {pathlib.Path(__file__).name} --update-golden and read the difference"
        )


def test_no_golden_directory_without_a_case():
    assert {path.name for path in _GOLDEN.iterdir()} == set(_CASES)


def _golden_sources():
    return {path: path.read_text() for path in sorted(_GOLDEN.glob("*/*_module.py"))}


def test_golden_modules_compile():
    for path, source in _golden_sources().items():
        compile(source, str(path), "exec")


@pytest.mark.parametrize(
    "command",
    [
        ["check", "--isolated", "--select", "E,F,W,I,B,UP", "--line-length", "88"],
        ["format", "--isolated", "--check", "--diff"],
    ],
    ids=["check", "format"],
)
def test_golden_modules_are_clean(command):
    files = [str(path) for path in _golden_sources()]
    found = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--target-version", "py310", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]


@pytest.mark.parametrize("template", [path.name for path in _TEMPLATES])
def test_every_line_of_a_template_is_in_some_golden_module(template):
    """No branch of a template is left without a golden module."""
    lines = {line for source in _golden_sources().values() for line in source.splitlines()}
    text = (_TEMPLATES[0].parent / template).read_text()
    fixed = [line for line in text.splitlines() if not re.search(r"\{[{%]", line)]
    assert [line for line in fixed if line not in lines] == []


def _definitions(body):
    """Functions, classes and methods, without functions inside functions."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node.body)


def test_every_function_of_golden_modules_has_a_docstring():
    for path, source in _golden_sources().items():
        tree = ast.parse(source)
        assert ast.get_docstring(tree), path
        bare = [node.name for node in _definitions(tree.body) if not ast.get_docstring(node)]
        assert not bare, (path, bare)


def test_nothing_in_golden_modules_is_unused():
    """Each function, class and constant of a module is used in it or called by TFX."""
    called_by_tfx = {"preprocessing_fn", "run_fn", "tuner_fn"}
    for path, source in _golden_sources().items():
        tree = ast.parse(source)
        defined = {
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        defined |= {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        used = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        assert defined - used - called_by_tfx == set(), path
