"""Progress on stderr and the libraries' noise in a log."""

import io
import logging
import os
import pathlib
import subprocess
import sys
import warnings

import pytest
import rich.console

from tfx_retrieval.cli import failures, progress
from tfx_retrieval.errors import InputError, Problem


def shown(terminal: bool = False) -> tuple[progress.Progress, io.StringIO]:
    stream = io.StringIO()
    if terminal:
        console = rich.console.Console(file=stream, force_terminal=True, width=80)
    else:
        console = progress.console(stream)
    return progress.Progress(console), stream


def test_shows_components_and_their_findings_as_plain_lines() -> None:
    shower, stream = shown()
    logger = logging.getLogger("tfx_retrieval.interaction_example_gen")

    with shower:
        shower.started("InteractionExampleGen")
        logger.info("read %s rows", "541,909")
        logger.debug("not for people")
        shower.finished("InteractionExampleGen")
        shower.started("Transform")
        shower.finished("Transform", reused=True)
        shower.started("TwoTowerTrainer")
        shower.finished("TwoTowerTrainer", failed=True)
    logger.warning("after the end")

    assert stream.getvalue() == (
        "InteractionExampleGen\n"
        "  read 541,909 rows\n"
        "  done in 0.0 s\n"
        "Transform\n"
        "  reused from an earlier run\n"
        "TwoTowerTrainer\n"
        "  failed after 0.0 s\n"
    )


def test_plain_lines_are_neither_cut_nor_wrapped_nor_read_as_markup() -> None:
    shower, stream = shown()
    long = "[bold]left out :smile: " + "x" * 200

    with shower:
        logging.getLogger("tfx_retrieval.any").info(long)

    assert stream.getvalue() == f"  {long}\n"


def test_a_terminal_gets_wrapped_lines_and_a_spinner_with_the_elapsed_time() -> None:
    shower, stream = shown(terminal=True)

    with shower:
        shower.started("TwoTowerTrainer")
        logging.getLogger("tfx_retrieval.two_tower_trainer").info("words " * 30)
        shower.finished("TwoTowerTrainer")

    text = stream.getvalue()
    assert "TwoTowerTrainer  0.0 s" in text
    assert max(len(line) for line in text.splitlines() if "words" in line) <= 80 + len(
        "\x1b[2K" * 4
    )
    assert text.count("words") == 30


def test_a_step_that_raises_is_shown_as_failed() -> None:
    shower, stream = shown()

    with pytest.raises(KeyError), shower, shower.step("Loading"):
        raise KeyError("x")

    assert "failed after" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3900, "1 h 5 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert progress.format_seconds(seconds) == text


def test_a_failure_is_logged_with_its_traceback(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "run" / "run.log"

    with pytest.raises(failures.LoggedFailureError) as caught, progress.quiet_libraries(log):
        raise KeyError("column")

    assert caught.value.log == log
    assert "KeyError: 'column'" in log.read_text()


def test_a_temporary_log_stays_only_after_a_failure() -> None:
    with progress.temporary_log("compile") as log, progress.quiet_libraries(log):
        assert log.exists()
    assert not log.exists()

    with (
        pytest.raises(failures.LoggedFailureError),
        progress.temporary_log("compile") as log,
        progress.quiet_libraries(log),
    ):
        raise KeyError("column")
    assert "KeyError" in log.read_text()
    log.unlink()


def test_wrong_input_passes_through_unchanged(tmp_path: pathlib.Path) -> None:
    error = InputError(Problem("a", "b", "c"))

    with pytest.raises(InputError) as caught, progress.quiet_libraries(tmp_path / "run.log"):
        raise error

    assert caught.value is error


def test_a_log_that_cannot_be_written_is_wrong_input(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match="file"), progress.quiet_libraries(tmp_path / "file" / "l"):
        pytest.fail("entered")


def test_the_root_logger_and_warnings_are_put_back(tmp_path: pathlib.Path) -> None:
    before = (logging.root.level, list(logging.root.handlers), warnings.showwarning)

    with progress.quiet_libraries(tmp_path / "run.log"):
        assert logging.root.level == logging.INFO

    assert (logging.root.level, list(logging.root.handlers), warnings.showwarning) == before


NOISE = """
import logging, os, pathlib, subprocess, sys, warnings
from tfx_retrieval.cli import progress

with progress.quiet_libraries(pathlib.Path(sys.argv[1])) as terminal:
    print("noise from print")
    os.write(1, b"noise from C++ on stdout\\n")
    os.write(2, b"noise from C++ on stderr\\n")
    logging.getLogger("absl").info("noise from absl")
    logging.getLogger("tfx_retrieval.x").info("noise from us")
    warnings.warn("noise from a warning")
    subprocess.run([sys.executable, "-c", "print('noise from a child')"], check=True)
    terminal.console.print("for the person")
print("the result")
"""


def test_a_process_shows_only_what_is_meant_for_the_person(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "run.log"

    done = subprocess.run(
        [sys.executable, "-c", NOISE, str(log)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )

    assert done.stdout == "the result\n"
    assert done.stderr == "for the person\n"
    content = log.read_text()
    for source in ("print", "C++ on stdout", "C++ on stderr", "absl", "us", "a warning", "a child"):
        assert f"noise from {source}" in content
