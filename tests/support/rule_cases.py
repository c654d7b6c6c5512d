"""Cases of config rules: a rule, a config that breaks it, and the one problem reported."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tfx_retrieval.config.checks import FEATURE_CONFIG_CHECKS, MODEL_CONFIG_CHECKS
from tfx_retrieval.errors import InputError

Case = tuple[str, dict[str, Any], str, str, str, str]
"""Rule, config, path, and what is received, what expected, and how the remedy begins."""


def feature(column: str, kind: str = "categorical", **rest: Any) -> dict[str, Any]:
    return {"column": column, "type": kind, **rest}


USER, ITEM = feature("user"), feature("item")
AGE = feature("age", "numeric")
SEEN = feature("seen", "temporal", normalize={})


def features(
    query: Sequence[dict[str, Any]] = (),
    candidate: Sequence[dict[str, Any]] = (),
    query_rest: dict[str, Any] | None = None,
    candidate_rest: dict[str, Any] | None = None,
    **interaction: Any,
) -> dict[str, Any]:
    """Returns a FeatureConfig with these features besides the ids."""
    return {
        "query": {"id": "user", "features": [USER, *query], **(query_rest or {})},
        "candidate": {"id": "item", "features": [ITEM, *candidate], **(candidate_rest or {})},
        "interaction": interaction,
    }


def crosses(*columns: Sequence[str]) -> dict[str, Any]:
    return {"crosses": [{"columns": list(names)} for names in columns]}


def named(cases: Sequence[Case]) -> list[Any]:
    """Returns the cases as parameters that are called like their rules."""
    return [pytest.param(*case, id=f"{case[0]}-{number}") for number, case in enumerate(cases)]


def assert_problem(
    parse: Callable[[str, str], Any],
    document: dict[str, Any],
    where: str,
    received: str,
    expected: str,
    remedy: str,
) -> None:
    with pytest.raises(InputError) as caught:
        parse(json.dumps(document), "c.json")
    problems = caught.value.problems
    assert len(problems) == 1, "\n".join(map(str, problems))
    assert problems[0].where == f"c.json: {where}"
    assert received in problems[0].received
    assert expected in problems[0].expected
    assert problems[0].remedy.startswith(remedy)


def assert_all_rules_have_cases(module: types.ModuleType, cases: Sequence[Case]) -> None:
    """Asserts that a module's rules are registered and that each has a case."""
    checks = [*FEATURE_CONFIG_CHECKS, *MODEL_CONFIG_CHECKS]
    registered = {check.__name__ for check in checks if inspect.getmodule(check) is module}
    assert registered == {f"check_{case[0]}" for case in cases}
