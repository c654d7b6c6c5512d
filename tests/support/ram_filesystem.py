"""Files in memory under `ram://`: remote to Python, known to TensorFlow and to TFX.

Whoever uses `os` or `open` on such a path finds nothing there, or leaves a local folder `ram:`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tfx.dsl.io import filesystem_registry
from tfx.dsl.io.plugins import tensorflow_gfile


class RamFilesystem(tensorflow_gfile.TensorflowFilesystem):
    """TensorFlow's files in memory for TFX, where they differ from those of Cloud Storage."""

    SUPPORTED_SCHEMES = ["ram://"]  # noqa: RUF012

    @staticmethod
    def walk(top: str, **options: Any) -> Iterator[tuple[str, list[str], list[str]]]:
        # TensorFlow lists `assets.extra` as a file `.extra` of `assets`.
        for folder, folders, files in tf.io.gfile.walk(top, **options):
            yield folder, folders, [x for x in files if tf.io.gfile.exists(f"{folder}/{x}")]

    @staticmethod
    def rename(src: str, dst: str, overwrite: bool = False) -> None:
        # TensorFlow renames a folder without what is in it.
        if not tf.io.gfile.isdir(src):
            tf.io.gfile.rename(src, dst, overwrite)
            return
        for folder, _, files in list(tf.io.gfile.walk(src)):
            target = dst + folder.removeprefix(src)
            tf.io.gfile.makedirs(target)
            for name in files:
                tf.io.gfile.rename(f"{folder}/{name}", f"{target}/{name}", overwrite)
        tf.io.gfile.rmtree(src)


def register() -> None:
    """Makes TFX use these files from here on."""
    filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY.register(RamFilesystem, priority=1)
