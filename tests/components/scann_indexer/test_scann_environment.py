"""A missing or foreign scann is an error that names versions, never another algorithm."""

import importlib.metadata

import numpy as np
import pytest
import tensorflow as tf

from tfx_retrieval.components.scann_indexer import scann_index
from tfx_retrieval.components.scann_indexer.options import ScannOptions
from tfx_retrieval.errors import InputError


def build():
    return scann_index.ScannSearcher(np.eye(16, 4, dtype=np.float32), 2, ScannOptions(2, 2, 2, 16))


def test_scann_not_installed(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)

    with pytest.raises(InputError) as caught:
        build()

    message = str(caught.value)
    assert (
        f"expected scann 1.3.2, but got scann not installed with tensorflow {tf.__version__}"
        in (message)
    )
    assert "pip install 'tfx-retrieval[scann]'" in message


@pytest.mark.parametrize(
    "requirement", ["tensorflow ~=2.17.0", 'tensorflow~=2.20.0; extra == "tf"']
)
def test_scann_of_another_tensorflow(monkeypatch, requirement):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.4.0")
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: [requirement, "numpy"])

    with pytest.raises(
        InputError, match=r"expected scann 1\.3\.2, but got scann 1\.4\.0 with tensorflow"
    ):
        build()


def test_operations_that_do_not_load(monkeypatch):
    def fail(name):
        raise tf.errors.NotFoundError(None, None, "undefined symbol: raw_log_internal")

    monkeypatch.setattr(scann_index.importlib, "import_module", fail)

    with pytest.raises(InputError, match=r"got scann 1\.3\.2 with tensorflow") as caught:
        build()
    assert isinstance(caught.value.__cause__, tf.errors.NotFoundError)
