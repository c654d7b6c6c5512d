"""Checks raw queries against a FeatureConfig, without the model, which takes seconds to load."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tfx_retrieval.errors import InputError, Problem

if TYPE_CHECKING:
    from tfx_retrieval.proto.feature_config_pb2 import Feature, FeatureConfig

_LARGEST_FLOAT = 3.4e38
_ID = "text or a whole number"
_TIME = "a time in ISO 8601, for example 2011-12-09T12:00:00, or whole seconds since 1970"


def prepare(
    query: Mapping[str, Any], feature_config: FeatureConfig, where: str = "--query"
) -> dict[str, Any]:
    """Returns a query as the model takes it: times in seconds, `17850.0` as the id 17850.

    Args:
        query: Raw query columns; None for a missing value, a time may be text in ISO 8601.
        feature_config: What the run was made with.
        where: What to call the query in a message.

    Raises:
        InputError: With every column that is unknown or has an impossible value.
    """
    from tfx_retrieval.config.reader import did_you_mean

    side = feature_config.query
    by_heading = {heading: name for name, heading in feature_config.headings.items()}
    features: dict[str, Feature | None] = {side.id: None}
    features |= {feature.column: feature for feature in side.features}
    problems = []
    prepared = {}
    for name, value in query.items():
        if name not in features:
            expected = f"one of {', '.join(features)}"
            remedy = did_you_mean(by_heading.get(name, name), features)
            problems.append(
                Problem(f"{where}: column {name!r}", "an unknown column", expected, remedy)
            )
            continue
        plain, expected = _convert(value, features[name])
        prepared[name] = plain
        if expected:
            received = _shown(value)
            problems.append(Problem(f"{where}: column {name!r}", received, expected))
    if problems:
        raise InputError(problems)
    return prepared


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _convert(value: Any, feature: Feature | None) -> tuple[Any, str]:
    """Returns a value in the type of a feature, and what was expected if it has none of it."""
    from tfx_retrieval.proto.feature_config_pb2 import FeatureType

    if value is None:
        return None, ""
    if feature is None:
        return _identifier(value)
    if feature.type == FeatureType.categorical and not feature.HasField("values"):
        return _identifier(value)
    if feature.type in (FeatureType.categorical, FeatureType.history):
        return _each(_split(value, feature), _identifier, f"a list, each value {_ID}")
    if feature.type == FeatureType.vector:
        size = feature.vector.dimension
        values, wrong = _each(value, _number, f"a list of {size:,} numbers")
        return values, wrong or ("" if len(values) == size else f"a list of {size:,} numbers")
    if feature.type == FeatureType.temporal:
        return _moment(value)
    if feature.type == FeatureType.text:
        return str(value), "" if isinstance(value, str) or _is_int64(value) else "text"
    if feature.type == FeatureType.boolean:
        good = isinstance(value, bool | int | float) and value in (0, 1)
        return int(value) if good else value, "" if good else "true or false"
    return _number(value)


def _split(value: Any, feature: Feature) -> Any:
    """Returns the values of a list that is written as text, as a run reads it."""
    if not isinstance(value, str):
        return value
    if not feature.values.HasField("separator"):
        return [value]
    parts = (part.strip() for part in value.split(feature.values.separator))
    return [part for part in parts if part]


def _each(
    value: Any, convert: Callable[[Any], tuple[Any, str]], expected: str
) -> tuple[list[Any], str]:
    if not isinstance(value, list):
        return [], expected
    converted = [convert(item) for item in value]
    wrong = any(wrong for _, wrong in converted)
    return [item for item, _ in converted], expected if wrong else ""


def _identifier(value: Any) -> tuple[Any, str]:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    good = isinstance(value, str) or _is_int64(value)
    return value, "" if good else _ID


def _number(value: Any) -> tuple[Any, str]:
    if isinstance(value, bool):
        return int(value), ""
    if isinstance(value, float):
        return value, "" if abs(value) <= _LARGEST_FLOAT else "a finite number"
    return value, "" if _is_int64(value) else "a number"


def _is_int64(value: Any) -> bool:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return is_integer and -(2**63) <= value < 2**63


def _moment(value: Any) -> tuple[Any, str]:
    if isinstance(value, float) and math.isfinite(value):
        value = math.floor(value)
    if not isinstance(value, str):
        return value, "" if _is_int64(value) else _TIME
    try:
        moment = datetime.datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    except ValueError:
        return value, _TIME
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return math.floor(moment.timestamp()), ""


def missing_id(query: Mapping[str, Any], feature_config: FeatureConfig) -> Iterator[Problem]:
    """Yields the problem of a query without the id that what it met is looked up by."""
    name = feature_config.query.id
    if query.get(name) is None:
        yield Problem(
            "--query",
            f"no {name!r}",
            f"a value for {name!r}",
            "Without it nothing is known to leave out; add it, or drop --exclude-seen.",
        )
