"""More than one machine: Beam on Dataflow, and training on Vertex AI custom jobs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from tfx_retrieval.errors import Problem
from tfx_retrieval.pipelines.vertex import names
from tfx_retrieval.pipelines.vertex.resources import accelerator_problems

_MACHINE_TYPE = re.compile(r"[a-z][a-z0-9]*-[a-z0-9]+(?:-[a-z0-9]+)*")
_SUBNETWORK = re.compile(
    r"(?:https://www\.googleapis\.com/compute/v1/projects/[^/]+/)?"
    r"regions/(?P<region>[^/]+)/subnetworks/[a-z](?:[a-z0-9-]*[a-z0-9])?"
)
_TPU_TYPES = ("TPU_V2", "TPU_V3")


@dataclasses.dataclass(frozen=True)
class DataflowOptions:
    """What a Dataflow job may use.

    Attributes:
        machine_type: Compute Engine machine type of the workers.
        max_workers: Most workers at once.
        disk_gb: Disk of each worker in gigabytes; None takes Dataflow's default.
        service_account: Account that the workers run as; None takes the project's default.
        subnetwork: `regions/REGION/subnetworks/NAME`; None takes the default network.
        public_ips: Whether workers have public addresses; without them the subnetwork needs
            Private Google Access.
        labels: Labels of the job.
    """

    machine_type: str = "n1-standard-4"
    max_workers: int = 10
    disk_gb: int | None = None
    service_account: str | None = None
    subnetwork: str | None = None
    public_ips: bool = True
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)


def dataflow_args(
    project: str,
    region: str,
    image: str,
    temp_location: str,
    options: DataflowOptions | None = None,
) -> list[str]:
    """Returns `beam_pipeline_args` that run a pipeline's Beam work on Dataflow.

    The workers start from `image`, which has this package and the Beam SDK harness, so nothing is
    installed while they start.

    Args:
        project: Project id.
        region: Region of the job.
        image: The image that docker/Dockerfile builds.
        temp_location: Cloud Storage folder for temporary files.
        options: Machines, network and account.

    Returns:
        The arguments.

    Raises:
        InputError: With everything that is wrong.
    """
    options = options or DataflowOptions()
    problems = names.project_problems(project, "Dataflow project")
    problems += names.region_problems(region, "Dataflow region")
    problems += names.image_problems(image, "Dataflow image")
    problems += names.pipeline_root_problems(temp_location, "Dataflow temp_location")
    problems += names.service_account_problems(options.service_account, "Dataflow service account")
    problems += names.label_problems(options.labels, "Dataflow label")
    problems += _machine_problems(options.machine_type, "Dataflow machine type")
    problems += _subnetwork_problems(options.subnetwork, region)
    for where, value in (("max_workers", options.max_workers), ("disk_gb", options.disk_gb)):
        if value is not None and value < 1:
            problems.append(Problem(f"Dataflow {where}", str(value), "1 or more"))
    names.raise_problems(problems)

    folder = temp_location.rstrip("/")
    arguments = [
        "--runner=DataflowRunner",
        f"--project={project}",
        f"--region={region}",
        f"--temp_location={folder}/temp",
        f"--staging_location={folder}/staging",
        "--experiments=use_runner_v2",
        f"--sdk_container_image={image}",
        # The SDK is in the image; by default Beam would stage its own beside it.
        "--sdk_location=container",
        f"--worker_machine_type={options.machine_type}",
        f"--max_num_workers={options.max_workers}",
    ]
    if options.disk_gb is not None:
        arguments.append(f"--disk_size_gb={options.disk_gb}")
    if options.service_account is not None:
        arguments.append(f"--service_account_email={options.service_account}")
    if options.subnetwork is not None:
        arguments.append(f"--subnetwork={options.subnetwork}")
    if not options.public_ips:
        arguments.append("--no_use_public_ips")
    arguments += [f"--labels={key}={value}" for key, value in sorted(options.labels.items())]
    return arguments


@dataclasses.dataclass(frozen=True)
class CustomJobOptions:
    """What a custom training job may use.

    The chief and the workers have the same machines; with no workers the chief trains alone, on
    all of its accelerators.

    Attributes:
        machine_type: Compute Engine machine type of chief and workers; `cloud-tpu` for a TPU.
        workers: Machines beside the chief.
        parameter_servers: Machines that hold the weights, for modules that are generated from a
            ModelConfig with `distribution.parameter_server`; others refuse them.
        parameter_server_machine_type: Machine type of those.
        accelerator_type: For example `NVIDIA_TESLA_T4` or, on `cloud-tpu`, `TPU_V3`.
        accelerator_count: Accelerators of each machine; for a TPU, its cores.
        disk_gb: Boot disk of each machine in gigabytes.
        service_account: Account that the job runs as; None takes the project's default.
        network: Full name of the VPC network that the job is peered with.
        encryption_key: Full name of a Cloud KMS key.
        labels: Labels of the job.
        timeout_seconds: Longest run; None takes Vertex AI's seven days.
        spot: Whether to take spare machines, which are cheaper and may be taken away.
    """

    machine_type: str = "n1-standard-8"
    workers: int = 0
    parameter_servers: int = 0
    parameter_server_machine_type: str = "n1-highmem-8"
    accelerator_type: str | None = None
    accelerator_count: int = 0
    disk_gb: int = 100
    service_account: str | None = None
    network: str | None = None
    encryption_key: str | None = None
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    timeout_seconds: int | None = None
    spot: bool = False


def custom_job_spec(
    project: str, region: str, image: str, options: CustomJobOptions | None = None
) -> dict[str, Any]:
    """Returns a Vertex AI CustomJob for `ai_platform_training_args` of a TFX trainer.

    Vertex AI tells each machine its place in `TF_CONFIG`, from the order of the worker pools:
    chief, workers, parameter servers. See
    https://cloud.google.com/vertex-ai/docs/training/distributed-training.

    Args:
        project: Project id.
        region: Region of the job.
        image: The image that docker/Dockerfile builds.
        options: Machines, network and account.

    Returns:
        A JSON object with `project`, `job_spec`, and `labels` and `encryption_spec` if set.

    Raises:
        InputError: With everything that is wrong.
    """
    options = options or CustomJobOptions()
    names.raise_problems(_custom_job_problems(project, region, image, options))

    machine: dict[str, Any] = {"machine_type": options.machine_type}
    if options.accelerator_type is not None:
        machine["accelerator_type"] = options.accelerator_type
        machine["accelerator_count"] = options.accelerator_count

    variables = [{"name": "TF_USE_LEGACY_KERAS", "value": "1"}]
    if options.machine_type == "cloud-tpu":
        # Tells the generated modules that the machine's TPU is its own.
        variables.append({"name": "TPU_NAME", "value": "local"})

    def pool(machine_spec: Mapping[str, Any], replicas: int) -> dict[str, Any]:
        if not replicas:
            # Keeps the place of a pool that has no machines.
            return {}
        return {
            "machine_spec": dict(machine_spec),
            "replica_count": replicas,
            "disk_spec": {"boot_disk_type": "pd-ssd", "boot_disk_size_gb": options.disk_gb},
            "container_spec": {
                "image_uri": image,
                "env": [dict(variable) for variable in variables],
            },
        }

    pools = [
        pool(machine, 1),
        pool(machine, options.workers),
        pool({"machine_type": options.parameter_server_machine_type}, options.parameter_servers),
    ]
    while not pools[-1]:
        pools.pop()
    job_spec: dict[str, Any] = {"worker_pool_specs": pools}
    if options.service_account is not None:
        job_spec["service_account"] = options.service_account
    if options.network is not None:
        job_spec["network"] = options.network
    scheduling: dict[str, Any] = {}
    if options.timeout_seconds is not None:
        scheduling["timeout"] = f"{options.timeout_seconds}s"
    if options.spot:
        scheduling["strategy"] = "SPOT"
    if scheduling:
        job_spec["scheduling"] = scheduling
    job: dict[str, Any] = {"project": project, "job_spec": job_spec}
    if options.labels:
        job["labels"] = dict(options.labels)
    if options.encryption_key is not None:
        job["encryption_spec"] = {"kms_key_name": options.encryption_key}
    return job


def training_custom_config(region: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the `custom_config` that sends a TFX trainer's work to a custom job.

    Args:
        region: Region of the job.
        job: What `custom_job_spec` returned.

    Returns:
        Entries for `custom_config`, under the keys that
        `tfx.extensions.google_cloud_ai_platform` reads.
    """
    from tfx.extensions.google_cloud_ai_platform import constants
    from tfx.extensions.google_cloud_ai_platform.trainer import executor

    return {
        constants.ENABLE_VERTEX_KEY: True,
        constants.VERTEX_REGION_KEY: region,
        executor.TRAINING_ARGS_KEY: dict(job),
    }


