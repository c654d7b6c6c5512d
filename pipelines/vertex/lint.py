"""Finds in a compiled pipeline what Vertex AI would find only hours into a run.

Each rule is a function from the job to the problems it sees; `lint` runs them all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfx_retrieval.errors import Problem
from tfx_retrieval.pipelines.vertex import conditions, lint_imports
from tfx_retrieval.pipelines.vertex.names import (
    image_problems,
    nearest,
    pipeline_name_problems,
    pipeline_root_problems,
)
from tfx_retrieval.pipelines.vertex.spec import (
    PARAMETER_TYPES,
    PipelineJob,
    producers,
    topological_order,
    type_title,
)

Rule = Callable[[PipelineJob], Iterator[Problem]]

# Linux refuses a command-line argument of this many bytes (MAX_ARG_STRLEN), and a task gets all
# its parameters as one argument. The rest is left for artifacts.
_LONGEST_PARAMETERS = 131_072 - 16_384

_SECRETS: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\"private_key\"\s*:"),
    "a Google API key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    "a Google access token": re.compile(r"\bya29\.[0-9A-Za-z_-]{20,}"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[0-9A-Za-z]{36}"),
    "a password or token": re.compile(
        r"(?i)\b(?:password|passwd|secret|api_?key|access_?token)['\"]?\s*[=:]\s*['\"]?[^\s'\",}{]{6}"
    ),
}
_SECRET_NAME = re.compile(r"(?i)(?:^|_)(?:password|passwd|secret|api_?key|access_?token)$")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\")
_ABSOLUTE_PATH = re.compile(r"/[\w.@+-][^\n]*")
_NESTED_ABSOLUTE_PATH = re.compile(r"/[\w.@+-]+(?:/[\w.@+ *-]+)+/?")
# Beam uploads to and reads from these, so a folder of one container is of no use.
_REMOTE_FLAGS = ("--temp_location", "--staging_location")


def lint(
    job: PipelineJob,
    *,
    allow_local_root: bool = False,
    check_root: bool = True,
    check_imports: bool = True,
) -> list[Problem]:
    """Checks a compiled pipeline.

    Args:
        job: The pipeline job.
        allow_local_root: Whether the pipeline root, and with it parameters, may be local paths.
        check_root: Whether to look at the compiled pipeline root; of no use if a run gets another.
        check_imports: Whether to import executors and artifact types; imports TFX and so costs
            seconds. Without it those classes are not checked.

    Returns:
        All problems; an empty list if there are none.
    """
    problems = list(_structure(job))
    if problems:
        # The other rules follow the references that these found to be broken.
        return problems
    rules = list(_RULES)
    if not allow_local_root:
        rules += [_root, _local_paths] if check_root else [_local_paths]
    if check_imports:
        rules += [lint_imports.executor_classes, lint_imports.artifact_types]
        rules += [lint_imports.blessing_producers]
    return [problem for rule in rules for problem in rule(job)]


def _structure(job: PipelineJob) -> Iterator[Problem]:
    """Every reference leads somewhere, and no task waits for itself."""
    base = f"{job.source}: $.pipelineSpec"
    if not job.tasks:
        yield Problem(f"{base}.root.dag.tasks", "no tasks", "at least one")
    for name, task in job.tasks.items():
        where = f"{base}.root.dag.tasks.{name}"
        for path, producer in producers(task):
            if producer not in job.tasks:
                remedy = nearest(producer, job.tasks)
                yield Problem(f"{where}.{path}", repr(producer), "the name of a task", remedy)
        reference = task.get("componentRef", {}).get("name", "")
        if reference not in job.components:
            remedy = nearest(reference, job.components)
            yield Problem(f"{where}.componentRef", repr(reference), "a component", remedy)
            continue
        component = job.components[reference]
        label = component.get("executorLabel", "")
        if label not in job.executors:
            yield Problem(
                f"{base}.components.{reference}.executorLabel",
                "a nested pipeline" if "dag" in component else repr(label),
                "the label of an executor",
                nearest(label, job.executors),
            )
    _, cycle = topological_order(job.tasks)
    if cycle:
        yield Problem(
            f"{base}.root.dag.tasks", f"tasks that wait for each other: {', '.join(cycle)}", "a DAG"
        )


def _channels(job: PipelineJob) -> Iterator[Problem]:
    """Consumers read outputs that exist and have the type they declare."""
    for name, task in job.tasks.items():
        where = f"{job.source}: task {name}"
        wanted = job.component_of(name).get("inputDefinitions", {}).get("artifacts", {})
        for key, value in task.get("inputs", {}).get("artifacts", {}).items():
            source = value.get("taskOutputArtifact")
            if source is None:
                yield Problem(f"{where}: input {key!r}", "no producer", "an output of a task")
                continue
            producer, output = source["producerTask"], source["outputArtifactKey"]
            made = job.component_of(producer).get("outputDefinitions", {}).get("artifacts", {})
            if output not in made:
                expected = f"an output of {producer}"
                yield Problem(
                    f"{where}: input {key!r}", repr(output), expected, nearest(output, made)
                )
            elif key in wanted:
                types = [type_title(side["artifactType"]) for side in (made[output], wanted[key])]
                if types[0] != types[1]:
                    yield Problem(
                        f"{where}: input {key!r}", f"{types[0]} from {producer}", types[1]
                    )


def _parameters(job: PipelineJob) -> Iterator[Problem]:
    """Parameters have values of their types, and no run can lack one that nobody defines."""
    for name, task in job.tasks.items():
        definitions = job.component_of(name).get("inputDefinitions", {}).get("parameters", {})
        for key, value in task.get("inputs", {}).get("parameters", {}).items():
            where = f"{job.source}: task {name}: parameter {key!r}"
            if "componentInputParameter" in value:
                reference = value["componentInputParameter"]
                if reference not in job.parameter_definitions:
                    remedy = nearest(reference, job.parameter_definitions)
                    yield Problem(where, repr(reference), "a parameter of the pipeline", remedy)
            elif "runtimeValue" in value:
                constant = value["runtimeValue"].get("constant")
                kind = definitions.get(key, {}).get("parameterType", "")
                if not isinstance(constant, PARAMETER_TYPES.get(kind, (object,))):
                    yield Problem(where, repr(constant), f"a value of type {kind}")
                if isinstance(constant, str) and '"RuntimeParameter"' in constant:
                    yield Problem(
                        where,
                        "a runtime parameter inside JSON",
                        "a runtime parameter as the whole value",
                        "KFP v2 does not look into JSON.",
                    )


def _argument_length(job: PipelineJob) -> Iterator[Problem]:
    for name, task in job.tasks.items():
        size = len(json.dumps(task.get("inputs", {}).get("parameters", {})).encode())
        if size > _LONGEST_PARAMETERS:
            yield Problem(
                f"{job.source}: task {name}",
                f"{size:,} bytes of parameters",
                f"at most {_LONGEST_PARAMETERS:,}, since they reach the container in one argument",
            )


def _conditions(job: PipelineJob) -> Iterator[Problem]:
    """Conditions can be read and refer to inputs of their task."""
    for name, task in job.tasks.items():
        text = task.get("triggerPolicy", {}).get("condition")
        if text is None:
            continue
        where = f"{job.source}: task {name}: condition"
        try:
            keys = conditions.input_keys(conditions.parse(text))
        except conditions.ConditionError as error:
            yield Problem(where, str(error), "what TFX's Cond writes")
            continue
        artifacts = task.get("inputs", {}).get("artifacts", {})
        for key in sorted(keys - set(artifacts)):
            yield Problem(where, repr(key), "an input of the task", nearest(key, artifacts))


def _images(job: PipelineJob) -> Iterator[Problem]:
    for name in job.tasks:
        container = job.executor_of(name).get("container")
        if container is not None:
            yield from image_problems(
                container.get("image", ""), f"{job.source}: task {name}: image"
            )


def _resolver_types(job: PipelineJob) -> Iterator[Problem]:
    """Resolvers ask for types that Vertex AI stores under that name."""
    for name in job.tasks:
        queries = job.executor_of(name).get("resolver", {}).get("outputArtifactQueries", {})
        for key, query in queries.items():
            if 'schema_title="tfx.Artifact"' in query.get("filter", ""):
                yield Problem(
                    f"{job.source}: task {name}: output {key!r}",
                    "a query for an artifact of a custom type",
                    "a standard TFX type",
                    "Vertex AI stores custom types under their own names, so TFX's query finds "
                    "none of them.",
                )


def _texts(job: PipelineJob) -> Iterator[tuple[str, str, str]]:
    """Yields place, name and text of each constant, argument and environment variable."""
    for name, task in job.tasks.items():
        where = f"{job.source}: task {name}"
        for key, value in task.get("inputs", {}).get("parameters", {}).items():
            constant = value.get("runtimeValue", {}).get("constant")
            if isinstance(constant, str):
                yield f"{where}: parameter {key!r}", key, constant
        executor = job.executor_of(name)
        container = executor.get("container", {})
        for argument in container.get("args", ()):
            flag, _, value = argument.partition("=")
            yield f"{where}: argument {flag if value else 'of the container'}", flag, argument
        for variable in container.get("env", ()):
            variable_name = variable.get("name", "")
            yield f"{where}: variable {variable_name}", variable_name, variable.get("value", "")
        uri = executor.get("importer", {}).get("artifactUri", {}).get("constant")
        if isinstance(uri, str):
            yield f"{where}: artifact URI", "artifact_uri", uri
    values = {
        key: definition["defaultValue"]
        for key, definition in job.parameter_definitions.items()
        if "defaultValue" in definition
    }
    values.update(job.document.get("runtimeConfig", {}).get("parameterValues", {}))
    for key, value in values.items():
        if isinstance(value, str):
            yield f"{job.source}: parameter {key!r} of the pipeline", key, value


def _leaves(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yields key, text and whether it was inside JSON, for each text in what may be JSON."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        yield "", text, False
        return
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        key, item = pending.pop()
        if isinstance(item, dict):
            pending += item.items()
        elif isinstance(item, list):
            pending += [(key, entry) for entry in item]
        elif isinstance(item, str):
            yield key, item, True


def _is_local(text: str, nested: bool) -> bool:
    if text.startswith("file:") or _WINDOWS_PATH.match(text) or text.startswith("~/"):
        return True
    # Vertex AI mounts Cloud Storage there, in every container.
    if text.startswith("/gcs/"):
        return False
    return bool((_NESTED_ABSOLUTE_PATH if nested else _ABSOLUTE_PATH).fullmatch(text))


def _local_paths(job: PipelineJob) -> Iterator[Problem]:
    expected = "a path that every container can read, such as gs://BUCKET/FOLDER"
    for where, name, text in _texts(job):
        if name.startswith("--"):
            _, separator, value = text.partition("=")
            if not separator:
                continue
            local = value.startswith("file:") or (
                name in _REMOTE_FLAGS and _is_local(value, nested=False)
            )
            if local:
                yield Problem(where, repr(value), expected)
            continue
        for _, leaf, nested in _leaves(text):
            if _is_local(leaf, nested):
                yield Problem(where, repr(leaf), expected)


def _secrets(job: PipelineJob) -> Iterator[Problem]:
    """No value looks like a credential; messages never repeat the value."""
    remedy = "A compiled pipeline is readable by everyone who can see the job; use Secret Manager."
    for where, name, text in _texts(job):
        kinds = [kind for kind, pattern in _SECRETS.items() if pattern.search(text)]
        named = [
            key
            for key, leaf, _ in _leaves(text)
            if leaf and (_SECRET_NAME.search(key) or (not key and _SECRET_NAME.search(name)))
        ]
        if kinds:
            yield Problem(where, f"what looks like {kinds[0]}", "no secret", remedy)
        elif named:
            yield Problem(
                where, f"a value under the name {named[0] or name!r}", "no secret", remedy
            )


def _names(job: PipelineJob) -> Iterator[Problem]:
    yield from pipeline_name_problems(job.name)


def _root(job: PipelineJob) -> Iterator[Problem]:
    yield from pipeline_root_problems(job.root, f"{job.source}: pipeline root")


_RULES: tuple[Rule, ...] = (
    _names,
    _channels,
    _parameters,
    _argument_length,
    _conditions,
    _images,
    _resolver_types,
    _secrets,
)
