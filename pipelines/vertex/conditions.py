"""Parses and evaluates the conditions that TFX writes into a compiled pipeline.

TFX turns a `Cond` predicate into the Common Expression Language (CEL). Only what its
`placeholder_to_cel` writes is understood here: numbers, quoted text, `inputs.artifacts['key']
.artifacts[0]` with `.uri` or `.metadata['name']`, `==`, `<`, `>`, `+`, `!`, `&&`, `||` and
parentheses. Grammar: https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<number>-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
    r"|(?P<text>'[^']*')"
    r"|(?P<artifact>inputs\.artifacts\['(?P<key>[^']+)'\]\.artifacts\[(?P<index>\d+)\]"
    r"(?:\.(?P<uri>uri)|\.metadata\['(?P<property>[^']+)'\]))"
    r"|(?P<operator>==|&&|\|\||[<>+!()])"
    r")"
)


class ConditionError(ValueError):
    """A condition cannot be parsed, or not be evaluated on the artifacts at hand."""


@dataclasses.dataclass(frozen=True)
class Literal:
    """A number or a text."""

    value: float | str


@dataclasses.dataclass(frozen=True)
class ArtifactValue:
    """The URI or a metadata value of an input artifact.

    Attributes:
        key: Input key.
        index: Position in the input's list of artifacts.
        property_name: Name in the artifact's metadata; None stands for its URI.
    """

    key: str
    index: int
    property_name: str | None


@dataclasses.dataclass(frozen=True)
class Operation:
    """An operator applied to one (`!`) or two operands."""

    operator: str
    operands: tuple[Expression, ...]


Expression: TypeAlias = "Literal | ArtifactValue | Operation"

# From loosest to tightest.
_BINARY_LEVELS: tuple[tuple[str, ...], ...] = (("||",), ("&&",), ("==", "<", ">"), ("+",))


@dataclasses.dataclass
class _Parser:
    """Recursive descent over the tokens of one condition."""

    text: str
    tokens: Sequence[Expression | str]
    position: int = 0

    def peek(self) -> Expression | str | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self) -> Expression | str | None:
        token = self.peek()
        self.position += 1
        return token

    def binary(self, level: int = 0) -> Expression:
        if level == len(_BINARY_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _BINARY_LEVELS[level]:
            operator = self.take()
            left = Operation(str(operator), (left, self.binary(level + 1)))
        return left

    def unary(self) -> Expression:
        token = self.take()
        if token == "!":
            return Operation("!", (self.unary(),))
        if token == "(":
            inner = self.binary()
            if self.take() != ")":
                raise ConditionError(f"a parenthesis is not closed in: {self.text}")
            return inner
        if token is None or isinstance(token, str):
            raise ConditionError(f"{token or 'the end'!r} stands where a value should: {self.text}")
        return token


def _tokens(text: str) -> list[Expression | str]:
    tokens: list[Expression | str] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConditionError(f"not understood from {text[position:].strip()!r} on: {text}")
        if match["number"] is not None:
            tokens.append(Literal(float(match["number"])))
        elif match["text"] is not None:
            tokens.append(Literal(match["text"][1:-1]))
        elif match["artifact"] is not None:
            tokens.append(ArtifactValue(match["key"], int(match["index"]), match["property"]))
        else:
            tokens.append(match["operator"])
        position = match.end()
    return tokens


def parse(text: str) -> Expression:
    """Parses a condition.

    Args:
        text: A condition as it stands in `triggerPolicy.condition`.

    Returns:
        Its expression tree.

    Raises:
        ConditionError: If it is outside the part of CEL that TFX writes.
    """
    parser = _Parser(text, _tokens(text))
    expression = parser.binary()
    if parser.peek() is not None:
        raise ConditionError(f"{parser.peek()!r} is left over at the end of: {text}")
    return expression


def input_keys(expression: Expression) -> set[str]:
    """Returns the keys of the input artifacts that an expression reads."""
    if isinstance(expression, ArtifactValue):
        return {expression.key}
    if isinstance(expression, Operation):
        return set().union(*map(input_keys, expression.operands))
    return set()


def evaluate(text: str, inputs: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Evaluates a condition.

    Args:
        text: The condition.
        inputs: Runtime artifacts by input key; each has `uri` and may have `metadata`.

    Returns:
        Whether the condition holds.

    Raises:
        ConditionError: If it cannot be parsed, reads an artifact or a property that is not there,
            or compares values of two types, which CEL calls an error.
    """
    value = _evaluate(parse(text), inputs, text)
    if not isinstance(value, bool):
        raise ConditionError(f"gives {value!r}, which is neither true nor false: {text}")
    return value


def _evaluate(
    expression: Expression, inputs: Mapping[str, Sequence[Mapping[str, Any]]], text: str
) -> Any:
    if isinstance(expression, Literal):
        return expression.value
    if isinstance(expression, ArtifactValue):
        return _artifact_value(expression, inputs, text)
    values = [_evaluate(operand, inputs, text) for operand in expression.operands]
    if expression.operator in ("!", "&&", "||"):
        if not all(isinstance(value, bool) for value in values):
            raise ConditionError(f"{expression.operator} is applied to {values!r} in: {text}")
        if expression.operator == "!":
            return not values[0]
        return all(values) if expression.operator == "&&" else any(values)
    left, right = values
    if type(left) is not type(right):
        raise ConditionError(f"{left!r} and {right!r} are of two types in: {text}")
    if expression.operator == "+":
        return left + right
    if expression.operator == "==":
        return left == right
    return left < right if expression.operator == "<" else left > right


def _artifact_value(
    reference: ArtifactValue, inputs: Mapping[str, Sequence[Mapping[str, Any]]], text: str
) -> Any:
    if reference.key not in inputs:
        raise ConditionError(
            f"there is no input {reference.key!r} (inputs: {', '.join(sorted(inputs)) or 'none'}) "
            f"in: {text}"
        )
    artifacts = inputs[reference.key]
    if reference.index >= len(artifacts):
        raise ConditionError(
            f"input {reference.key!r} has {len(artifacts)} artifacts, none at {reference.index} "
            f"in: {text}"
        )
    artifact = artifacts[reference.index]
    if reference.property_name is None:
        return artifact["uri"]
    metadata = artifact.get("metadata", {})
    if reference.property_name not in metadata:
        raise ConditionError(
            f"input {reference.key!r} has no property {reference.property_name!r} "
            f"(properties: {', '.join(sorted(metadata)) or 'none'}) in: {text}"
        )
    value = metadata[reference.property_name]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
