"""Parameters of a run: what a person changes from one run to the next without compiling again."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tfx_retrieval.components.bigquery_example_gen import query
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
        problems: Returns what is wrong with a value of that type, given what messages call it.
    """

    name: str
    type: type
    doc: str
    problems: Callable[[Any, str], list[Problem]] = lambda value, where: []


def _number_problems(value: float, where: str) -> list[Problem]:
    if value >= 0 and math.isfinite(value):
        return []
    return [Problem(where, repr(value), "a number above 0; 0 leaves the ModelConfig's")]


def _date_problems(value: str, where: str) -> list[Problem]:
    if value == "today" or re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return []
    return [Problem(where, repr(value), "a date such as 2026-12-24, or today")]


def _query_parameter_problems(value: str, where: str) -> list[Problem]:
    try:
        query.parse_parameters(value, where)
    except InputError as error:
        return list(error.problems)
    return []


def _table_problems(value: str, where: str) -> list[Problem]:
    if value and not query.source_problems(query.Source(table=value)):
        return []
    return [Problem(where, repr(value), "PROJECT.DATASET.TABLE or DATASET.TABLE")]


RUN_PARAMETERS: Mapping[str, RunParameter] = {
    parameter.name: parameter
    for parameter in (
        RunParameter("data", str, "Folder with the interaction table."),
        RunParameter(
            "table",
            str,
            "BigQuery table of interactions, PROJECT.DATASET.TABLE.",
            _table_problems,
        ),
        RunParameter(
            "query_parameters",
            str,
            "Parameters of the BigQuery query, a JSON object.",
            _query_parameter_problems,
        ),
        RunParameter(
            "run_date",
            str,
            "Date of exported embeddings, YYYY-MM-DD, or today.",
            _date_problems,
        ),
        RunParameter("epochs", int, "Passes over the training examples.", _number_problems),
        RunParameter(
            "batch_size",
            int,
            "Examples in a training batch, over all replicas.",
            _number_problems,
        ),
        RunParameter("learning_rate", float, "Learning rate of the optimiser.", _number_problems),
    )
}

_KINDS: Mapping[type, str] = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE"}


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
        InputError: With each name that is not one of the job's, each value that is of another type
            or that its parameter cannot have, and each that is missing.
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
            expected = f"a parameter of {job.source}"
            problems.append(Problem(where, "none of that name", expected, remedy))
            continue
        kind = definitions[name].get("parameterType", "STRING")
        if not _is_of(value, kind):
            problems.append(Problem(where, repr(value), f"a value of type {kind}"))
            continue
        if kind == "NUMBER_INTEGER":
            values[name] = int(value)
        if name in RUN_PARAMETERS and kind == _KINDS[RUN_PARAMETERS[name].type]:
            problems += RUN_PARAMETERS[name].problems(values[name], where)
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


def parse_texts(job: PipelineJob, given: Mapping[str, Any]) -> dict[str, Any]:
    """Turns texts, as a command line gives them, into the numbers that the job declares.

    Args:
        job: The compiled job.
        given: Values by parameter name.

    Returns:
        Values by parameter name; unknown names and texts that are no number pass through for
        `resolve_parameters` to report.
    """
    return {
        name: _number(value, job.parameter_definitions.get(name, {}).get("parameterType"))
        if isinstance(value, str)
        else value
        for name, value in given.items()
    }


def _number(text: str, kind: str | None) -> str | int | float:
    with contextlib.suppress(ValueError):
        if kind == "NUMBER_INTEGER":
            return int(text)
        if kind == "NUMBER_DOUBLE":
            return float(text)
    return text
