"""The shipped schemas, the reference page and the bindings are in step with the code."""

import json
import pathlib
import re

import grpc_tools
import jsonschema
import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

from tfx_retrieval.components.config_codegen import generate_transform_module
from tfx_retrieval.config import (
    check_pair,
    features,
    json_schema,
    parse_feature_config,
    parse_model_config,
    reference,
    rules,
    widths,
)
from tfx_retrieval.errors import InputError
from tfx_retrieval.proto import feature_config_pb2, model_config_pb2, options_pb2
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


def test_examples_of_the_reference_page_are_configs():
    features, model = re.findall(r"```json\n(.*?)```", reference.reference_markdown(), re.DOTALL)
    check_pair(parse_feature_config(features), parse_model_config(model))


SIDE = {"id": "a", "features": [{"column": "a", "type": "categorical"}]}


@pytest.mark.parametrize(
    ("message", "document"),
    [
        (FeatureConfig, {"query": SIDE}),
        (FeatureConfig, {"query": SIDE, "candidate": SIDE, "querry": 1}),
        (FeatureConfig, {"query": SIDE, "candidate": {**SIDE, "features": []}}),
        (FeatureConfig, {"query": SIDE, "candidate": {**SIDE, "id": "a\nb"}}),
        (FeatureConfig, {"query": SIDE, "candidate": {**SIDE, "id": "a" * 129}}),
        (FeatureConfig, {"query": SIDE, "candidate": {**SIDE, "title": ""}}),
        (FeatureConfig, {"query": SIDE, "candidate": SIDE, "headings": ["a"]}),
        (FeatureConfig, {"query": SIDE, "candidate": SIDE, "headings": {"a": 1}}),
        (FeatureConfig, {"query": SIDE, "candidate": SIDE, "headings": {"": "x"}}),
        (ModelConfig, {"optimizer": {"adam": {}, "sgd": {}}}),
        (ModelConfig, {"optimizer": {}}),
        (
            ModelConfig,
            {"learning_rate_schedule": {"cosine": {"decay_steps": 1}, "exponential": {}}},
        ),
        (ModelConfig, {"learning_rate": 0}),
        (ModelConfig, {"learning_rate": "0.1"}),
        (ModelConfig, {"epochs": 1.5}),
        (ModelConfig, {"model_type": "unspecified"}),
        (ModelConfig, {"version": 2}),
        (ModelConfig, {"seed": 2**31}),
    ],
    ids=str,
)
def test_schema_refuses_what_the_reader_refuses(message, document):
    validator = jsonschema.Draft202012Validator(json_schema.json_schema(message.DESCRIPTOR))
    assert not validator.is_valid(document)
    parse = parse_feature_config if message is FeatureConfig else parse_model_config
    with pytest.raises(InputError):
        parse(json.dumps(document))


def _clear_json_names(descriptor):
    """Takes out what the compiler adds to descriptor sets alone."""
    for field in [*getattr(descriptor, "field", []), *descriptor.extension]:
        field.ClearField("json_name")
    for message in getattr(descriptor, "message_type", getattr(descriptor, "nested_type", [])):
        _clear_json_names(message)


def test_bindings_are_in_step_with_the_messages(tmp_path):
    """The descriptors in the bindings are those of the `.proto` files."""
    names = ["options", "feature_config", "model_config"]
    include = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    output = tmp_path / "descriptors"
    arguments = ["protoc", f"-Itfx_retrieval/proto={ROOT / 'proto'}", f"-I{include}"]
    arguments += [f"--descriptor_set_out={output}"]
    arguments += [f"tfx_retrieval/proto/{name}.proto" for name in names]
    assert protoc.main(arguments) == 0
    files = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file
    for file, module in zip(
        files, (options_pb2, feature_config_pb2, model_config_pb2), strict=True
    ):
        bound = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(bound)
        _clear_json_names(file)
        assert bound.name == file.name
        assert bound == file


def test_reference_page_tells_of_every_key_and_value():
    page = reference.reference_markdown()

    def visit(message):
        for field in message.fields:
            assert f"| `{field.name}` |" in page
            if field.enum_type:
                for value in field.enum_type.values:
                    assert value.name == "unspecified" or f"`{value.name}`" in page
            if rules.is_map(field):
                continue
            if field.message_type and field.message_type.file.package == "tfx_retrieval":
                visit(field.message_type)

    visit(FeatureConfig.DESCRIPTOR)
    visit(ModelConfig.DESCRIPTOR)


def test_widths_in_words_are_those_of_the_code():
    def words(message, field):
        return rules.rule(message.DESCRIPTOR.fields_by_name[field]).doc

    messages = feature_config_pb2
    for index in (messages.Vocabulary, messages.IntegerId, messages.Hash):
        assert f", {widths.CATEGORY_DIM} otherwise" in words(index, "embedding_dim")
    for bucketed in (messages.Bucketize, messages.Cross):
        assert words(bucketed, "embedding_dim").endswith(f"unset: {widths.BUCKET_DIM}.")
    assert words(messages.Tokens, "embedding_dim").endswith(f"unset: {widths.TOKEN_DIM}.")
    document = {
        "query": SIDE,
        "candidate": {"id": "b", "features": [{"column": "words", "type": "text"}]},
    }
    source = generate_transform_module(parse_feature_config(json.dumps(document)))
    (top,) = re.findall(r"top_k=(\d+)", source)
    assert words(messages.Tokens, "max_size").endswith(f"unset: {top}.")


@pytest.mark.parametrize("kind", sorted(features.TRANSFORMS_OF_TYPE))
def test_feature_types_of_the_page_become_what_it_says(kind):
    """Each row of the table, generated: its transform, made by default where it is bold."""
    name = features.type_name(kind)
    page = reference.reference_markdown().split("\n## FeatureConfig\n")[0]
    rows = re.findall(rf"(?m)^\| `{name}` \| [^|]* \| ([^|]*) \| ([^|]*) \|$", page)
    assert len(rows) == max(1, len(features.TRANSFORMS_OF_TYPE[kind]))
    needed = {
        "integer_id": {"size": 3},
        "hash": {"buckets": 3},
        "cyclical": {"cycles": ["day_of_week"]},
        "vector": {"dimension": 2},
    }
    for transform, outputs in rows:
        key = transform.strip("*`")
        feature = {"column": "c", "type": name}
        if not transform.startswith(("**", "(")):
            feature[key] = needed.get(key, {})
        document = {
            "query": {"id": "a", "features": [feature]},
            "candidate": {"id": "b", "features": [{"column": "b", "type": "categorical"}]},
        }
        source = generate_transform_module(parse_feature_config(json.dumps(document)))
        for output in re.findall("`([^`]*)`", outputs):
            made = output.replace("{column}", "c").replace("{cycle}", "day_of_week")
            made = made.removesuffix("_sin").removesuffix("_cos")
            assert f'"{made}"' in source
