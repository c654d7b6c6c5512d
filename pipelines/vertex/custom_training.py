"""Training on a Vertex AI custom job: several machines, or accelerators, for the trainer alone."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_ai_platform.trainer import executor as cloud_executor

from tfx_retrieval.components.two_tower_trainer import executor
from tfx_retrieval.components.two_tower_trainer.component import TwoTowerTrainer
from tfx_retrieval.pipelines.vertex.presets import (
    CustomJobOptions,
    custom_job_spec,
    training_custom_config,
)


class CustomJobExecutor(cloud_executor.GenericExecutor):
    """Starts a custom job whose machines run TwoTowerTrainer's executor, and waits for it."""

    def _GetExecutorClass(self) -> type[executor.Executor]:
        return executor.Executor


class CustomJobTrainer(TwoTowerTrainer):
    """TwoTowerTrainer whose work is done by a Vertex AI custom job.

    The task itself needs no large machine: it sends the job off and waits. Each machine of the job
    learns its place from `TF_CONFIG`, from which the generated `run_fn` chooses its strategy.

    Component `outputs` are those of TwoTowerTrainer.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(CustomJobExecutor)

    def __init__(
        self,
        *,
        project: str,
        region: str,
        image: str,
        job: CustomJobOptions | None = None,
        custom_config: dict[str, Any] | None = None,
        **arguments: Any,
    ):
        """Makes the component.

        Args:
            project: Project id.
            region: Region of the job.
            image: The image that docker/Dockerfile builds.
            job: Machines, network and account. Parameter servers need a module that was generated
                from a ModelConfig with `distribution.parameter_server`; others refuse to start.
            custom_config: Passed on to `run_fn`.
            **arguments: All other arguments of TwoTowerTrainer.

        Raises:
            InputError: With everything that is wrong with the job.
            ValueError: As TwoTowerTrainer does.
        """
        spec = custom_job_spec(project, region, image, job)
        super().__init__(
            custom_config={**(custom_config or {}), **training_custom_config(region, spec)},
            **arguments,
        )
