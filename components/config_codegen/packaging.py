"""Writes a Python module as a file and as a wheel, and finds them again.

The wheel lets a module made while a pipeline runs reach processes that never see its directory:
Beam workers get it as an extra package, training jobs install it. It is written by hand, since
building it with setuptools takes seconds and stamps the time into the archive; the same source
always gives the same bytes here, so that a pipeline's cache keys stay stable.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import dataclasses
import hashlib
import io
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator

from tfx.dsl.io import fileio

from tfx_retrieval.errors import InputError, Problem

_NAME = re.compile(r"[a-z][a-z0-9_]*")
# The earliest time that a zip archive can hold.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_MODE = 0o100644
_VERSION_DIGITS = 16


@dataclasses.dataclass(frozen=True)
class PackagedModule:
    """Where a module written by `write_module` stands.

    Attributes:
        name: Name to import it by.
        source_uri: URI of the `.py` file.
        wheel_uri: URI of the wheel.
    """

    name: str
    source_uri: str
    wheel_uri: str

    @property
    def user_module_key(self) -> str:
        """The module in the form of TFX's `module_path`: `name@wheel`."""
        return f"{self.name}@{self.wheel_uri}"


def write_module(directory: str, name: str, source: str) -> None:
    """Writes `<name>.py` and a wheel that holds it into `directory`.

    Args:
        directory: Path or URI of an artifact's directory; made if it does not exist.
        name: Module name: lower case letters, digits and underscores, a letter first.
        source: Python source.

    Raises:
        ValueError: `name` cannot name a module.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"Expected a module name of lower case letters, digits and underscores, got {name!r}."
        )
    content = source.encode()
    version = f"0.0+{hashlib.sha256(content).hexdigest()[:_VERSION_DIGITS]}"
    if not fileio.exists(directory):
        fileio.makedirs(directory)
    files = {
        f"{name}.py": content,
        f"{name}-{version}-py3-none-any.whl": _wheel(name, version, content),
    }
    for file_name, data in files.items():
        with fileio.open(os.path.join(directory, file_name), "wb") as file:
            file.write(data)


def read_module(directory: str) -> PackagedModule:
    """Finds the module that `write_module` wrote into `directory`.

    Args:
        directory: Path or URI of an artifact's directory.

    Returns:
        Names and places of the module's files; nothing is imported.

    Raises:
        InputError: The directory does not hold exactly one module and its wheel.
    """
    files = sorted(fileio.listdir(directory)) if fileio.exists(directory) else []
    sources = [file for file in files if file.endswith(".py")]
    wheels = [file for file in files if file.endswith(".whl")]
    name = sources[0].removesuffix(".py") if len(sources) == 1 else ""
    if not name or len(wheels) != 1 or not wheels[0].startswith(f"{name}-"):
        raise InputError(
            Problem(
                where=f"module artifact {directory}",
                received=f"the files {files}",
                expected="one `<name>.py` and one `<name>-<version>-py3-none-any.whl`",
                remedy="Pass the output of ConfigCodegen, or write one with "
                "tfx_retrieval.components.config_codegen.packaging.write_module.",
            )
        )
    return PackagedModule(
        name=name,
        source_uri=os.path.join(directory, sources[0]),
        wheel_uri=os.path.join(directory, wheels[0]),
    )


@contextlib.contextmanager
def local_source(module: PackagedModule) -> Iterator[str]:
    """Yields the path of a copy of a module's `.py` file, for the length of a block.

    Python imports from local files only, and writes bytecode beside them, while an artifact may be
    anywhere and must stay as it is.

    Args:
        module: What `read_module` returned.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, f"{module.name}.py")
        fileio.copy(module.source_uri, path)
        yield path


def _wheel(name: str, version: str, content: bytes) -> bytes:
    """Returns a wheel (PEP 427) with one module."""
    metadata_directory = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": content,
        f"{metadata_directory}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
        ).encode(),
        f"{metadata_directory}/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: tfx-retrieval\nRoot-Is-Purelib: true\n"
            b"Tag: py3-none-any\n"
        ),
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for path, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.writerow((path, f"sha256={digest}", len(data)))
    rows.writerow((f"{metadata_directory}/RECORD", "", ""))
    members[f"{metadata_directory}/RECORD"] = record.getvalue().encode()

    archive = io.BytesIO()
    # Stored, not deflated: the bytes then do not depend on the version of zlib.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as wheel:
        for path, data in members.items():
            entry = zipfile.ZipInfo(path, _ZIP_EPOCH)
            entry.external_attr = _REGULAR_FILE_MODE << 16
            # Otherwise the system on which it was written is recorded.
            entry.create_system = 3
            wheel.writestr(entry, data)
    return archive.getvalue()
