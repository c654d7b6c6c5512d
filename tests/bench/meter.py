"""Measures the steps of a pipeline that runs in this process."""

from __future__ import annotations

import json
import resource
import time


class StepMeter:
    """An observer of nodes that notes wall seconds, CPU seconds and peak memory of each."""

    def __init__(self) -> None:
        """Starts empty."""
        self.steps: dict[str, dict[str, float]] = {}
        self._started: dict[str, tuple[float, float]] = {}

    def __call__(self, node: str, state: str) -> None:
        """Notes that a node started or ended; see `tfx_internal.observed_nodes`."""
        now = (time.perf_counter(), _cpu_seconds())
        if state == "started":
            self._started[node] = now
            return
        wall, cpu = (after - before for after, before in zip(now, self._started[node], strict=True))
        self.steps[node] = {"wall": wall, "cpu": cpu, "peak_mib": peak_mib()}

    def report(self, **others: object) -> None:
        """Prints one line that the benchmark reads."""
        print("MEASURED", json.dumps({"steps": self.steps, **others}), flush=True)


def peak_mib() -> float:
    """Returns the largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