def _machine_problems(machine_type: str, where: str) -> list[Problem]:
    if _MACHINE_TYPE.fullmatch(machine_type):
        return []
    return [Problem(where, repr(machine_type), "a machine type, such as n1-standard-8")]


def _subnetwork_problems(subnetwork: str | None, region: str) -> list[Problem]:
    if subnetwork is None:
        return []
    match = _SUBNETWORK.fullmatch(subnetwork)
    where = "Dataflow subnetwork"
    if match is None:
        return [Problem(where, repr(subnetwork), "regions/REGION/subnetworks/NAME")]
    if match["region"] != region:
        return [Problem(where, repr(subnetwork), f"a subnetwork of the job's region, {region!r}")]
    return []


def _custom_job_problems(
    project: str, region: str, image: str, options: CustomJobOptions
) -> list[Problem]:
    problems = names.project_problems(project, "custom job project")
    problems += names.region_problems(region, "custom job region")
    problems += names.image_problems(image, "custom job image")
    problems += names.service_account_problems(
        options.service_account, "custom job service account"
    )
    problems += names.network_problems(options.network, "custom job network")
    problems += names.encryption_key_problems(options.encryption_key, region, "custom job key")
    problems += names.label_problems(options.labels, "custom job label")
    problems += _machine_problems(options.machine_type, "custom job machine type")
    problems += _machine_problems(
        options.parameter_server_machine_type, "custom job machine type of parameter servers"
    )
    for where, value, least in (
        ("workers", options.workers, 0),
        ("parameter_servers", options.parameter_servers, 0),
        ("disk_gb", options.disk_gb, 100),
        ("timeout_seconds", options.timeout_seconds, 1),
    ):
        if value is not None and value < least:
            problems.append(Problem(f"custom job {where}", str(value), f"{least} or more"))
    if options.parameter_servers > 0 and options.workers == 0:
        problems.append(
            Problem(
                "custom job workers",
                "0 beside parameter servers",
                "1 or more",
                "With parameter servers the chief hands out work and trains nothing itself.",
            )
        )
    return problems + _accelerator_problems(options)


def _accelerator_problems(options: CustomJobOptions) -> list[Problem]:
    where = "custom job accelerator"
    on_tpu = options.machine_type == "cloud-tpu"
    if on_tpu != (options.accelerator_type in _TPU_TYPES):
        return [
            Problem(
                where,
                f"{options.accelerator_type} on {options.machine_type}",
                f"{' or '.join(_TPU_TYPES)} on cloud-tpu, or neither",
            )
        ]
    if not on_tpu:
        return accelerator_problems(options.accelerator_type, options.accelerator_count, where)
    problems = []
    if options.accelerator_count != 8:
        problems.append(Problem(where, f"{options.accelerator_count} cores", "8 cores"))
    if options.workers or options.parameter_servers:
        problems.append(Problem(where, "a TPU with more machines", "one machine with a TPU"))
    return problems
