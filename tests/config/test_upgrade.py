"""Configs of earlier and later versions of the format."""

import pytest

from tfx_retrieval.config import upgrade


@pytest.fixture
def third_version(monkeypatch):
    """A format that was changed twice."""

    def rename(document):
        document["title"] = document.pop("name", "")

    def drop(document):
        document.pop("seed", None)

    monkeypatch.setattr(upgrade, "CURRENT_VERSION", 3)
    monkeypatch.setattr(upgrade, "UPGRADES", {1: rename, 2: drop})


@pytest.mark.usefixtures("third_version")
@pytest.mark.parametrize(
    ("document", "upgraded"),
    [
        ({"version": 1, "name": "a", "seed": 1}, {"version": 3, "title": "a"}),
        ({"name": "a", "seed": 1}, {"version": 3, "title": "a"}),
        ({"version": 2, "name": "a", "seed": 1}, {"version": 3, "name": "a"}),
        ({"version": 3, "seed": 1}, {"version": 3, "seed": 1}),
    ],
)
def test_each_step_is_taken_once(document, upgraded):
    assert upgrade.upgrade(document) is None
    assert document == upgraded


@pytest.mark.usefixtures("third_version")
def test_later_version_is_refused():
    finding = upgrade.upgrade({"version": 4})
    assert finding is not None
    assert finding.expected == "a version of at most 3"


@pytest.mark.parametrize("document", [[], "x", {"version": "1"}, {"version": True}, {"version": 0}])
def test_what_is_no_version_is_left_to_the_reader(document):
    assert upgrade.upgrade(document) is None
