"""Turns what a training function prints into log records."""

from __future__ import annotations

import io
import logging
import re

_EPOCH = re.compile(r"Epoch (\d+/\d+)")
# What Keras prints at the end of an epoch with verbose=2.
_KERAS_LINE = re.compile(r"\d+/\d+ - (\d+)s - (.+?)( - \d+m?s/epoch.*)?")


class LineLogger(io.TextIOBase):
    """A text stream that logs each line that is written to it.

    The two lines that Keras prints for an epoch become one.
    """

    def __init__(self, logger: logging.Logger):
        """Starts with an empty line.

        Args:
            logger: Gets each line that is not empty, at INFO.
        """
        self._logger = logger
        self._rest = ""
        self._epoch = ""

    def writable(self) -> bool:
        """Returns True."""
        return True

    def write(self, text: str) -> int:
        """Logs the lines that `text` completes and keeps the rest.

        Args:
            text: What was printed.

        Returns:
            The length of `text`.
        """
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._log(line.strip())
        return len(text)

    def close(self) -> None:
        """Logs a last line that no line break ends."""
        self._log(self._rest.strip())
        self._rest = ""
        super().close()

    def _log(self, line: str) -> None:
        epoch = _EPOCH.fullmatch(line)
        keras = _KERAS_LINE.fullmatch(line)
        if epoch:
            self._epoch = epoch[1]
        elif keras:
            metrics = keras[2].replace(" - ", ", ").replace(":", "")
            self._logger.info("epoch %s: %s, %s s", self._epoch or "1/1", metrics, keras[1])
        elif line:
            self._logger.info("%s", line)
