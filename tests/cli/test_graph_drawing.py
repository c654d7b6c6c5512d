"""The drawing of a run."""

import itertools
import re
import xml.etree.ElementTree

from tfx_retrieval.cli import graph_drawing
from tfx_retrieval.pipelines.run_store import Step

SVG = "{http://www.w3.org/2000/svg}"


def boxes(drawing: str) -> dict[str, tuple[float, float]]:
    root = xml.etree.ElementTree.fromstring(drawing)
    rectangles = [node for node in root.findall(f"{SVG}rect") if node.get("rx")]
    names = [node.text for node in root.findall(f"{SVG}text")][::2]
    return {
        str(name): (float(rectangle.get("x", 0)), float(rectangle.get("y", 0)))
        for name, rectangle in zip(names, rectangles, strict=True)
    }


def test_components_stand_below_what_they_read_and_do_not_overlap() -> None:
    steps = [
        Step("Gen", "done", 4.0, (), {}),
        Step("Codegen", "done", 0.1, (), {}),
        Step("Transform", "done", 12.0, ("Codegen", "Gen"), {}),
        Step("Trainer", "failed", 3.0, ("Gen", "Transform"), {}),
    ]

    drawing = graph_drawing.draw(steps)
    places = boxes(drawing)

    assert places["Gen"][1] == places["Codegen"][1] < places["Transform"][1] < places["Trainer"][1]
    assert abs(places["Gen"][0] - places["Codegen"][0]) > 190
    assert drawing.count("marker-end") == 4
    assert ">12 s<" in drawing
    assert ">failed<" in drawing
    assert drawing == graph_drawing.draw(steps)


def points(path: str) -> list[tuple[float, float]]:
    """Returns the corners of a path of M, L, H and V."""
    corners: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([MLHV])([-\d. ]+)", path):
        values = list(map(float, numbers.split()))
        x, y = corners[-1] if corners else (0.0, 0.0)
        corners.append(
            (values[0], y)
            if command == "H"
            else (x, values[0])
            if command == "V"
            else tuple(values)
        )
    return corners


def test_arrows_do_not_cross_boxes() -> None:
    steps = [
        Step("Gen", "done", 4.0, (), {}),
        Step("Stats", "done", 0.1, ("Gen",), {}),
        Step("Schema", "done", 0.1, ("Stats",), {}),
        Step("Transform", "done", 12.0, ("Gen", "Schema"), {}),
        Step("Other", "done", 12.0, ("Gen", "Stats"), {}),
        Step("Trainer", "done", 3.0, ("Gen", "Schema", "Transform"), {}),
    ]

    drawing = graph_drawing.draw(steps)

    root = xml.etree.ElementTree.fromstring(drawing)
    corners = [points(node.get("d", "")) for node in root.findall(f"{SVG}path")]
    assert len(corners) == sum(len(step.reads) for step in steps)
    width = float(root.get("width", 0))
    for path in corners:
        for (x1, y1), (x2, y2) in itertools.pairwise(path):
            assert max(x1, x2) < width
            for left, top in boxes(drawing).values():
                inside_x = max(x1, x2) > left and min(x1, x2) < left + 190
                inside_y = max(y1, y2) > top and min(y1, y2) < top + 46
                assert not (inside_x and inside_y)


def test_names_are_escaped() -> None:
    drawing = graph_drawing.draw([Step("<a&b>", "reused", 0, (), {})])

    assert list(boxes(drawing)) == ["<a&b>"]


def test_a_run_without_components_is_an_empty_drawing() -> None:
    assert boxes(graph_drawing.draw([])) == {}
