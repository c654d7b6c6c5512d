"""What a person reads when a command does not succeed."""

import pathlib

from tfx_retrieval.cli import failures
from tfx_retrieval.errors import InputError, Problem

WRONG = InputError(Problem("data.csv: column 'price'", "'cheap'", "a number", "Mend the file."))


def wrapped(inner: BaseException, *, how: str) -> BaseException:
    try:
        try:
            raise inner
        except type(inner) as error:
            if how == "cause":
                raise RuntimeError("the runner failed") from error
            raise RuntimeError("the runner failed")  # noqa: B904
    except RuntimeError as error:
        return error


def test_finds_the_input_error_itself_and_behind_a_runner() -> None:
    assert failures.input_error(WRONG) is WRONG
    assert failures.input_error(wrapped(WRONG, how="cause")) is WRONG
    assert failures.input_error(wrapped(WRONG, how="context")) is WRONG


def test_other_errors_are_not_the_inputs_fault() -> None:
    assert failures.input_error(wrapped(KeyError("x"), how="cause")) is None
    assert failures.input_error(None) is None


def test_describes_every_problem() -> None:
    error = InputError([*WRONG.problems, Problem("model.json: $.epochs", "0", "at least 1")])

    text = failures.describe_input_error(error)

    assert text == (
        "error: data.csv: column 'price'\n"
        "  expected a number, but got 'cheap'\n"
        "  Mend the file.\n"
        "error: model.json: $.epochs\n"
        "  expected at least 1, but got 0\n"
        "2 problems"
    )


def test_a_terminal_gets_lines_that_fit_and_paths_in_one_piece() -> None:
    path = "/a/long/path-of/" + "x" * 90
    problem = Problem(f"{path}: $.epochs", "0 " * 40, "at least 1", "Mend it. " * 12)

    lines = failures.describe_input_error(InputError([problem]), 60).splitlines()

    assert any(path in line for line in lines)
    assert all(len(line) <= 60 for line in lines if path not in line)
    assert " ".join("\n".join(lines).split()) == " ".join(
        failures.describe_input_error(InputError([problem])).split()
    )


def test_a_failure_is_one_line_and_the_log_has_the_traceback() -> None:
    error = wrapped(ValueError("first line\nsecond line"), how="cause").__cause__
    assert error is not None

    summary, log = failures.describe_failure(error).splitlines()

    assert summary == "error: ValueError: first line"
    path = pathlib.Path(log.removeprefix("full log: "))
    content = path.read_text()
    path.unlink()
    assert "Traceback" in content
    assert "second line" in content


def test_a_logged_failure_names_its_log(tmp_path: pathlib.Path) -> None:
    failure = failures.LoggedFailureError(KeyError("column"), tmp_path / "run.log")

    assert failures.describe_failure(failure) == (
        f"error: KeyError: 'column'\nfull log: {tmp_path}/run.log"
    )


def test_a_very_long_message_is_cut() -> None:
    failure = failures.LoggedFailureError(ValueError("x" * 10_000), pathlib.Path("run.log"))

    assert len(failures.describe_failure(failure).splitlines()[0]) < 450
