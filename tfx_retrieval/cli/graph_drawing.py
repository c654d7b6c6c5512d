"""Draws a run's components as SVG."""

from __future__ import annotations

import html
from collections.abc import Sequence

from tfx_retrieval.cli.progress import format_seconds
from tfx_retrieval.cli.run_directory import Step

_WIDTH, _HEIGHT = 190, 46
_GAP_X, _GAP_Y = 24, 44
_MARGIN = 16
_FILLS = {"done": "#e6f4ea", "reused": "#e8f0fe", "failed": "#fce8e6", "unfinished": "#f1f3f4"}


def draw(steps: Sequence[Step]) -> str:
    """Draws the components in layers, each below everything that it reads.

    Args:
        steps: The components of a run.

    Returns:
        An SVG document; the same steps give the same text.
    """
    layers = _layers(steps)
    rows: dict[int, list[Step]] = {}
    for step in sorted(steps, key=lambda step: (layers[step.component], step.component)):
        rows.setdefault(layers[step.component], []).append(step)
    widest = max((len(row) for row in rows.values()), default=1)
    full_width = widest * _WIDTH + (widest - 1) * _GAP_X
    places: dict[str, tuple[float, float]] = {}
    for layer, row in rows.items():
        left = (full_width - len(row) * _WIDTH - (len(row) - 1) * _GAP_X) / 2 + _MARGIN
        for column, step in enumerate(row):
            places[step.component] = (
                left + column * (_WIDTH + _GAP_X),
                _MARGIN + layer * (_HEIGHT + _GAP_Y),
            )
    arrows = [
        _arrow(places[source], places[step.component]) for step in steps for source in step.reads
    ]
    boxes = [_box(step, *places[step.component]) for step in steps]
    width = full_width + 2 * _MARGIN
    height = 2 * _MARGIN + len(rows) * _HEIGHT + max(len(rows) - 1, 0) * _GAP_Y
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5f6368"/></marker>'
            "</defs>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *arrows,
            *boxes,
            "</svg>\n",
        ]
    )


def _layers(steps: Sequence[Step]) -> dict[str, int]:
    """Returns the length of the longest chain of components that leads to each."""
    reads = {step.component: step.reads for step in steps}
    layers: dict[str, int] = {}

    def layer(component: str) -> int:
        if component not in layers:
            layers[component] = 1 + max(map(layer, reads[component]), default=-1)
        return layers[component]

    for component in reads:
        layer(component)
    return layers


def _arrow(source: tuple[float, float], target: tuple[float, float]) -> str:
    start_x, start_y = source[0] + _WIDTH / 2, source[1] + _HEIGHT
    end_x, end_y = target[0] + _WIDTH / 2, target[1]
    bend = _GAP_Y / 2
    return (
        f'<path d="M{start_x:g} {start_y:g}C{start_x:g} {start_y + bend:g} '
        f'{end_x:g} {end_y - bend:g} {end_x:g} {end_y:g}" fill="none" stroke="#5f6368" '
        'marker-end="url(#head)"/>'
    )


def _box(step: Step, left: float, top: float) -> str:
    middle = left + _WIDTH / 2
    below = "reused" if step.state == "reused" else format_seconds(step.seconds)
    if step.state in ("failed", "unfinished"):
        below = step.state
    return (
        f'<rect x="{left:g}" y="{top:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" '
        f'fill="{_FILLS[step.state]}" stroke="#5f6368"/>'
        f'<text x="{middle:g}" y="{top + 19:g}" text-anchor="middle">'
        f"{html.escape(step.component)}</text>"
        f'<text x="{middle:g}" y="{top + 37:g}" text-anchor="middle" fill="#5f6368">'
        f"{html.escape(below)}</text>"
    )
