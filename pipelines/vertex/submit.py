"""Sends a compiled pipeline to Vertex AI Pipelines: once, or on a schedule."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.pipelines.vertex import names
from tfx_retrieval.pipelines.vertex.lint import lint
from tfx_retrieval.pipelines.vertex.parameters import parse_texts, resolve_parameters
from tfx_retrieval.pipelines.vertex.spec import PipelineJob, load_job
from tfx_retrieval.pipelines.vertex.submit_options import (
    Connection,
    Schedule,
    SubmitOptions,
    option_problems,
    schedule_problems,
    with_environment,
)

if TYPE_CHECKING:
    from google.cloud import aiplatform

_LOGGER = logging.getLogger("tfx_retrieval.vertex")

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_FAILED_STATES = ("FAILED", "CANCELLED", "PAUSED")
# So many failed polls in a row are taken for an outage of the network, not of one request.
_POLLS_THAT_MAY_FAIL = 5


@dataclasses.dataclass(frozen=True)
class Submission:
    """A job or a schedule that Vertex AI has accepted.

    Attributes:
        name: Resource name.
        console_url: Where to look at it in a browser.
        resource: The client's object.
        tasks: Names of the pipeline's tasks.
    """

    name: str
    console_url: str
    resource: aiplatform.PipelineJob | aiplatform.PipelineJobSchedule
    tasks: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Progress:
    """A change in a running job.

    Attributes:
        task: The task that changed.
        state: Its new state, in lower case, such as `running`, `succeeded` or `skipped`.
        finished: Number of tasks that have ended.
        total: Number of tasks.
    """

    task: str
    state: str
    finished: int
    total: int


class PipelineFailedError(RuntimeError):
    """A job on Vertex AI did not succeed.

    Attributes:
        state: The job's state.
        tasks: What went wrong, by task.
    """

    def __init__(self, name: str, state: str, tasks: Mapping[str, str], url: str, reason: str):
        """Takes the job's name, state, failed tasks, console address and error."""
        self.state = state
        self.tasks = dict(tasks)
        lines = [f"pipeline job {name} ended as {state}" + (f": {reason}" if reason else "")]
        lines += [f"  task {task} failed: {text}" for task, text in self.tasks.items()]
        super().__init__("\n".join([*lines, f"  {url}"]))


@dataclasses.dataclass(frozen=True)
class Checked:
    """A compiled pipeline and options that can be sent.

    Attributes:
        spec_path: The file.
        job: Its content, with the parameters of this run.
        options: The options, completed from the environment.
    """

    spec_path: str
    job: PipelineJob
    options: SubmitOptions


def check(spec_path: str, options: SubmitOptions, schedule: Schedule | None = None) -> Checked:
    """Checks what would be sent, without asking anybody.

    Args:
        spec_path: A file that `compile.compile_pipeline` wrote.
        options: How and where it runs.
        schedule: When it runs; None: once.

    Returns:
        What to send.

    Raises:
        InputError: With everything that is wrong with the file, its parameters, the options and
            the schedule.
    """
    options = with_environment(options)
    problems: list[Problem] = []
    job = None
    try:
        job = load_job(spec_path)
        given = parse_texts(job, options.parameters)
        job = job.with_parameters(resolve_parameters(job, given))
    except InputError as error:
        problems += error.problems
    if job is not None:
        problems += lint(job, check_root=options.pipeline_root is None, check_imports=False)
    problems += option_problems(options)
    if schedule is not None:
        problems += schedule_problems(schedule)
        if options.job_id is not None:
            expected = "none; each run of a schedule gets its own"
            problems.append(Problem("--job-id", repr(options.job_id), expected))
    names.raise_problems(problems)
    assert job is not None
    return Checked(spec_path, job, options)


