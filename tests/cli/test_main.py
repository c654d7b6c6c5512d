"""The contract of the command: exit codes and messages."""

import pathlib

import click
import pytest
from click.testing import CliRunner

import tfx_retrieval
from tfx_retrieval.cli import main
from tfx_retrieval.errors import InputError, Problem

WRONG = InputError([Problem("a.json: $.x", "1", "2", "Mend it."), Problem("b.json", "3", "4")])


def group(error: BaseException | None) -> click.Group:
    @click.group(cls=main.ContractGroup)
    def made() -> None:
        pass

    @made.command()
    def work() -> None:
        click.echo("working")
        if error is not None:
            raise error

    return made


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (None, 0, ""),
        (WRONG, 2, "error: a.json: $.x\n  expected 2, but got 1\n  Mend it.\nerror: b.json\n"),
        (click.FileError("data.csv", "gone"), 2, "Error: Could not open file 'data.csv': gone"),
        (click.BadParameter("no"), 2, "Error: Invalid value: no"),
        (KeyError("column"), 1, "error: KeyError: 'column'\nfull log: /"),
        (KeyboardInterrupt(), 1, "interrupted"),
    ],
)
def test_exit_codes(error: BaseException | None, code: int, message: str) -> None:
    result = CliRunner(mix_stderr=False).invoke(group(error), ["work"])

    assert result.exit_code == code
    assert result.stdout == "working\n"
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_help_and_version(invoke) -> None:
    assert invoke("--help").exit_code == 0
    version = invoke("--version")
    assert (version.exit_code, version.stdout) == (
        0,
        f"tfx-retrieval, version {tfx_retrieval.__version__}\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["trian"],
        ["run", "--epochs", "0"],
        ["view", "cooked"],
        *(["run", "--learning-rate", value] for value in ("nan", "inf", "0")),
    ],
)
def test_a_wrong_command_line_is_wrong_input(invoke, arguments: list[str]) -> None:
    result = invoke(*arguments)

    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert result.stdout == ""


def commands() -> list[list[str]]:
    found = []
    for name, command in main.cli.commands.items():
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, inner] for inner in command.commands]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_explains_itself_in_80_columns(invoke, command: list[str]) -> None:
    result = invoke(*command, "--help")

    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "..." not in main.cli.commands[command[0]].get_short_help_str(60)


def test_the_promised_commands_are_there() -> None:
    assert set(main.cli.commands) >= {
        *("init", "validate", "import-config", "generate", "run", "quick-test", "recommend"),
        *("evaluate", "view", "graph", "timings", "compile", "submit", "serve"),
        "export-embeddings",
    }


def test_a_missing_config_names_the_file_and_all_other_problems(
    invoke, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "model.json").write_text('{"version": 1, "epochs": 0, "learning_rat": 1}')

    result = invoke("validate", tmp_path / "features.json", tmp_path / "model.json")

    assert result.exit_code == 2
    assert "features.json" in result.stderr
    assert "epochs" in result.stderr
    assert "learning_rate" in result.stderr
    assert "3 problems" in result.stderr
