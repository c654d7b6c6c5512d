"""What a person decides about a run on Vertex AI, and what can be wrong with it."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfx_retrieval.errors import Problem
from tfx_retrieval.pipelines.vertex import names

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

# Smallest and largest number of each field of a cron expression.
_CRON_FIELDS: Sequence[tuple[str, int, int]] = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 7),
)
_CRON_ITEM = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?")
_CRON_ZONE = re.compile(r"(?:CRON_)?TZ=[A-Za-z]+(?:[/_+-][A-Za-z0-9]+)*")


@dataclasses.dataclass(frozen=True)
class SubmitOptions:
    """How and where a job runs.

    Attributes:
        project: Project id; None takes the one of the environment or the credentials.
        region: Region, such as `europe-west4`; None takes GOOGLE_CLOUD_REGION.
        parameters: Values of the pipeline's parameters; text is read as a number where the job
            declares one.
        display_name: Title of the job; the pipeline's name by default.
        job_id: Id of the job; the pipeline's name and the time by default.
        pipeline_root: Folder for artifacts, in place of the compiled one.
        service_account: Account that the tasks run as.
        network: Full name of the VPC network that the tasks are peered with.
        encryption_key: Full name of the Cloud KMS key that encrypts what the job makes.
        labels: Labels of the job.
        enable_caching: Whether tasks may reuse earlier executions; None keeps what was compiled.
        fail_fast: Whether to start no further task once one has failed.
    """

    project: str | None = None
    region: str | None = None
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    display_name: str | None = None
    job_id: str | None = None
    pipeline_root: str | None = None
    service_account: str | None = None
    network: str | None = None
    encryption_key: str | None = None
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    enable_caching: bool | None = None
    fail_fast: bool = False


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When a job runs again and again.

    Attributes:
        cron: Five cron fields, after `TZ=Europe/Berlin ` if the time is not UTC.
        start_time: No run before it; RFC 3339, such as 2026-12-24T00:00:00Z.
        end_time: No run after it; RFC 3339.
        max_runs: Number of runs after which the schedule ends; None for no end.
        max_concurrent_runs: Number of runs that may go on at once.
        allow_queueing: Whether a run that is due waits, rather than drops out, at that number.
    """

    cron: str
    start_time: str | None = None
    end_time: str | None = None
    max_runs: int | None = None
    max_concurrent_runs: int = 1
    allow_queueing: bool = False


@dataclasses.dataclass(frozen=True)
class Connection:
    """How to reach Vertex AI; the defaults reach it as Google's client does.

    Attributes:
        credentials: Google credentials; None takes the application default ones.
        api_endpoint: Host (and port) of the service; None takes the region's.
        api_transport: `grpc` or `rest`; None takes gRPC.
    """

    credentials: Credentials | None = None
    api_endpoint: str | None = None
    api_transport: str | None = None


def with_environment(options: SubmitOptions) -> SubmitOptions:
    """Fills project and region from the environment where the options leave them open."""
    return dataclasses.replace(
        options,
        project=options.project or os.environ.get("GOOGLE_CLOUD_PROJECT") or None,
        region=options.region or os.environ.get("GOOGLE_CLOUD_REGION") or None,
    )


def option_problems(options: SubmitOptions) -> list[Problem]:
    """Returns what is wrong with the options of a run, but for its parameters.

    Args:
        options: How and where a job would run.

    Returns:
        The problems.
    """
    problems = names.project_problems(options.project)
    problems += names.region_problems(options.region)
    if options.region is None:
        # Google's client would take us-central1 without a word.
        problems.append(
            Problem("--region", "nothing", "a region of Vertex AI", "Or set GOOGLE_CLOUD_REGION.")
        )
    if options.pipeline_root is not None:
        problems += names.pipeline_root_problems(options.pipeline_root, "--pipeline-root")
    problems += names.service_account_problems(options.service_account)
    problems += names.network_problems(options.network)
    problems += names.encryption_key_problems(options.encryption_key, options.region)
    problems += names.label_problems(options.labels)
    problems += names.job_id_problems(options.job_id)
    return problems


def schedule_problems(schedule: Schedule) -> list[Problem]:
    """Returns what is wrong with a schedule.

    Args:
        schedule: When a job runs.

    Returns:
        The problems.
    """
    problems = _cron_problems(schedule.cron)
    for where, value in (("--start-time", schedule.start_time), ("--end-time", schedule.end_time)):
        if value is not None and not re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", value
        ):
            problems.append(Problem(where, repr(value), "a time such as 2026-12-24T00:00:00Z"))
    if schedule.max_runs is not None and schedule.max_runs < 1:
        problems.append(Problem("--max-runs", str(schedule.max_runs), "1 or more"))
    if schedule.max_concurrent_runs < 1:
        problems.append(
            Problem("--max-concurrent-runs", str(schedule.max_concurrent_runs), "1 or more")
        )
    return problems


def _cron_problems(cron: str) -> list[Problem]:
    fields = cron.split()
    problems = []
    if fields and "=" in fields[0]:
        zone = fields.pop(0)
        if not _CRON_ZONE.fullmatch(zone):
            problems.append(Problem("--cron", repr(zone), "a time zone such as TZ=Europe/Berlin"))
    if len(fields) != len(_CRON_FIELDS):
        expected = ", ".join(name for name, _, _ in _CRON_FIELDS)
        return [*problems, Problem("--cron", repr(cron), f"five fields: {expected}")]
    for text, (name, low, high) in zip(fields, _CRON_FIELDS, strict=True):
        for item in text.split(","):
            match = _CRON_ITEM.fullmatch(item)
            numbers = [int(group) for group in match.groups()[:2] if group] if match else []
            if match is None or any(not low <= number <= high for number in numbers):
                problems.append(
                    Problem(f"--cron: {name}", repr(item), f"*, or numbers from {low} to {high}")
                )
    return problems
