"""Reads YAML files of plain data."""

from __future__ import annotations

from typing import Any

from tfx_retrieval.config.findings import quote
from tfx_retrieval.config.json_text import JsonObject
from tfx_retrieval.errors import InputError, Problem

# No config is as deep, and Python's own limit, which others may raise, is not reached.
_DEEPEST = 50


def parse_yaml(text: str, source: str) -> Any:
    """Returns the value in a YAML text.

    Mappings come as `JsonObject`, which remembers keys that stand twice. Aliases are refused: a
    config needs none, and a few lines of them can grow without bounds.

    Args:
        text: The YAML text.
        source: What to call it in a message.

    Raises:
        InputError: The text is no YAML, holds aliases or tags, or is nested too deep.
    """
    # Only this reader needs the package, and importing it takes longer than reading a config.
    import yaml

    class Loader(yaml.SafeLoader):
        """A loader of plain data without aliases."""

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()
            if isinstance(event, yaml.AliasEvent):
                self._refuse(f"an alias, *{event.anchor}", event)
            if self.depth == _DEEPEST:
                self._refuse("values nested too deep", event)
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def _refuse(self, what: str, event: Any) -> None:
            raise yaml.composer.ComposerError(None, None, what, event.start_mark)

    def mapping(loader: Any, node: Any) -> JsonObject:
        pairs = loader.construct_pairs(node, deep=True)
        return JsonObject([(str(key), value) for key, value in pairs])

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise InputError(_syntax_problem(error, source)) from None
    except ValueError as error:
        raise InputError(Problem(source, str(error), "valid YAML")) from None


def _syntax_problem(error: Any, source: str) -> Problem:
    """Returns the place and the kind of a YAML error."""
    mark = getattr(error, "problem_mark", None)
    where = f"{source}: line {mark.line + 1}, column {mark.column + 1}" if mark else source
    message = getattr(error, "problem", None) or getattr(error, "reason", None) or "a syntax error"
    return Problem(where, quote(str(message)), "valid YAML of plain values")
