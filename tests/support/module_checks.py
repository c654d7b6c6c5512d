"""What holds for every generated module, looked up in the syntax trees of its definitions."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterator

from tfx_retrieval.config.features import (
    cross_output,
    crosses,
    features,
    output_names,
    pass_through_outputs,
)
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig

_IMPORTS = {
    *("json", "math", "os", "random", "tempfile", "typing", "numpy"),
    *("tensorflow", "tensorflow_recommenders", "tensorflow_transform"),
}
_DANGEROUS = {"eval", "exec", "compile", "open", "__import__", "globals", "getattr", "setattr"}


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a module between blank lines: its imports and constants, or a definition.

    Attributes:
        names: Names of the functions and classes in it.
        texts: Its string constants.
    """

    names: tuple[str, ...]
    texts: frozenset[str]


def definitions(source: str) -> list[str]:
    """Returns the source of each function and class of a module, its imports first."""
    return source.split("\n\n\n")


def check_source(source: str) -> list[Part]:
    """Asserts that a module is Python, imports what it may and holds no name out of a config.

    Most definitions of two modules are the same, so each is looked at once.
    """
    return [check_definition(definition) for definition in definitions(source)]


@functools.cache
def check_definition(source: str) -> Part:
    """Asserts the same of a part of a module and returns what is in it."""
    tree = ast.parse(source)
    compile(tree, "part", "exec")
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= _IMPORTS
        assert not isinstance(node, ast.ImportFrom)
        if isinstance(node, ast.Name):
            assert node.id not in _DANGEROUS
        for name in _names(node):
            # An f-string's or a call's `name` is an identifier; modules are dotted.
            assert name.replace(".", "_").isidentifier()
            assert name.isascii()
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return Part(
        tuple(node.name for node in tree.body if hasattr(node, "name")),
        frozenset(value for value in constants if isinstance(value, str)),
    )


def _names(node: ast.AST) -> Iterator[str]:
    for field in ("id", "attr", "arg", "name", "asname"):
        name = getattr(node, field, None)
        if isinstance(name, str):
            yield name


def preprocessing_fn(source: str) -> str:
    """Returns the source of a module's `preprocessing_fn`."""
    (found,) = (text for text in definitions(source) if text.startswith("def preprocessing_fn("))
    return found


def check_transform(source: str, config: FeatureConfig) -> None:
    """Asserts `check_source` and that the outputs are those that the docs list.

    No variable hides another name.
    """
    parts = check_source(source)
    outputs, stored = set(), []
    for node in ast.walk(ast.parse(preprocessing_fn(source))):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            assert isinstance(node.value, ast.Name)
            assert node.value.id == "outputs"
            assert isinstance(node.slice, ast.Constant)
            outputs.add(node.slice.value)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_cycle":
            assert isinstance(node.args[0], ast.Constant)
            outputs |= {f"{node.args[0].value}_sin", f"{node.args[0].value}_cos"}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            stored.append(node.id)
    expected = {name for _, _, feature in features(config) for name in output_names(feature)}
    expected |= {cross_output(cross) for _, _, cross in crosses(config)}
    # The loss needs an index of the candidate id even if no tower reads it.
    assert outputs == expected | {*pass_through_outputs(config), config.candidate.id}
    module_names = {name for part in parts for name in part.names}
    assert not set(stored) & {"inputs", "tf", "tft", "math", *module_names}
    assert stored.count("outputs") == 1
    again = {name for name in stored if stored.count(name) > 1}
    assert all(name.endswith("_scaled") for name in again)
