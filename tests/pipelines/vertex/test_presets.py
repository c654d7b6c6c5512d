"""Presets, read by the libraries that they are for."""

from __future__ import annotations

import copy
import json

import pytest
from tfx.types import channel, standard_artifacts

from tfx_retrieval.artifacts import ModuleFile
from tfx_retrieval.errors import InputError
from tfx_retrieval.pipelines.vertex.custom_training import CustomJobTrainer
from tfx_retrieval.pipelines.vertex.presets import (
    CustomJobOptions,
    DataflowOptions,
    custom_job_spec,
    dataflow_args,
    training_custom_config,
)

PLACE = ("some-project", "europe-west4")
ACCOUNT = "beam@some-project.iam.gserviceaccount.com"


def test_dataflow_arguments_are_what_beam_reads(image):
    from apache_beam.options.pipeline_options import (
        GoogleCloudOptions,
        PipelineOptions,
        SetupOptions,
        StandardOptions,
        WorkerOptions,
    )

    arguments = dataflow_args(
        *PLACE,
        image,
        "gs://some-bucket/beam/",
        DataflowOptions(
            "n2-highmem-8",
            40,
            200,
            ACCOUNT,
            "regions/europe-west4/subnetworks/s",
            False,
            {"a": "b"},
        ),
    )
    options = PipelineOptions(arguments)
    cloud = options.view_as(GoogleCloudOptions)
    worker = options.view_as(WorkerOptions)
    assert options.view_as(StandardOptions).runner == "DataflowRunner"
    assert (cloud.project, cloud.region) == PLACE
    assert cloud.temp_location == "gs://some-bucket/beam/temp"
    assert cloud.staging_location == "gs://some-bucket/beam/staging"
    assert cloud.service_account_email == ACCOUNT
    assert cloud.labels == ["a=b"]
    assert worker.sdk_container_image == image
    assert worker.machine_type == "n2-highmem-8"
    assert worker.max_num_workers == 40
    assert worker.disk_size_gb == 200
    assert worker.subnetwork == "regions/europe-west4/subnetworks/s"
    assert worker.use_public_ips is False
    assert options.view_as(SetupOptions).sdk_location == "container"
    # Beam passes over what it does not know without a word.
    known = set(options.get_all_options())
    given = {argument[2:].partition("=")[0] for argument in arguments}
    assert given - known == {"worker_machine_type", "no_use_public_ips"}


def test_dataflow_reports_everything_wrong():
    with pytest.raises(InputError) as caught:
        dataflow_args(
            "P",
            "moon",
            "gcr.io/tfx-oss-public/tfx:1",
            "/tmp/beam",
            DataflowOptions("large", 0, 0, "me", "subnet", True, {"A": "b"}),
        )
    assert [problem.where.removeprefix("Dataflow ") for problem in caught.value.problems] == [
        "project",
        "region",
        "image",
        "temp_location",
        "service account",
        "label A",
        "machine type",
        "subnetwork",
        "max_workers",
        "disk_gb",
    ]
    with pytest.raises(InputError, match="a subnetwork of the job's region"):
        dataflow_args(
            *PLACE,
            "europe-docker.pkg.dev/some-project/r/i:1",
            "gs://some-bucket",
            DataflowOptions(subnetwork="regions/us-east1/subnetworks/s"),
        )


@pytest.mark.parametrize(
    ("options", "replicas"),
    [
        (CustomJobOptions(), [1]),
        (CustomJobOptions(workers=3, accelerator_type="NVIDIA_L4", accelerator_count=2), [1, 3]),
        (CustomJobOptions(workers=2, parameter_servers=4), [1, 2, 4]),
        (
            CustomJobOptions("cloud-tpu", accelerator_type="TPU_V3", accelerator_count=8),
            [1],
        ),
    ],
)
def test_custom_jobs_are_what_vertex_reads(image, options, replicas):
    from google.cloud.aiplatform_v1.types import CustomJob

    job = custom_job_spec(*PLACE, image, options)
    assert job.pop("project") == "some-project"
    # proto-plus refuses fields and enum values that the service does not have.
    parsed = CustomJob(display_name="training", **copy.deepcopy(job))
    pools = parsed.job_spec.worker_pool_specs
    assert [pool.replica_count for pool in pools] == replicas
    assert pools[0].machine_spec.machine_type == options.machine_type
    assert pools[0].machine_spec.accelerator_count == options.accelerator_count
    assert pools[-1].container_spec.image_uri == image
    variables = {variable.name: variable.value for variable in pools[0].container_spec.env}
    on_tpu = options.machine_type == "cloud-tpu"
    assert variables == {"TF_USE_LEGACY_KERAS": "1", **({"TPU_NAME": "local"} if on_tpu else {})}
    if options.parameter_servers:
        assert pools[2].machine_spec.machine_type == "n1-highmem-8"


