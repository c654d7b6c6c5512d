"""Rules about the classes that a compiled pipeline names; these import TFX."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_retrieval.errors import Problem
from tfx_retrieval.pipelines.vertex.spec import PipelineJob, type_title

_EXECUTOR_FLAG = "--executor_class_path"
_INSTALL = "The class must be in a package that is installed in the image."


def executor_class_path(executor: Mapping[str, Any]) -> str | None:
    """Returns the executor class that a container is told to run.

    Args:
        executor: An executor definition of a compiled pipeline.

    Returns:
        The class path; None if the executor is no TFX container.
    """
    arguments = executor.get("container", {}).get("args", [])
    if _EXECUTOR_FLAG not in arguments[:-1]:
        return None
    return arguments[arguments.index(_EXECUTOR_FLAG) + 1]


def _import(path: str) -> Any:
    """Returns the class at `path`, or a sentence that says why there is none."""
    module, _, name = path.rpartition(".")
    if module in ("__main__", "") or module.startswith("__main__."):
        return "a class of a script or notebook, which no container can import"
    try:
        found = getattr(importlib.import_module(module), name)
    except AttributeError:
        return f"module {module} has no {name}"
    # Importing runs someone's code, which may fail in any way; the pipeline would fail likewise.
    except Exception as error:
        return f"importing {module} fails: {type(error).__name__}: {error}"
    return found if isinstance(found, type) else f"{path} is no class"


def executor_classes(job: PipelineJob) -> Iterator[Problem]:
    """Yields a problem for each executor class that cannot be imported."""
    from tfx.dsl.components.base import base_executor

    for name in job.tasks:
        path = executor_class_path(job.executor_of(name))
        if path is None:
            continue
        where = f"{job.source}: task {name}: executor {path}"
        found = _import(path)
        if isinstance(found, str):
            yield Problem(where, found, "an importable class", _INSTALL)
        elif not issubclass(found, base_executor.BaseExecutor):
            yield Problem(where, f"a {found.__mro__[1].__name__}", "a TFX executor")


def artifact_types(job: PipelineJob) -> Iterator[Problem]:
    """Yields a problem for each artifact type that a container could not turn into a class."""
    from tfx.orchestration.kubeflow.v2 import compiler_utils
    from tfx.types import artifact

    seen: set[str] = set()
    for name in job.tasks:
        component = job.component_of(name)
        for side in ("inputDefinitions", "outputDefinitions"):
            for key, definition in component.get(side, {}).get("artifacts", {}).items():
                title = type_title(definition.get("artifactType", {}))
                if title in seen or title in compiler_utils.TITLE_TO_CLASS_PATH:
                    continue
                seen.add(title)
                where = f"{job.source}: task {name}: {key!r} of type {title!r}"
                found = _import(title)
                if isinstance(found, str):
                    yield Problem(
                        where, found, "a standard type or PACKAGE.Class that exists", _INSTALL
                    )
                elif not issubclass(found, artifact.Artifact):
                    yield Problem(where, f"a {found.__mro__[1].__name__}", "a TFX artifact class")
                elif title != found.TYPE_NAME:
                    yield Problem(where, f"TYPE_NAME {found.TYPE_NAME!r}", repr(title))


def blessing_producers(job: PipelineJob) -> Iterator[Problem]:
    """Yields a problem if a resolver looks for blessed models that no blessing can lead to.

    The container entry point writes the model's name, which the resolver asks for, into a
    blessing only if the executor is a TFX Evaluator's and its output is called `blessing`.
    """
    from tfx.components.evaluator import executor as evaluator_executor

    resolvers = [
        name
        for name in job.tasks
        for query in job.executor_of(name)
        .get("resolver", {})
        .get("outputArtifactQueries", {})
        .values()
        if "current_model_id" in query.get("filter", "")
    ]
    if not resolvers:
        return
    for name in job.tasks:
        outputs = job.component_of(name).get("outputDefinitions", {}).get("artifacts", {})
        blessed = type_title(outputs.get("blessing", {}).get("artifactType", {}))
        path = executor_class_path(job.executor_of(name))
        found = _import(path) if path else ""
        if (
            blessed == "tfx.ModelBlessing"
            and isinstance(found, type)
            and issubclass(found, evaluator_executor.Executor)
        ):
            return
    yield Problem(
        f"{job.source}: task {resolvers[0]}",
        "a search for blessed models in a pipeline none of whose blessings names its model",
        "a task with an output 'blessing' whose executor subclasses TFX's Evaluator executor",
    )
