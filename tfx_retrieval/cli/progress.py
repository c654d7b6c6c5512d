"""Progress on stderr, and the libraries' own output in a log instead of on the terminal.

`quiet_libraries` sends everything that TensorFlow, TFX, Beam and their C++ parts write to stdout
and stderr into a log, and gives the command a `Terminal` that still reaches the person. `Progress`
shows on it which component runs, for how long, and what the components say through the logger
`tfx_retrieval`.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime
import logging
import os
import pathlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import TextIO

import rich.console
import rich.live
import rich.padding
import rich.spinner
import rich.text

from tfx_retrieval.cli import failures, files
from tfx_retrieval.errors import InputError

_PACKAGE_LOGGER = logging.getLogger("tfx_retrieval")


class Terminal:
    """What the person sees while the libraries' output goes to a log.

    Attributes:
        console: Writes to stderr; progress and messages.
        log: The log.
    """

    def __init__(self, console: rich.console.Console, log: pathlib.Path):
        """Shows on `console`; `log` is only named."""
        self.console = console
        self.log = log


def console(stream: TextIO) -> rich.console.Console:
    """Returns a console on `stream`; lines are not cut or wrapped unless it is a terminal."""
    return rich.console.Console(
        file=stream,
        highlight=False,
        emoji=False,
        markup=False,
        soft_wrap=not stream.isatty(),
    )


def format_seconds(seconds: float) -> str:
    """Returns a duration as people say it: `0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Progress(logging.Handler):
    """Shows components and their findings.

    Use as a context manager. On a terminal a last line shows the running component and its elapsed
    time; elsewhere only whole lines are written, as they become known.
    """

    def __init__(self, terminal_console: rich.console.Console):
        """Shows on `terminal_console`."""
        super().__init__(logging.INFO)
        self._console = terminal_console
        self._live: rich.live.Live | None = None
        self._component = ""
        self._started = 0.0
        self._guard = threading.RLock()
        self._level = logging.NOTSET

    def __enter__(self) -> Progress:
        """Starts to show the records of the logger `tfx_retrieval`."""
        self._level = _PACKAGE_LOGGER.level
        _PACKAGE_LOGGER.setLevel(logging.INFO)
        _PACKAGE_LOGGER.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Stops showing."""
        _PACKAGE_LOGGER.removeHandler(self)
        _PACKAGE_LOGGER.setLevel(self._level)
        self._stop_spinner()

    def started(self, component: str) -> None:
        """Says that `component` begins."""
        with self._guard:
            self._stop_spinner()
            self._component = component
            self._started = time.monotonic()
            self._console.print(rich.text.Text(component, style="bold"))
            self._start_spinner()

    def finished(self, component: str, *, reused: bool = False, failed: bool = False) -> None:
        """Says that `component` ended.

        Args:
            component: The component's id.
            reused: Whether an earlier run's outputs stood in for a run of it.
            failed: Whether it raised an error.
        """
        with self._guard:
            self._stop_spinner()
            elapsed = format_seconds(time.monotonic() - self._started)
            word = "failed after" if failed else "done in"
            text = "reused from an earlier run" if reused else f"{word} {elapsed}"
            self._indented(rich.text.Text(text, style="red" if failed else "dim"))
            self._component = ""

    def on_progress(self, component: str, event: str) -> None:
        """Shows what `tfx_retrieval.pipelines.local.run` says of a component.

        Args:
            component: The component's id.
            event: `started`, `finished`, `reused` or `failed`.
        """
        if event == "started":
            self.started(component)
        else:
            self.finished(component, reused=event == "reused", failed=event == "failed")

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record of the package's logger under the component that runs."""
        try:
            style = "yellow" if record.levelno >= logging.WARNING else ""
            with self._guard:
                self._indented(rich.text.Text(record.getMessage(), style=style))
        except Exception:
            self.handleError(record)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Shows a piece of work that is no component, for example loading a model."""
        self.started(name)
        try:
            yield
        except BaseException:
            self.finished(name, failed=True)
            raise
        self.finished(name)

    def __rich__(self) -> rich.spinner.Spinner:
        """Returns the last line of a terminal; called again for each picture of the spinner."""
        elapsed = format_seconds(time.monotonic() - self._started)
        self._spinner.update(text=f"{self._component}  {elapsed}")
        return self._spinner

    def _indented(self, text: rich.text.Text) -> None:
        if self._console.soft_wrap:
            self._console.print(rich.text.Text("  ").append_text(text))
        else:
            self._console.print(rich.padding.Padding(text, (0, 0, 0, 2)))

    def _start_spinner(self) -> None:
        if not self._console.is_terminal:
            return
        self._spinner = rich.spinner.Spinner("dots")
        self._live = rich.live.Live(
            self,
            console=self._console,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _stop_spinner(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


@contextlib.contextmanager
def quiet_libraries(log: pathlib.Path) -> Iterator[Terminal]:
    """Sends all output of the libraries to a log for the length of a block.

    Python's logging, warnings and prints, what C++ code writes to the descriptors 1 and 2, and the
    output of child processes all end up in `log`, which is appended to. To be called before
    TensorFlow is imported, which reads its log level then.

    Args:
        log: The log.

    Yields:
        The terminal that the person still sees.

    Raises:
        InputError: If `log` cannot be written.
        failures.LoggedFailureError: In place of any other error, whose traceback is then in `log`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    stream = _open_log(log)
    with _duplicate(sys.stderr) as stderr, _logging_to(stream), _descriptors_to(stream):
        try:
            yield Terminal(console(stderr), log)
        except Exception as error:
            if failures.input_error(error) is not None:
                raise
            logging.getLogger(__name__).exception("the command failed")
            raise failures.LoggedFailureError(error, log) from error


@contextlib.contextmanager
def temporary_log(command: str) -> Iterator[pathlib.Path]:
    """Yields a new log for a command without a run folder; it stays only if the block fails."""
    descriptor, name = tempfile.mkstemp(prefix=f"tfx-retrieval-{command}-", suffix=".log")
    os.close(descriptor)
    log = pathlib.Path(name)
    try:
        yield log
    except failures.LoggedFailureError:
        raise
    except BaseException:
        log.unlink()
        raise
    log.unlink()


def _open_log(log: pathlib.Path) -> TextIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError as error:
        raise InputError(files.unwritable(log, error, "a place that can be written")) from error
    # Open until the end: a library may have made a handler of it that writes as long.
    atexit.register(stream.close)
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    stream.write(f"==== {now}\n")
    return stream


@contextlib.contextmanager
def _duplicate(stream: TextIO) -> Iterator[TextIO]:
    """Yields a stream to where `stream` goes now, whatever becomes of its descriptor."""
    if _descriptor(stream) is None:
        yield stream
        return
    stream.flush()
    with os.fdopen(
        os.dup(stream.fileno()),
        "w",
        encoding=stream.encoding,
        errors=stream.errors,
        buffering=1,
    ) as duplicate:
        yield duplicate


def _descriptor(stream: TextIO) -> int | None:
    """Returns the descriptor of `stream`, or None if it is only an object, as in tests."""
    try:
        return stream.fileno()
    except (OSError, AttributeError):
        return None


@contextlib.contextmanager
def _descriptors_to(stream: TextIO) -> Iterator[None]:
    """Lets stdout and stderr, of Python and of the process, end in `stream`."""
    python_streams = (sys.stdout, sys.stderr)
    saved = (os.dup(1), os.dup(2))
    for python_stream in python_streams:
        python_stream.flush()
    os.dup2(stream.fileno(), 1)
    os.dup2(stream.fileno(), 2)
    if _descriptor(sys.stdout) != 1:
        sys.stdout = stream
    if _descriptor(sys.stderr) != 2:
        sys.stderr = stream
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = python_streams
        for descriptor, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)


@contextlib.contextmanager
def _logging_to(stream: TextIO) -> Iterator[None]:
    """Lets Python's logging from INFO on and its warnings end in `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        root.setLevel(level)
