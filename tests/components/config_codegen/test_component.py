"""The component's spec, and what its constructor refuses."""

import json

import pytest
from tfx import types
from tfx.types import channel_utils, standard_artifacts

import tfx_retrieval
from tfx_retrieval.components.config_codegen.component import ConfigCodegen
from tfx_retrieval.components.config_codegen.version import generator_version
from tfx_retrieval.config import canonical_json, parse_feature_config, parse_model_config
from tfx_retrieval.errors import InputError

_FEATURES = json.dumps(
    {
        "query": {"id": "user", "features": [{"column": "user", "type": "categorical"}]},
        "candidate": {"id": "item", "features": [{"column": "item", "type": "categorical"}]},
    }
)


def test_outputs_and_properties():
    node = ConfigCodegen(_FEATURES, "{}")
    assert {name: channel.type_name for name, channel in node.outputs.items()} == {
        "transform_module": "tfx_retrieval.ModuleFile",
        "trainer_module": "tfx_retrieval.ModuleFile",
    }
    assert not node.spec.inputs
    assert node.spec.exec_properties == {
        "feature_config": canonical_json(parse_feature_config(_FEATURES)),
        "model_config": canonical_json(parse_model_config("{}")),
        "generator_version": generator_version(),
    }
    assert tfx_retrieval.ConfigCodegen is ConfigCodegen


def test_without_a_model_config_there_is_no_trainer_module():
    node = ConfigCodegen(_FEATURES)
    assert list(node.outputs) == ["transform_module"]
    assert node.exec_properties["model_config"] is None


def test_the_transform_module_can_be_left_to_another_node():
    assert list(ConfigCodegen(_FEATURES, "{}", transform=False).outputs) == ["trainer_module"]
    with pytest.raises(ValueError, match="no module is left to make"):
        ConfigCodegen(_FEATURES, transform=False)


def test_messages_and_json_give_the_same_cache_key():
    """Neither the form of a config nor the order of its keys counts, only what it says."""
    from_json = ConfigCodegen(_FEATURES, '{"epochs": 5, "batch_size": 8}')
    from_messages = ConfigCodegen(
        parse_feature_config(_FEATURES), parse_model_config('{"batch_size": 8, "epochs": 5}')
    )
    assert from_json.spec.exec_properties == from_messages.spec.exec_properties
    other = ConfigCodegen(_FEATURES, '{"batch_size": 9}')
    assert other.spec.exec_properties != from_json.spec.exec_properties


def test_schema_is_an_optional_input():
    schema = channel_utils.as_channel([standard_artifacts.Schema()])
    node = ConfigCodegen(_FEATURES, "{}", schema=schema)
    assert node.spec.inputs["schema"].type_name == "Schema"
    with pytest.raises(TypeError, match="schema"):
        ConfigCodegen(_FEATURES, "{}", schema=types.Channel(type=standard_artifacts.Examples))


@pytest.mark.parametrize(
    ("features", "model", "message"),
    [
        (_FEATURES.replace("categorical", "numeric"), "{}", r"\$\.query\.features\[0\]\.type"),
        (_FEATURES.replace("column", "colum"), "{}", "column"),
        (_FEATURES, '{"epoch": 1}', "epochs"),
        (_FEATURES, '{"model_type": "ranking"}', r"\$\.interaction\.label"),
        ("not JSON", "{}", "FeatureConfig"),
    ],
)
def test_wrong_configs_are_refused(features, model, message):
    with pytest.raises(InputError, match=message):
        ConfigCodegen(features, model)
