"""Valid configs are read, resolved and written without loss."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from support.config_examples import full_feature_config, model_config_variants
from support.feature_strategies import feature_config_documents
from support.model_strategies import model_config_documents

from tfx_retrieval.config import canonical_json, parse_feature_config, parse_model_config, to_dict
from tfx_retrieval.config.features import TRANSFORMS_OF_TYPE, features, transforms
from tfx_retrieval.config.json_schema import json_schema
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
from tfx_retrieval.proto.model_config_pb2 import ModelConfig

KINDS = {
    "feature": (feature_config_documents(), parse_feature_config, FeatureConfig),
    "model": (model_config_documents(), parse_model_config, ModelConfig),
}
VALIDATORS = {
    message: jsonschema.Draft202012Validator(json_schema(message.DESCRIPTOR))
    for message in (FeatureConfig, ModelConfig)
}


@pytest.mark.parametrize("kind", KINDS)
def test_canonical_json_reads_back_to_the_same_message(kind):
    documents, parse, _ = KINDS[kind]

    @settings(max_examples=100, deadline=None)
    @given(documents)
    def check(document):
        config = parse(json.dumps(document))
        text = canonical_json(config)
        assert parse(text) == config
        assert canonical_json(parse(text)) == text
        assert json.loads(text) == to_dict(config)

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_json_schema_accepts_what_the_reader_accepts(kind):
    documents, parse, message = KINDS[kind]

    @settings(max_examples=50, deadline=None)
    @given(documents)
    def check(document):
        VALIDATORS[message].validate(document)
        VALIDATORS[message].validate(to_dict(parse(json.dumps(document))))

    check()


def test_every_feature_is_resolved_to_a_transform():
    @settings(max_examples=50, deadline=None)
    @given(feature_config_documents())
    def check(document):
        for _, _, feature in features(parse_feature_config(json.dumps(document))):
            assert transforms(feature) or TRANSFORMS_OF_TYPE[feature.type] == ()

    check()


def test_full_config_has_every_type_and_transform():
    config = full_feature_config()
    assert {feature.type for _, _, feature in features(config)} == set(TRANSFORMS_OF_TYPE)
    used = {name for _, _, feature in features(config) for name in transforms(feature)}
    assert used == {name for names in TRANSFORMS_OF_TYPE.values() for name in names}


@pytest.mark.parametrize("name", model_config_variants())
def test_model_variants_differ_from_the_default(name):
    variants = model_config_variants()
    assert name == "default" or variants[name] != variants["default"]
