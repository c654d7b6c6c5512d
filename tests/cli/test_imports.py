"""Imports without the garbage collector."""

import gc
from collections.abc import Iterator

import pytest

from tfx_retrieval.cli import imports


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_collects_again_afterwards_but_not_what_was_made() -> None:
    with imports.without_collections():
        assert not gc.isenabled()
        made = [[] for _ in range(10)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)


def test_collects_again_after_an_error() -> None:
    with pytest.raises(ModuleNotFoundError), imports.without_collections():
        import no_such_module  # noqa: F401
    assert gc.isenabled()


def test_leaves_a_collector_that_is_off_alone() -> None:
    gc.disable()
    frozen = gc.get_freeze_count()
    with imports.without_collections():
        pass
    assert not gc.isenabled()
    assert gc.get_freeze_count() == frozen
