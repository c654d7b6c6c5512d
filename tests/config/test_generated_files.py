"""The shipped schemas, the reference page and the bindings are in step with the code."""

import pathlib

import jsonschema
import pytest

from tfx_retrieval.config import json_schema, reference
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
from tfx_retrieval.proto.model_config_pb2 import ModelConfig

ROOT = pathlib.Path(__file__).parents[2]
SCHEMAS = ROOT / "tfx_retrieval" / "config" / "schemas"


def _compare(path, text, update_golden):
    if update_golden:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, (
        f"{path.name} is out of step; run: pytest {pathlib.Path(__file__).name} --update-golden"
    )


@pytest.mark.parametrize(
    ("message", "name"), [(FeatureConfig, "feature_config"), (ModelConfig, "model_config")]
)
def test_shipped_schema_is_in_step(message, name, update_golden):
    text = json_schema.json_schema_text(message.DESCRIPTOR)
    _compare(SCHEMAS / f"{name}.schema.json", text, update_golden)


@pytest.mark.parametrize("message", [FeatureConfig, ModelConfig])
def test_schema_is_itself_valid(message):
    jsonschema.Draft202012Validator.check_schema(json_schema.json_schema(message.DESCRIPTOR))


def test_reference_page_is_in_step(update_golden):
    _compare(ROOT / "docs" / "configuration.md", reference.reference_markdown(), update_golden)


def test_reference_page_tells_of_every_key_and_value():
    page = reference.reference_markdown()

    def visit(message):
        for field in message.fields:
            assert f"| `{field.name}` |" in page
            if field.enum_type:
                for value in field.enum_type.values:
                    assert value.name == "unspecified" or f"`{value.name}`" in page
            if field.message_type and field.message_type.file.package == "tfx_retrieval":
                visit(field.message_type)

    visit(FeatureConfig.DESCRIPTOR)
    visit(ModelConfig.DESCRIPTOR)
