"""Reading what a person hands in."""

import pathlib

import pytest

from tfx_retrieval import demo
from tfx_retrieval.cli import inputs
from tfx_retrieval.errors import InputError


def test_a_pair_of_good_configs() -> None:
    feature_config, model_config = inputs.read_pair(demo.FEATURES, demo.MODEL)

    assert feature_config.query.id == "CustomerID"
    assert model_config.batch_size > 1


def test_problems_of_both_configs_come_together(tmp_path: pathlib.Path) -> None:
    features, model = tmp_path / "features.json", tmp_path / "model.json"
    features.write_text('{"version": 1, "query": {}}')
    model.write_text('{"version": 1, "epochs": -1}')

    with pytest.raises(InputError) as caught:
        inputs.read_pair(features, model)

    files = {problem.where.split(":")[0] for problem in caught.value.problems}
    assert files == {str(features), str(model)}


def test_configs_that_do_not_go_together(tmp_path: pathlib.Path) -> None:
    model = tmp_path / "model.json"
    model.write_text('{"version": 1, "model_type": "ranking"}')

    with pytest.raises(InputError, match=r"interaction\.label"):
        inputs.read_pair(demo.FEATURES, model)


def test_queries(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "query.json"
    path.write_text('{"user": "é"}', encoding="utf-8")

    assert inputs.parse_query('{"user": 17, "country": null}') == {"user": 17, "country": None}
    assert inputs.parse_query(f"@{path}") == {"user": "é"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{user: 17}", "column 2.*\n.*shell needs the outer quotes"),
        ('["u17"]', "a JSON object, but got"),
        ("@/nowhere/query.json", r"--query @/nowhere/query\.json"),
    ],
)
def test_wrong_queries(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        inputs.parse_query(text)


def test_assignments() -> None:
    problems = inputs.Problems()
    assert inputs.parse_assignments("--label", ["a=1", "b=x=y", "c="], problems) == {
        "a": "1",
        "b": "x=y",
        "c": "",
    }
    problems.raise_if_any()

    assert set(inputs.parse_assignments("--label", ["a=1", "=2", "b", "a=3"], problems)) == {"a"}

    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    assert len(caught.value.problems) == 3


def test_collected_problems_are_raised_together() -> None:
    problems = inputs.Problems()
    problems.raise_if_any()
    for text in ("[", "{"):
        with problems.collected():
            inputs.parse_query(text)

    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    assert len(caught.value.problems) == 2
