"""Turns what a function prints into log records."""

from __future__ import annotations

import io
import logging


class LineLogger(io.TextIOBase):
    """A text stream that logs each line that is written to it."""

    def __init__(self, logger: logging.Logger):
        """Starts with an empty line.

        Args:
            logger: Gets each line that is not empty, at INFO.
        """
        self._logger = logger
        self._rest = ""

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
            if line.strip():
                self._logger.info("%s", line.strip())
        return len(text)
