"""Writing files whole or not at all."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Mapping

from tfx_retrieval.errors import InputError, Problem


def write_files(contents: Mapping[pathlib.Path, str], *, overwrite: bool) -> list[pathlib.Path]:
    """Writes text files, all of them or none.

    Args:
        contents: Text by path. Folders that are missing are made.
        overwrite: Whether a file with other content may be replaced.

    Returns:
        The files that were written; those that had the wanted content already are left alone.

    Raises:
        InputError: If `overwrite` is false and files with other content are in the way, or if a
            path cannot be written.
    """
    waiting = {path: text for path, text in contents.items() if not _holds(path, text)}
    problems = [
        Problem(
            str(path),
            "a folder" if path.is_dir() else "a file with other content",
            "a free name",
            "Choose another name." if path.is_dir() else "Pass --force to replace it.",
        )
        for path in waiting
        if path.is_dir() or (path.exists() and not overwrite)
    ]
    if problems:
        raise InputError(problems)
    temporary: dict[pathlib.Path, pathlib.Path] = {}
    try:
        for path, text in waiting.items():
            temporary[path] = _write_beside(path, text)
        for path, written in temporary.items():
            os.replace(written, path)
    finally:
        for written in temporary.values():
            written.unlink(missing_ok=True)
    return list(waiting)


def write_file(path: pathlib.Path, text: str) -> None:
    """Writes one text file whole or not at all, replacing what is there.

    Args:
        path: The file. Folders that are missing are made.
        text: Its new content.

    Raises:
        InputError: If the path cannot be written.
    """
    write_files({path: text}, overwrite=True)


def unwritable(path: pathlib.Path, error: OSError, expected: str) -> Problem:
    """Returns the problem of a place that cannot be written.

    Args:
        path: What was to be written.
        error: What the system said.
        expected: What should be there.
    """
    for parent in (path, *path.parents):
        if parent.is_file():
            return Problem(
                str(path), f"{parent}, which is a file", expected, "Choose another name."
            )
    return Problem(str(path), error.strerror or str(error), expected)


def make_folder(path: pathlib.Path) -> None:
    """Makes a folder with all above it, unless it is there.

    Raises:
        InputError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(unwritable(path, error, "a folder, or a place for one")) from error


def _holds(path: pathlib.Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode("utf-8")


def _write_beside(path: pathlib.Path, text: str) -> pathlib.Path:
    """Writes a temporary file in the folder of `path`, so that renaming it is one step."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InputError(unwritable(path, error, "a place that can be written")) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        # mkstemp makes files for the owner alone.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
    except OSError as error:
        os.unlink(name)
        # A full disk has no name of its own.
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        os.unlink(name)
        raise
    return pathlib.Path(name)