def test_custom_jobs_carry_account_network_key_labels_and_scheduling(image):
    key = "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k"
    network = "projects/123/global/networks/vpc"
    job = custom_job_spec(
        *PLACE,
        image,
        CustomJobOptions(
            service_account=ACCOUNT,
            network=network,
            encryption_key=key,
            labels={"a": "b"},
            timeout_seconds=3600,
            spot=True,
        ),
    )
    assert job["job_spec"]["service_account"] == ACCOUNT
    assert job["job_spec"]["network"] == network
    assert job["job_spec"]["scheduling"] == {"timeout": "3600s", "strategy": "SPOT"}
    assert job["encryption_spec"] == {"kms_key_name": key}
    assert job["labels"] == {"a": "b"}


def test_tfx_finds_the_job_in_the_custom_config(image):
    from tfx.extensions.google_cloud_ai_platform import training_clients

    job = custom_job_spec(*PLACE, image, CustomJobOptions(workers=1))
    config = json.loads(json.dumps(training_custom_config("europe-west4", job)))
    assert config["ai_platform_enable_vertex"] is True
    assert config["ai_platform_vertex_region"] == "europe-west4"
    # The client's constructor alone needs credentials; what it makes of the job does not.
    client = object.__new__(training_clients.VertexJobClient)
    client._region = "europe-west4"
    arguments = config["ai_platform_training_args"]
    assert arguments.pop("project") == "some-project"
    made = client.create_training_job({}, {}, {}, "a.b.Executor", arguments, None, None)
    pools = made["job_spec"]["worker_pool_specs"]
    assert [pool["replica_count"] for pool in pools] == [1, 1]
    for pool in pools:
        assert pool["container_spec"]["image_uri"] == image
        assert pool["container_spec"]["command"][:3] == [
            "python",
            "-m",
            "tfx.scripts.run_executor",
        ]


def test_custom_jobs_report_everything_wrong():
    with pytest.raises(InputError) as caught:
        custom_job_spec(
            "P",
            "moon",
            "image",
            CustomJobOptions(
                machine_type="large",
                workers=-1,
                parameter_server_machine_type="x",
                parameter_servers=1,
                accelerator_type="NVIDIA_T4",
                accelerator_count=3,
                disk_gb=10,
                service_account="me",
                network="default",
                encryption_key="k",
                timeout_seconds=0,
            ),
        )
    assert len(caught.value.problems) == 13


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (CustomJobOptions(parameter_servers=2), "0 beside parameter servers"),
        (CustomJobOptions("cloud-tpu"), "None on cloud-tpu"),
        (CustomJobOptions(accelerator_type="TPU_V3", accelerator_count=8), "TPU_V3 on n1-standard"),
        (
            CustomJobOptions("cloud-tpu", 1, accelerator_type="TPU_V2", accelerator_count=8),
            "one machine with a TPU",
        ),
        (CustomJobOptions("cloud-tpu", accelerator_type="TPU_V2", accelerator_count=4), "8 cores"),
    ],
)
def test_machines_that_do_not_go_together(image, options, message):
    with pytest.raises(InputError, match=message):
        custom_job_spec(*PLACE, image, options)


def test_a_generated_trainer_gets_parameter_servers(image):
    trainer = CustomJobTrainer(
        project="some-project",
        region="europe-west4",
        image=image,
        job=CustomJobOptions(workers=2, parameter_servers=1),
        examples=channel.Channel(type=standard_artifacts.Examples),
        transform_graph=channel.Channel(type=standard_artifacts.TransformGraph),
        module=channel.Channel(type=ModuleFile),
    )
    config = json.loads(trainer.exec_properties["custom_config"])
    pools = config["ai_platform_training_args"]["job_spec"]["worker_pool_specs"]
    assert [pool["replica_count"] for pool in pools] == [1, 2, 1]
