"""Iterators that run in a thread."""

import threading
from collections.abc import Iterator

import pytest

from tfx_retrieval.read_ahead import read_ahead


@pytest.mark.parametrize("number", [1, 2, 10])
def test_yields_everything_in_order(number: int) -> None:
    with read_ahead(range(5), number) as items:
        assert list(items) == [0, 1, 2, 3, 4]


def test_starts_at_once_and_makes_no_more_than_asked_for() -> None:
    made: list[int] = []
    both = threading.Event()

    def make() -> Iterator[int]:
        for item in range(10):
            made.append(item)
            if item == 1:
                both.set()
            yield item

    with read_ahead(make(), 2):
        assert both.wait(10)
    assert made == [0, 1]


def test_raises_where_the_item_is_taken() -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with read_ahead(fail(), 3) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="no more"):
            next(items)


def test_stops_when_its_user_fails() -> None:
    with pytest.raises(KeyError), read_ahead(iter(int, 1), 2):
        raise KeyError
    assert not [t for t in threading.enumerate() if t.name.startswith("read_ahead")]
