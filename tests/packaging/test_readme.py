"""What README.md shows is true of the code."""

import ast
import pathlib
import re
import shlex

import click
import pytest

import tfx_retrieval
from tfx_retrieval import config
from tfx_retrieval.cli.main import cli

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return [
        re.sub(r"^   ", "", block, flags=re.MULTILINE)
        for block in re.findall(rf"^ *```{language}\n(.*?)^ *```", README, re.DOTALL | re.MULTILINE)
    ]


def test_the_configs_are_valid() -> None:
    shown = blocks("json")

    assert shown
    for text in shown:
        config.parse_feature_config(text, "README.md")


def test_the_python_code_uses_names_that_exist() -> None:
    shown = blocks("python")

    assert shown
    for text in shown:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "tfx_retrieval":
                assert node.attr in tfx_retrieval.__all__


def command_lines() -> list[list[str]]:
    text = "\n".join(blocks("console")).replace("\\\n", " ")
    lines = [line.removeprefix("$ ").strip() for line in text.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("tfx-retrieval ")]


@pytest.mark.parametrize("arguments", command_lines(), ids=" ".join)
def test_commands_are_understood(arguments: list[str]) -> None:
    name, *rest = arguments
    command = cli.commands[name]

    context = click.Context(command)
    command.parse_args(context, rest)


def test_every_command_is_in_the_table() -> None:
    for name in cli.commands:
        assert f"`{name}" in README, name


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()

    for target in re.findall(r"`make ([a-z-]+)`", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
