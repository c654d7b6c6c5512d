"""The generators' version, which is part of every cache key."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources

import tfx_retrieval


@functools.cache
def generator_version() -> str:
    """Returns the package's version and a digest of the generators' own source.

    Generated modules are cached by their configs and this version. The digest changes with any
    generator, template or default width, so no change of theirs can be served from an old cache.
    """
    package = resources.files("tfx_retrieval.components.config_codegen")
    files = [*package.iterdir(), *(package / "templates").iterdir()]
    files.append(resources.files("tfx_retrieval.config") / "widths.py")
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda entry: entry.name):
        if file.name.endswith((".py", ".jinja")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{tfx_retrieval.__version__}+{digest.hexdigest()[:12]}"
