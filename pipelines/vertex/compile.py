"""Compiles a TFX pipeline into a pipeline job file for Vertex AI Pipelines."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.pipelines.vertex.lint import lint
from tfx_retrieval.pipelines.vertex.names import (
    image_problems,
    nearest,
    pipeline_name_problems,
    pipeline_root_problems,
    raise_problems,
)
from tfx_retrieval.pipelines.vertex.resources import Resources
from tfx_retrieval.pipelines.vertex.spec import PipelineJob, parse_job

if TYPE_CHECKING:
    from tfx.orchestration import pipeline as tfx_pipeline

_LOGGER = logging.getLogger("tfx_retrieval.vertex")

DEFAULT_IMAGE_KEY = "default"


@dataclasses.dataclass(frozen=True)
class CompiledPipeline:
    """The outcome of a compilation.

    Attributes:
        path: The file that was written.
        job: Its content.
    """

    path: str
    job: PipelineJob


def compile_pipeline(
    pipeline: tfx_pipeline.Pipeline | Callable[[], tfx_pipeline.Pipeline],
    output: str,
    image: str | Mapping[str, str],
    *,
    resources: Mapping[str, Resources] | None = None,
    display_name: str | None = None,
    allow_local_root: bool = False,
) -> CompiledPipeline:
    """Compiles a pipeline to a pipeline job (pipeline spec 2.1) and checks the outcome.

    The same pipeline gives the same bytes. Nothing is written if anything is wrong.

    Args:
        pipeline: A TFX pipeline, or a function that makes one.
        output: File to write, ending in `.json`; local or on a file system that TFX knows.
        image: Container image that has this package, for all components or by component id, the
            key `default` standing for the components that are not named.
        resources: CPUs, memory and accelerators by component id.
        display_name: Title shown by Vertex AI; the pipeline's name by default.
        allow_local_root: Whether the pipeline root may be a folder of this machine, which only
            `offline.run_offline` can use.

    Returns:
        The file and its content.

    Raises:
        InputError: With everything that is wrong: names, images, component ids, or what `lint`
            found in the compiled pipeline; or if KFP is not installed.
    """
    runner = _import_runner()
    made = pipeline() if callable(pipeline) else pipeline
    info = made.pipeline_info
    problems = pipeline_name_problems(info.pipeline_name)
    if not allow_local_root:
        problems += pipeline_root_problems(info.pipeline_root)
    if not output.endswith(".json"):
        problems.append(Problem("output", repr(output), "a file that ends in .json"))
    identifiers = [component.id for component in made.components]
    if not identifiers:
        problems.append(Problem("pipeline", "no components", "at least one component"))
    images, found = _images(image, identifiers)
    problems += found
    for identifier, resource in (resources or {}).items():
        problems += _unknown_component("resources", identifier, identifiers)
        problems += resource.problems(f"resources of {identifier}")
    raise_problems(problems)

    defaults = _parameter_defaults(made)
    document = runner.KubeflowV2DagRunner(
        runner.KubeflowV2DagRunnerConfig(
            display_name=display_name, default_image=images, use_pipeline_spec_2_1=True
        )
    ).run(made, write_out=False)
    _set_parameter_defaults(document, defaults)
    _name_condition_inputs(document)
    _set_resources(document, resources or {})
    _set_environment(document)
    _leave_uncached(document, made)

    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    # Read back, so that the content returned is that of the file, in its order.
    job = parse_job(text, output)
    raise_problems(lint(job, allow_local_root=allow_local_root))
    _write(output, text)
    _LOGGER.info("compiled %d tasks to %s", len(job.tasks), output)
    return CompiledPipeline(output, job)


def _import_runner() -> Any:
    try:
        from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "kfp":
            raise
        raise InputError(
            Problem(
                "compile",
                "an installation without kfp",
                "the Kubeflow Pipelines SDK",
                "Install it with: pip install 'tfx-retrieval[kfp]'",
            )
        ) from error
    return kubeflow_v2_dag_runner


def _unknown_component(what: str, identifier: str, known: list[str]) -> list[Problem]:
    if identifier in known:
        return []
    return [
        Problem(
            f"{what} of {identifier!r}",
            "no such component in the pipeline",
            "the id of a component",
            nearest(identifier, known),
        )
    ]


def _images(
    image: str | Mapping[str, str], identifiers: list[str]
) -> tuple[str | dict[str, str], list[Problem]]:
    if isinstance(image, str):
        return image, image_problems(image)
    problems: list[Problem] = []
    for identifier, name in image.items():
        problems += image_problems(name, f"image of {identifier}")
        if identifier != DEFAULT_IMAGE_KEY:
            problems += _unknown_component("image", identifier, identifiers)
    if DEFAULT_IMAGE_KEY not in image:
        missing = sorted(set(identifiers) - set(image))
        if missing:
            problems.append(
                Problem(
                    "image",
                    f"none for {', '.join(missing)}",
                    f"an image for each component or one under {DEFAULT_IMAGE_KEY!r}",
                )
            )
    images = {name: image[name] for name in image if name != DEFAULT_IMAGE_KEY}
    if image:
        # TFX falls back to its public image wherever this key is missing.
        images["default_image_path"] = image.get(DEFAULT_IMAGE_KEY, next(iter(image.values())))
    return images, problems


def _parameter_defaults(pipeline: tfx_pipeline.Pipeline) -> dict[str, Any]:
    from tfx.orchestration import data_types

    defaults: dict[str, Any] = {}
    problems = []
    for component in pipeline.components:
        for key, value in component.exec_properties.items():
            if not isinstance(value, data_types.RuntimeParameter):
                continue
            if value.name in defaults and defaults[value.name] != value.default:
                problems.append(
                    Problem(
                        f"runtime parameter {value.name!r} in {component.id}.{key}",
                        f"the default {value.default!r}",
                        f"{defaults[value.name]!r}, as in another component",
                    )
                )
            defaults.setdefault(value.name, value.default)
    raise_problems(problems)
    return defaults


def _set_parameter_defaults(document: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """Adds the defaults of runtime parameters, which TFX leaves out of a pipeline spec 2.1."""
    definitions = document["pipelineSpec"]["root"].get("inputDefinitions", {})
    for name, definition in definitions.get("parameters", {}).items():
        if defaults.get(name) is not None:
            definition["defaultValue"] = defaults[name]
            definition["isOptional"] = True


def _name_condition_inputs(document: dict[str, Any]) -> None:
    """Lets conditions name inputs by the keys that the tasks have them under.

    TFX writes `_PRODUCER.KEY` into a condition even where the guarded component has that channel
    as an input of its own, under another key; the condition then refers to nothing.
    """
    for task in document["pipelineSpec"]["root"].get("dag", {}).get("tasks", {}).values():
        policy = task.get("triggerPolicy", {})
        if "condition" not in policy:
            continue
        artifacts = task.get("inputs", {}).get("artifacts", {})
        keys = {
            f"_{source['producerTask']}.{source['outputArtifactKey']}": key
            for key, value in artifacts.items()
            if (source := value.get("taskOutputArtifact"))
        }
        for written, key in sorted(keys.items()):
            if written not in artifacts:
                policy["condition"] = policy["condition"].replace(
                    f"inputs.artifacts['{written}']", f"inputs.artifacts['{key}']"
                )


def _set_resources(document: dict[str, Any], resources: Mapping[str, Resources]) -> None:
    """Sets container resources in the compiled pipeline.

    TFX takes them from `with_platform_config`, but passes over those of file-based ExampleGens.
    """
    spec = document["pipelineSpec"]
    problems = []
    for identifier, resource in resources.items():
        label = spec["components"].get(identifier, {}).get("executorLabel", "")
        executor = spec["deploymentSpec"]["executors"].get(label, {})
        if "container" in executor:
            executor["container"]["resources"] = resource.to_spec()
        else:
            problems.append(
                Problem(
                    f"resources of {identifier!r}",
                    "a component that runs no container",
                    "a component that runs one",
                )
            )
    raise_problems(problems)


def _set_environment(document: dict[str, Any]) -> None:
    """Chooses Keras 2 in every container.

    TFX's entry point imports TensorFlow, which settles the choice, before it imports this package.
    """
    for executor in document["pipelineSpec"]["deploymentSpec"]["executors"].values():
        if "container" in executor:
            variables = executor["container"].setdefault("env", [])
            variables.append({"name": "TF_USE_LEGACY_KERAS", "value": "1"})


def _leave_uncached(document: dict[str, Any], pipeline: tfx_pipeline.Pipeline) -> None:
    """Turns caching off for the tasks of components that read what no cache key tells of."""
    for component in pipeline.components:
        if getattr(component, "NEVER_CACHED_ON_VERTEX", False):
            task = document["pipelineSpec"]["root"]["dag"]["tasks"][component.id]
            task.pop("cachingOptions", None)


def _write(path: str, text: str) -> None:
    from tfx.dsl.io import fileio

    folder = os.path.dirname(path)
    if folder:
        fileio.makedirs(folder)
    with fileio.open(path, "w") as file:
        file.write(text)
