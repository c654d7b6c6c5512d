"""How large a machine a task gets on Vertex AI."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.pipelines.vertex.names import nearest

# Gigabytes of memory for each virtual CPU, by machine family and kind, as listed in
# https://cloud.google.com/compute/docs/machine-resource.
_MEMORY_PER_CPU: Mapping[str, float] = {
    "e2-standard": 4,
    "e2-highmem": 8,
    "e2-highcpu": 1,
    "n1-standard": 3.75,
    "n1-highmem": 6.5,
    "n1-highcpu": 0.9,
    "n2-standard": 4,
    "n2-highmem": 8,
    "n2-highcpu": 1,
    "n2d-standard": 4,
    "n2d-highmem": 8,
    "n2d-highcpu": 1,
    "c2-standard": 4,
    "c2d-standard": 4,
    "c2d-highmem": 8,
    "c2d-highcpu": 2,
    "c3-standard": 4,
    "c3-highmem": 8,
    "c3-highcpu": 2,
}
_MACHINE_TYPE = re.compile(r"([a-z0-9]+-[a-z]+)-([0-9]+)")

ACCELERATOR_TYPES = (
    "NVIDIA_TESLA_T4",
    "NVIDIA_TESLA_P4",
    "NVIDIA_TESLA_P100",
    "NVIDIA_TESLA_V100",
    "NVIDIA_TESLA_A100",
    "NVIDIA_A100_80GB",
    "NVIDIA_L4",
    "NVIDIA_H100_80GB",
)
_ACCELERATOR_COUNTS = (1, 2, 4, 8, 16)


def accelerator_problems(kind: str | None, count: int, where: str) -> list[Problem]:
    """Returns what is wrong with an accelerator's type and count.

    Args:
        kind: Type of the accelerator; None stands for none.
        count: How many of it; 0 stands for none.
        where: What the problems say about their place.

    Returns:
        At most two problems.
    """
    if kind is None:
        if count:
            return [Problem(where, f"{count} accelerators of no type", "an accelerator type")]
        return []
    problems = []
    if kind not in ACCELERATOR_TYPES:
        remedy = nearest(kind, ACCELERATOR_TYPES)
        problems.append(Problem(where, repr(kind), "an accelerator type of Vertex AI", remedy))
    if count not in _ACCELERATOR_COUNTS:
        problems.append(Problem(where, f"{count} accelerators", "1, 2, 4, 8 or 16"))
    return problems


@dataclasses.dataclass(frozen=True)
class Resources:
    """What a task's container may use. Vertex AI chooses the smallest machine that has it.

    Attributes:
        cpu: Virtual CPUs; None leaves the choice to Vertex AI.
        memory_gb: Gigabytes of memory; None leaves the choice to Vertex AI.
        accelerator_type: For example `NVIDIA_TESLA_T4`; None for no accelerator.
        accelerator_count: Number of accelerators; 0 for none.
    """

    cpu: float | None = None
    memory_gb: float | None = None
    accelerator_type: str | None = None
    accelerator_count: int = 0

    @classmethod
    def from_machine_type(
        cls, machine_type: str, accelerator_type: str | None = None, accelerator_count: int = 0
    ) -> Resources:
        """Returns the CPUs and memory of a Compute Engine machine type.

        A pipeline task names limits, not a machine type, so the type is translated into them.

        Args:
            machine_type: For example `n1-standard-8`.
            accelerator_type: For example `NVIDIA_TESLA_T4`.
            accelerator_count: Number of accelerators.

        Returns:
            The resources.

        Raises:
            InputError: If the machine type is not known.
        """
        match = _MACHINE_TYPE.fullmatch(machine_type)
        if match is None or match[1] not in _MEMORY_PER_CPU:
            family = match[1] if match else machine_type
            raise InputError(
                Problem(
                    "machine type",
                    repr(machine_type),
                    "FAMILY-KIND-CPUS, such as n1-standard-8",
                    nearest(family, _MEMORY_PER_CPU),
                )
            )
        cpu = int(match[2])
        return cls(cpu, cpu * _MEMORY_PER_CPU[match[1]], accelerator_type, accelerator_count)

    def problems(self, where: str) -> list[Problem]:
        """Returns what is wrong with the values.

        Args:
            where: What the problems say about their place.

        Returns:
            The problems.
        """
        found = []
        for name, value in (("cpu", self.cpu), ("memory_gb", self.memory_gb)):
            if value is not None and value <= 0:
                found.append(Problem(f"{where}: {name}", repr(value), "a number above 0"))
        return found + accelerator_problems(self.accelerator_type, self.accelerator_count, where)

    def to_spec(self) -> dict[str, Any]:
        """Returns the `resources` of a container in a compiled pipeline."""
        spec: dict[str, Any] = {}
        if self.cpu is not None:
            spec["cpuLimit"] = float(self.cpu)
        if self.memory_gb is not None:
            spec["memoryLimit"] = float(self.memory_gb)
        if self.accelerator_type is not None:
            # Protocol buffers write 64-bit integers as text in JSON.
            spec["accelerator"] = {
                "type": self.accelerator_type,
                "count": str(self.accelerator_count),
            }
        return spec
