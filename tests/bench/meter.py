"""Measures the steps of a job that runs in this process. Standard library only."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import resource
import time
from collections.abc import Iterator

_PROCESS = pathlib.Path("/proc/self")


class StepMeter:
    """An observer of nodes that notes wall seconds, CPU seconds and peak memory of each."""

    def __init__(self) -> None:
        """Starts empty."""
        self.steps: dict[str, dict[str, float]] = {}
        self._started: dict[str, tuple[float, float]] = {}
        self._highest = 0.0
        # Some kernels and sandboxes do not let a process reset its peak.
        self._tells_peaks = True

    def __call__(self, node: str, state: str) -> None:
        """Notes that a node started or ended; see `tfx_internal.observed_nodes`."""
        if state == "started":
            self._highest = max(self._highest, _peak_mib())
            self._tells_peaks = _forget_peak()
            self._started[node] = (time.perf_counter(), _cpu_seconds())
            return
        now = (time.perf_counter(), _cpu_seconds())
        wall, cpu = (after - before for after, before in zip(now, self._started[node], strict=True))
        self.steps[node] = {"wall": wall, "cpu": cpu}
        if self._tells_peaks:
            self.steps[node]["peak_mib"] = _peak_mib()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measures a block as a step."""
        self(name, "started")
        yield
        self(name, "finished")

    def report(self, **others: object) -> None:
        """Prints one line that the benchmark reads."""
        # The kernel's own figure for the process is that of its last step by now.
        highest = max(self._highest, _peak_mib())
        content = {"peak_mib": highest, "steps": self.steps, **others}
        print("MEASURED", json.dumps(content), flush=True)


def _forget_peak() -> bool:
    """Lets the kernel count the largest resident memory from now on, if it can; `man 5 proc`."""
    try:
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak_mib() -> float:
    """Returns the largest resident memory since `_forget_peak`, in MiB."""
    status = (_PROCESS / "status").read_text()
    (kib,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kib) / 1024


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
