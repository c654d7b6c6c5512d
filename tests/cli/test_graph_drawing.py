"""The drawing of a run."""

import xml.etree.ElementTree

from tfx_retrieval.cli import graph_drawing
from tfx_retrieval.cli.run_directory import Step

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


def test_names_are_escaped() -> None:
    drawing = graph_drawing.draw([Step("<a&b>", "reused", 0, (), {})])

    assert list(boxes(drawing)) == ["<a&b>"]


def test_a_run_without_components_is_an_empty_drawing() -> None:
    assert boxes(graph_drawing.draw([])) == {}
