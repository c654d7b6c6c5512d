"""Runs one iterator in a thread, so that what it makes is there when it is needed."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_END = object()


@contextlib.contextmanager
def read_ahead(items: Iterable[T], number: int) -> Iterator[Iterator[T]]:
    """Starts to iterate in a thread, which pays where that lets go of Python's lock.

    Args:
        items: What to iterate over; nothing else may.
        number: How many items to make in advance, at least 1; they bound the memory.

    Yields:
        The items in their order; what iterating raises is raised here as well.
    """
    source = iter(items)
    with concurrent.futures.ThreadPoolExecutor(1, "read_ahead") as thread:
        pending = collections.deque(thread.submit(next, source, _END) for _ in range(number))

        def taken() -> Iterator[T]:
            while (item := pending.popleft().result()) is not _END:
                pending.append(thread.submit(next, source, _END))
                yield item  # type: ignore[misc]

        try:
            yield taken()
        finally:
            # Whoever stops early waits for the item being made, not for those behind it.
            thread.shutdown(cancel_futures=True)
