"""Jinja templates of the generated modules."""

from __future__ import annotations

import functools

import jinja2

from tfx_retrieval.components.config_codegen.source import literal


def render(template: str, **values: object) -> str:
    """Returns the text of a template; a name the template misses is an error.

    Args:
        template: File name of the template, for example `transform.py.jinja`.
        **values: What the template uses.
    """
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tfx_retrieval.components.config_codegen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # The output is Python; config text enters through `literal` alone.
    )
    environment.filters["literal"] = literal
    return environment