def submit(
    spec_path: str, options: SubmitOptions, connection: Connection | None = None
) -> Submission:
    """Starts one run of a compiled pipeline.

    Args:
        spec_path: A file that `compile.compile_pipeline` wrote.
        options: How and where it runs.
        connection: How to reach Vertex AI.

    Returns:
        The job; `wait` follows it.

    Raises:
        InputError: If the file, an option or the credentials are wrong, or Vertex AI refuses.
    """
    checked = check(spec_path, options)
    resource, options = _pipeline_job(checked, connection or Connection())
    with _refusals_explained(options):
        resource.submit(service_account=options.service_account, network=options.network)
    _LOGGER.info("submitted %s", resource.resource_name)
    return Submission(
        resource.resource_name, _job_url(resource.resource_name), resource, tuple(checked.job.tasks)
    )


def create_schedule(
    spec_path: str,
    schedule: Schedule,
    options: SubmitOptions,
    connection: Connection | None = None,
) -> Submission:
    """Makes Vertex AI run a compiled pipeline again and again.

    Args:
        spec_path: A file that `compile.compile_pipeline` wrote.
        schedule: When it runs.
        options: How and where it runs; a job id is of no use here.
        connection: How to reach Vertex AI.

    Returns:
        The schedule.

    Raises:
        InputError: If the file, an option, the schedule or the credentials are wrong, or Vertex AI
            refuses.
    """
    checked = check(spec_path, options, schedule)
    job, options = checked.job, checked.options
    resource, options = _pipeline_job(checked, connection or Connection())
    with _refusals_explained(options):
        made = resource.create_schedule(
            cron=schedule.cron,
            display_name=options.display_name or job.name,
            start_time=schedule.start_time,
            end_time=schedule.end_time,
            allow_queueing=schedule.allow_queueing,
            max_run_count=schedule.max_runs,
            max_concurrent_run_count=schedule.max_concurrent_runs,
            service_account=options.service_account,
            network=options.network,
        )
    _LOGGER.info("created schedule %s", made.resource_name)
    return Submission(made.resource_name, _schedule_url(made.resource_name), made, tuple(job.tasks))


def wait(
    submission: Submission,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    poll_seconds: float = 15.0,
    timeout_seconds: float | None = None,
) -> None:
    """Waits for a job to end.

    Args:
        submission: What `submit` returned.
        on_progress: Called for each change of a task's state.
        poll_seconds: Time between two questions to Vertex AI.
        timeout_seconds: How long to wait; None for as long as it takes.

    Raises:
        PipelineFailedError: If the job does not succeed.
        TimeoutError: If it takes longer; the job goes on.
    """
    from google.api_core import exceptions

    start = time.monotonic()
    known: dict[str, str] = {}
    failures = 0
    while True:
        try:
            state = submission.resource.state.name.removeprefix("PIPELINE_STATE_")
            failures = 0
        except (exceptions.ServerError, exceptions.RetryError, OSError):
            failures += 1
            if failures == _POLLS_THAT_MAY_FAIL:
                raise
            state = "UNKNOWN"
        details = submission.resource.gca_resource.job_detail.task_details
        _report(details, submission.tasks, known, on_progress)
        if state == "SUCCEEDED":
            return
        if state in _FAILED_STATES:
            raise PipelineFailedError(
                submission.name,
                state.lower(),
                {
                    detail.task_name: detail.error.message or "no message"
                    for detail in details
                    if detail.state.name == "FAILED" and detail.task_name in submission.tasks
                },
                submission.console_url,
                submission.resource.gca_resource.error.message,
            )
        if timeout_seconds is not None and time.monotonic() - start > timeout_seconds:
            raise TimeoutError(
                f"{submission.name} is still {state.lower()} after {timeout_seconds:.0f} s; "
                f"it goes on: {submission.console_url}"
            )
        time.sleep(poll_seconds)


def _report(
    details: Sequence[Any],
    tasks: Sequence[str],
    known: dict[str, str],
    on_progress: Callable[[Progress], None] | None,
) -> None:
    for detail in details:
        state = detail.state.name.lower()
        if detail.task_name not in tasks or known.get(detail.task_name) == state:
            continue
        known[detail.task_name] = state
        if on_progress is not None:
            ended = ("succeeded", "failed", "skipped", "cancelled", "not_triggered")
            finished = sum(known_state in ended for known_state in known.values())
            on_progress(Progress(detail.task_name, state, finished, len(tasks)))


