"""Parameters of a run: what a person changes from one run to the next without compiling again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.pipelines.vertex.names import nearest, raise_problems
from tfx_retrieval.pipelines.vertex.spec import PARAMETER_TYPES, PipelineJob

if TYPE_CHECKING:
    from tfx.orchestration import data_types

Value = str | int | float


@dataclasses.dataclass(frozen=True)
class RunParameter:
    """A parameter that this project's pipelines offer.

    Attributes:
        name: Name in the pipeline job.
        type: Its Python type.
        doc: What it does.
    """

    name: str
    type: type
    doc: str


RUN_PARAMETERS: Mapping[str, RunParameter] = {
    parameter.name: parameter
    for parameter in (
        RunParameter("data", str, "Folder with the interaction table."),
        RunParameter("table", str, "BigQuery table of interactions, PROJECT.DATASET.TABLE."),
        RunParameter("query_parameters", str, "Parameters of the BigQuery query, a JSON object."),
        RunParameter("run_date", str, "Date of exported embeddings, YYYY-MM-DD, or today."),
        RunParameter("epochs", int, "Passes over the training examples."),
        RunParameter("batch_size", int, "Examples in a training batch, over all replicas."),
        RunParameter("learning_rate", float, "Learning rate of the optimiser."),
    )
}


def runtime_parameters(**defaults: Value | None) -> dict[str, data_types.RuntimeParameter]:
    """Returns TFX runtime parameters for the arguments of a pipeline.

    A runtime parameter can stand only for a whole execution property: KFP v2 cannot reach into
    JSON. The components here take each of these as a property of its own for that reason.

    Args:
        **defaults: Value used when a run does not say otherwise, by a name in `RUN_PARAMETERS`.
            None makes the parameter one that each run must give.

    Returns:
        Runtime parameters by name.

    Raises:
        InputError: If a name is not known or a value has the wrong type.
    """
    from tfx.orchestration import data_types

    problems = []
    result = {}
    for name, value in defaults.items():
        if name not in RUN_PARAMETERS:
            remedy = nearest(name, RUN_PARAMETERS)
            problems.append(Problem(f"runtime parameter {name}", "it", "a known name", remedy))
            continue
        kind = RUN_PARAMETERS[name].type
        if value is not None and not _fits(value, kind):
            problems.append(
                Problem(
                    f"runtime parameter {name}", repr(value), f"a value of type {kind.__name__}"
                )
            )
            continue
        # TFX accepts a default only if its type is exactly the declared one.
        default = None if value is None else kind(value)
        result[name] = data_types.RuntimeParameter(name=name, ptype=kind, default=default)
    raise_problems(problems)
    return result


def _fits(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) if kind is float else isinstance(value, kind)


def resolve_parameters(job: PipelineJob, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Merges the parameters given for a run with the compiled ones, and checks them.

    Args:
        job: The compiled job.
        given: Values for this run by name.

    Returns:
        A value for each parameter of the job.

    Raises:
        InputError: If a name is not one of the job's, a type is wrong or a value is missing.
    """
    definitions = job.parameter_definitions
    problems = []
    values = {
        name: definition["defaultValue"]
        for name, definition in definitions.items()
        if "defaultValue" in definition
    }
    values.update(job.document.get("runtimeConfig", {}).get("parameterValues", {}))
    values.update(given or {})
    for name, value in values.items():
        where = f"parameter {name!r}"
        if name not in definitions:
            remedy = nearest(name, definitions)
            problems.append(Problem(where, "it", f"a parameter of {job.source}", remedy))
            continue
        kind = definitions[name].get("parameterType", "STRING")
        if not _is_of(value, kind):
            problems.append(Problem(where, repr(value), f"a value of type {kind}"))
        elif kind == "NUMBER_INTEGER":
            values[name] = int(value)
    for name in definitions:
        if name not in values:
            problems.append(
                Problem(f"parameter {name!r}", "no value", "a value; it has no default")
            )
    raise_problems(problems)
    return values


def _is_of(value: Any, kind: str) -> bool:
    types = PARAMETER_TYPES.get(kind, (object,))
    if isinstance(value, bool) and bool not in types:
        return False
    if kind == "NUMBER_INTEGER" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, types)


def parse_assignments(job: PipelineJob, assignments: Mapping[str, str]) -> dict[str, Any]:
    """Turns parameter values from a command line, all text, into the types that the job declares.

    Args:
        job: The compiled job.
        assignments: Text by parameter name.

    Returns:
        Values by parameter name; unknown names pass through for `resolve_parameters` to report.

    Raises:
        InputError: If a text is no number where one is declared.
    """
    problems = []
    values: dict[str, Any] = {}
    for name, text in assignments.items():
        kind = job.parameter_definitions.get(name, {}).get("parameterType", "STRING")
        try:
            if kind == "NUMBER_INTEGER":
                values[name] = int(text)
            elif kind == "NUMBER_DOUBLE":
                values[name] = float(text)
            else:
                values[name] = text
        except ValueError:
            problems.append(Problem(f"parameter {name!r}", repr(text), f"a value of type {kind}"))
    if problems:
        raise InputError(problems)
    return values
