"""Calls into TFX that it does not promise to keep; tried with TFX 1.16.

Component executors that subclass TFX's own say so in their module; everything else is here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tfx.orchestration.portable import launcher

NodeObserver = Callable[[str, str], None]
"""Called with a node's id and `started`, `finished`, `reused` or `failed`."""


@contextlib.contextmanager
def observed_nodes(observer: NodeObserver) -> Iterator[None]:
    """Tells `observer` of each node that a runner in this process launches.

    TFX's local runners have no hook for this; they all launch nodes through `Launcher.launch`.

    Args:
        observer: Called when a node starts and when it ends.
    """
    original_launch = launcher.Launcher.launch
    original_run_executor = launcher.Launcher._run_executor
    executed: set[str] = set()

    def launch(self: launcher.Launcher) -> Any:
        node = self._pipeline_node.node_info.id
        observer(node, "started")
        try:
            execution = original_launch(self)
        except BaseException:
            observer(node, "failed")
            raise
        # Resolvers and importers run without an executor and are never cached.
        ran = node in executed or self._system_node_handler is not None
        observer(node, "finished" if ran else "reused")
        return execution

    def run_executor(self: launcher.Launcher, *arguments: Any) -> Any:
        executed.add(self._pipeline_node.node_info.id)
        return original_run_executor(self, *arguments)

    launcher.Launcher.launch = launch
    launcher.Launcher._run_executor = run_executor
    try:
        yield
    finally:
        launcher.Launcher.launch = original_launch
        launcher.Launcher._run_executor = original_run_executor