def _pipeline_job(
    checked: Checked, connection: Connection
) -> tuple[aiplatform.PipelineJob, SubmitOptions]:
    """Returns the client's job, and the options with the project that it runs in."""
    options = checked.options
    credentials = connection.credentials
    if credentials is None:
        credentials, options = _default_credentials(options)
    if options.project is None:
        raise InputError(
            Problem("--project", "nothing", "a project id", "Or set GOOGLE_CLOUD_PROJECT.")
        )
    aiplatform = _import_client()
    try:
        aiplatform.init(
            project=options.project,
            location=options.region,
            credentials=credentials,
            api_endpoint=connection.api_endpoint,
            api_transport=connection.api_transport,
        )
    except ValueError as error:
        raise InputError(
            Problem("--region", repr(options.region), "a region of Vertex AI", str(error))
        ) from error
    resource = aiplatform.PipelineJob(
        display_name=options.display_name or checked.job.name,
        template_path=checked.spec_path,
        job_id=options.job_id,
        pipeline_root=options.pipeline_root,
        parameter_values=checked.job.document["runtimeConfig"]["parameterValues"],
        enable_caching=options.enable_caching,
        encryption_spec_key_name=options.encryption_key,
        labels=dict(options.labels),
        credentials=credentials,
        project=options.project,
        location=options.region,
        failure_policy="fast" if options.fail_fast else None,
    )
    return resource, options


def _import_client() -> Any:
    try:
        from google.cloud import aiplatform
    except ModuleNotFoundError as error:
        raise InputError(
            Problem(
                "submit",
                "an installation without google-cloud-aiplatform",
                "the client of Vertex AI",
                "Install it with: pip install 'tfx-retrieval[gcp]'",
            )
        ) from error
    return aiplatform


def _default_credentials(options: SubmitOptions) -> tuple[Any, SubmitOptions]:
    import google.auth
    from google.auth import exceptions

    try:
        credentials, project = google.auth.default(scopes=[_SCOPE])
    except exceptions.DefaultCredentialsError as error:
        raise InputError(_credentials_problem("none")) from error
    return credentials, dataclasses.replace(options, project=options.project or project)


def _credentials_problem(received: str) -> Problem:
    return Problem(
        "Google credentials",
        received,
        "application default credentials",
        "Run `gcloud auth application-default login`, or let GOOGLE_APPLICATION_CREDENTIALS name "
        "a key file.",
    )


@contextlib.contextmanager
def _refusals_explained(options: SubmitOptions) -> Iterator[None]:
    """Turns what Vertex AI answers to a wrong request into `InputError`."""
    from google.api_core import exceptions
    from google.auth import exceptions as auth_exceptions

    try:
        yield
    except (auth_exceptions.RefreshError, exceptions.Unauthorized) as error:
        raise InputError(_credentials_problem(str(error))) from error
    except exceptions.Forbidden as error:
        account = f" on {options.service_account}" if options.service_account else ""
        raise InputError(
            Problem(
                f"project {options.project}",
                f"the answer 403, {error.message}",
                "leave to start pipeline jobs",
                "You need roles/aiplatform.user on the project and "
                f"roles/iam.serviceAccountUser{account or ' on the account that runs the tasks'}; "
                "the API aiplatform.googleapis.com must be enabled.",
            )
        ) from error
    except (exceptions.NotFound, exceptions.BadRequest, exceptions.Conflict) as error:
        raise InputError(
            Problem(
                f"project {options.project}, region {options.region}",
                f"the answer {error.code}, {error.message}",
                "a request that Vertex AI accepts",
            )
        ) from error


def _job_url(name: str) -> str:
    _, project, _, region, _, job = name.split("/")
    return (
        f"https://console.cloud.google.com/vertex-ai/locations/{region}/pipelines/runs/{job}"
        f"?project={project}"
    )


def _schedule_url(name: str) -> str:
    _, project, _, region, _, schedule = name.split("/")
    return (
        f"https://console.cloud.google.com/vertex-ai/locations/{region}/pipelines/schedules/"
        f"{schedule}?project={project}"
    )
