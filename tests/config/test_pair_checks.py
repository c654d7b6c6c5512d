"""Rules that concern both configs."""

import json
import pathlib

import pytest

from tfx_retrieval.components.config_codegen.tower_inputs import tower_inputs
from tfx_retrieval.config import (
    check_pair,
    parse_feature_config,
    parse_model_config,
    read_feature_config,
)
from tfx_retrieval.config.widths import layers_input_width
from tfx_retrieval.errors import InputError

FEATURES = {
    "query": {"id": "user", "features": [{"column": "age", "type": "numeric"}]},
    "candidate": {"id": "item", "features": [{"column": "price", "type": "numeric"}]},
}


def problems_of(model):
    features = parse_feature_config(json.dumps(FEATURES))
    with pytest.raises(InputError) as caught:
        check_pair(features, parse_model_config(json.dumps(model)), "f.json", "m.json")
    return caught.value.problems


@pytest.mark.parametrize("model_type", ["ranking", "multitask"])
def test_label_is_needed(model_type):
    (problem,) = problems_of({"model_type": model_type})
    assert problem.where == "f.json: $.interaction.label"
    assert problem.received == "no such key"
    assert problem.expected == f"the numeric column that a {model_type} model predicts"
    assert problem.remedy == "Name the column, or write model_type retrieval in m.json."


def test_biases_need_ids_and_all_problems_are_reported():
    problems = problems_of({"model_type": "ranking", "query_bias": True, "candidate_bias": True})
    assert [problem.where for problem in problems] == [
        "f.json: $.interaction.label",
        "m.json: $.query_bias",
        "m.json: $.candidate_bias",
    ]
    assert problems[1].received == 'true, while the query\'s id "user" is no feature'
    assert '"item" at $.candidate.features in f.json' in problems[2].expected


def test_pair_that_goes_together():
    document = {**FEATURES, "interaction": {"label": "stars"}}
    features = parse_feature_config(json.dumps(document))
    check_pair(features, parse_model_config('{"model_type": "ranking"}'))
    check_pair(parse_feature_config(json.dumps(FEATURES)), parse_model_config("{}"))


@pytest.mark.parametrize(
    ("feature", "state"),
    [({"column": "age", "type": "numeric"}, "is no feature"), ({"hash": {}}, "is hashed")],
)
def test_id_dropout_needs_a_row_for_unknown_ids(feature, state):
    user = {"column": "user", "type": "categorical"}
    if "hash" in feature:
        feature = {**user, "hash": {"buckets": 10}}
    item = {"column": "item", "type": "categorical"}
    document = {
        "query": {"id": "user", "features": [feature]},
        "candidate": {"id": "item", "features": [item]},
    }
    features = parse_feature_config(json.dumps(document))
    towers = {f"{side}_tower": {"id_dropout": 0.25} for side in ("query", "candidate")}
    with pytest.raises(InputError) as caught:
        check_pair(features, parse_model_config(json.dumps(towers)), "f.json", "m.json")
    (problem,) = caught.value.problems
    assert problem.where == "m.json: $.query_tower.id_dropout"
    assert problem.received == f'0.25, while the query\'s id "user" {state}'
    assert problem.expected.startswith("0, or a vocabulary or integer_id of the column")


def test_tower_without_dense_layer_keeps_the_width_of_its_inputs():
    item = {"column": "item", "type": "categorical"}
    history = {"column": "before", "type": "history"}
    price = {"column": "price", "type": "numeric"}
    document = {
        "query": {"id": "user", "features": [history]},
        "candidate": {"id": "item", "features": [item]},
        "interaction": {"timestamp": "when"},
    }
    model = parse_model_config('{"output_projection": false, "output_embedding_dim": 24}')
    check_pair(parse_feature_config(json.dumps(document)), model)
    document["candidate"]["features"].append(price)
    with pytest.raises(InputError) as caught:
        check_pair(parse_feature_config(json.dumps(document)), model, "f.json", "m.json")
    (problem,) = caught.value.problems
    assert problem.where == "m.json: $.candidate_tower.layers"
    assert problem.received.startswith("no dense layer over inputs of width 1 from $.candidate")
    assert problem.expected == "a last dense layer of 24 units"


EVERY_KIND = pathlib.Path(__file__).parents[1] / "golden" / "modules" / "every_kind"


@pytest.mark.parametrize("has_id", [True, False])
def test_widths_are_those_of_the_generated_towers(has_id):
    config = read_feature_config(EVERY_KIND / "features.json")
    for side in (config.query, config.candidate):
        inputs = tower_inputs(config, side, 24)
        expected = sum(item.width for item in inputs if has_id or item.feature != side.id)
        assert layers_input_width(config, side, 24, has_id) == expected
