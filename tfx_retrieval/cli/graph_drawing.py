"""Draws a run's components as SVG."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tfx_retrieval.cli.progress import format_seconds

if TYPE_CHECKING:
    from tfx_retrieval.pipelines.run_store import Step

_WIDTH, _HEIGHT = 190, 46
_GAP_X, _GAP_Y = 24, 56
_MARGIN = 16
# Distance of the first lane from the boxes, between lanes, and between lines within a gap.
_FIRST_LANE, _LANE, _LINE = 16, 12, 5
_FILLS = {"done": "#e6f4ea", "reused": "#e8f0fe", "failed": "#fce8e6", "unfinished": "#f1f3f4"}

_Place = tuple[float, float]


def draw(steps: Sequence[Step]) -> str:
    """Draws the components in layers, each below everything that it reads.

    Arrows to the next layer are straight; longer ones go around the boxes in between, in one lane
    for each component that is read.

    Args:
        steps: The components of a run.

    Returns:
        An SVG document; the same steps give the same text.
    """
    layers = _layers(steps)
    places, right = _places(steps, layers)
    long_read = [
        step.component
        for step in steps
        if any(
            step.component in reader.reads and layers[reader.component] - layers[step.component] > 1
            for reader in steps
        )
    ]
    lanes = {component: number for number, component in enumerate(long_read)}
    arrows = [
        _straight(places[source], places[step.component])
        if layers[step.component] - layers[source] == 1
        else _around(places[source], places[step.component], right, lanes[source])
        for step in steps
        for source in step.reads
    ]
    boxes = [_box(step, *places[step.component]) for step in steps]
    width = right + _MARGIN + (_FIRST_LANE + len(lanes) * _LANE if lanes else 0)
    height = 2 * _MARGIN + (max(layers.values(), default=0) + 1) * (_HEIGHT + _GAP_Y) - _GAP_Y
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height}" '
            f'viewBox="0 0 {width:g} {height}" font-family="sans-serif" font-size="13">',
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5f6368"/></marker>'
            "</defs>",
            f'<rect width="{width:g}" height="{height}" fill="#ffffff"/>',
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


def _places(steps: Sequence[Step], layers: Mapping[str, int]) -> tuple[dict[str, _Place], float]:
    """Returns the left upper corner of each box, and the right end of the widest row."""
    rows: dict[int, list[str]] = {}
    for component in sorted(step.component for step in steps):
        rows.setdefault(layers[component], []).append(component)
    widest = max(map(len, rows.values()), default=1)
    full_width = widest * (_WIDTH + _GAP_X) - _GAP_X
    places = {}
    for layer, row in rows.items():
        left = _MARGIN + (full_width - len(row) * (_WIDTH + _GAP_X) + _GAP_X) / 2
        for column, component in enumerate(row):
            places[component] = (
                left + column * (_WIDTH + _GAP_X),
                float(_MARGIN + layer * (_HEIGHT + _GAP_Y)),
            )
    return places, float(_MARGIN + full_width)


def _straight(source: _Place, target: _Place) -> str:
    return _arrow(
        f"M{source[0] + _WIDTH / 2:g} {source[1] + _HEIGHT:g}L{target[0] + _WIDTH / 2:g} "
        f"{target[1]:g}"
    )


def _around(source: _Place, target: _Place, right: float, lane: int) -> str:
    """Returns an arrow through the gaps between rows and the lane beside all boxes."""
    out = source[1] + _HEIGHT + 2 * _LINE + lane * _LINE
    back = target[1] - 3 * _LINE - lane * _LINE
    # A little beside the middle, where the straight arrows are.
    return _arrow(
        f"M{source[0] + _WIDTH / 2 + 2 * _LINE:g} {source[1] + _HEIGHT:g}V{out:g}"
        f"H{right + _FIRST_LANE + lane * _LANE:g}V{back:g}"
        f"H{target[0] + _WIDTH / 2 + (lane + 2) * 2 * _LINE:g}V{target[1]:g}"
    )


def _arrow(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="#5f6368" marker-end="url(#head)"/>'


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
