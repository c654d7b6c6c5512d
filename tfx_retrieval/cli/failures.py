"""What a person reads when a command does not succeed."""

from __future__ import annotations

import pathlib
import tempfile
import textwrap
import traceback

from tfx_retrieval.errors import InputError

_LINE_LIMIT = 400


class LoggedFailureError(Exception):
    """A failure whose traceback is in a log already.

    Attributes:
        error: What went wrong.
        log: The log.
    """

    def __init__(self, error: BaseException, log: pathlib.Path):
        """Wraps `error`, which stands in `log`."""
        super().__init__(str(error))
        self.error = error
        self.log = log


def input_error(error: BaseException | None) -> InputError | None:
    """Finds the InputError behind `error`: itself, its cause or its context.

    A runner may wrap what an executor raised.

    Args:
        error: What a command raised.

    Returns:
        The InputError, or None if the input is not to blame.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, InputError):
            return error
        seen.add(id(error))
        if isinstance(error, LoggedFailureError):
            error = error.error
        else:
            error = error.__cause__ or error.__context__
    return None


def describe_input_error(error: InputError, width: int | None = None) -> str:
    """Returns all problems of `error`, one block each, and their number if there are several.

    Args:
        error: The error.
        width: Columns of the terminal, to break longer lines between words; None: do not.
    """
    count = len(error.problems)
    blocks = "\n".join(f"error: {problem}" for problem in error.problems)
    text = blocks if count == 1 else f"{blocks}\n{count} problems"
    if width is None:
        return text
    return "\n".join(_wrapped(line, width) for line in text.splitlines())


def _wrapped(line: str, width: int) -> str:
    """Returns a line broken between words; what has no space stays whole, to be copied."""
    indent = "    " if line.startswith("  ") else "  "
    return textwrap.fill(
        line,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )


def describe_failure(error: BaseException) -> str:
    """Returns one line about `error` and one about the log that holds the rest.

    Args:
        error: The failure. Unless it is a LoggedFailureError, its traceback is written to a new
            file in the folder for temporary files.
    """
    if isinstance(error, LoggedFailureError):
        return f"error: {_summary(error.error)}\nfull log: {error.log}"
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="tfx-retrieval-", suffix=".log", delete=False
    ) as log:
        log.writelines(traceback.format_exception(error))
    return f"error: {_summary(error)}\nfull log: {log.name}"


def _summary(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= _LINE_LIMIT else f"{text[: _LINE_LIMIT - 1]}…"
