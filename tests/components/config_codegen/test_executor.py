"""The executor writes modules that import, and refuses data that do not fit the config."""

import importlib
import json
import sys

import pytest
from google.protobuf import text_format
from support.example_files import artifact
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from tfx_retrieval.artifacts import ModuleFile
from tfx_retrieval.components.config_codegen import (
    executor,
    generate_trainer_module,
    generate_transform_module,
    packaging,
)
from tfx_retrieval.config import canonical_json, parse_feature_config, parse_model_config
from tfx_retrieval.errors import InputError

_FEATURES = parse_feature_config(
    json.dumps(
        {
            "query": {
                "id": "user",
                "features": [
                    {"column": "user", "type": "categorical"},
                    {"column": "when", "type": "temporal", "normalize": {}},
                ],
            },
            "candidate": {
                "id": "item",
                "features": [
                    {"column": "title", "type": "text"},
                    {"column": "look", "type": "vector", "vector": {"dimension": 2}},
                ],
            },
            "interaction": {"label": "stars", "weight": "worth"},
        }
    )
)
_MODEL = parse_model_config("{}")
_SCHEMA = """
feature { name: "user" type: INT }
feature { name: "item" type: BYTES }
feature { name: "when" type: INT }
feature { name: "title" type: BYTES }
feature { name: "look" type: FLOAT }
feature { name: "stars" type: INT }
feature { name: "worth" type: FLOAT }
"""


@pytest.fixture
def run(tmp_path):
    def do(schema=None, keys=("transform_module", "trainer_module"), **changes):
        inputs = {}
        if schema is not None:
            text_format.Parse(schema, schema_pb2.Schema())
            (tmp_path / "schema").mkdir()
            (tmp_path / "schema" / "schema.pbtxt").write_text(schema)
            inputs["schema"] = [artifact(standard_artifacts.Schema, tmp_path / "schema")]
        outputs = {key: [artifact(ModuleFile, tmp_path / key)] for key in keys}
        properties = {
            "feature_config": canonical_json(_FEATURES),
            "model_config": canonical_json(_MODEL),
            "generator_version": "1.2+3",
            **changes,
        }
        context = base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")
        executor.Executor(context).Do(inputs, outputs, properties)
        return {key: artifacts[0] for key, artifacts in outputs.items()}

    return do


def test_writes_both_modules(run):
    outputs = run(_SCHEMA)
    expected = {
        "transform_module": generate_transform_module(_FEATURES),
        "trainer_module": generate_trainer_module(_FEATURES, _MODEL),
    }
    for key, output in outputs.items():
        module = packaging.read_module(output.uri)
        assert module.name == key
        with open(module.source_uri, encoding="utf-8") as file:
            assert file.read() == expected[key]
        assert output.get_string_custom_property("generator_version") == "1.2+3"


@pytest.mark.parametrize("key", ["transform_module", "trainer_module"])
def test_writes_only_what_has_an_output(run, tmp_path, key):
    output = run(_SCHEMA, keys=(key,))[key]
    assert packaging.read_module(output.uri).name == key
    assert [path.name for path in tmp_path.glob("*_module")] == [key]


def test_a_transform_module_needs_no_model_config(run):
    run(_SCHEMA, keys=("transform_module",), model_config=None)


def test_wheel_is_importable(run, monkeypatch):
    wheel = packaging.read_module(run()["transform_module"].uri).wheel_uri
    monkeypatch.syspath_prepend(wheel)
    monkeypatch.delitem(sys.modules, "transform_module", raising=False)
    module = importlib.import_module("transform_module")
    assert module.__file__.startswith(wheel)
    assert callable(module.preprocessing_fn)
    monkeypatch.delitem(sys.modules, "transform_module")


def test_a_second_run_writes_the_same_bytes(run, tmp_path):
    def contents():
        return {path.name: path.read_bytes() for path in tmp_path.glob("*_module/*")}

    run()
    first = contents()
    run()
    assert contents() == first
    assert len(first) == 4


def test_schema_problems_are_reported_together(run):
    schema = _SCHEMA.replace('"title"', '"titel"').replace(
        'name: "when" type: INT', 'name: "when" type: FLOAT'
    )
    with pytest.raises(InputError) as info:
        run(schema)
    text = str(info.value)
    assert len(info.value.problems) == 2
    assert "$.candidate.features[0].column" in text
    assert "Did you mean 'titel'?" in text
    assert "$.query.features[1].column" in text
    assert "'when' of type FLOAT" in text
    assert "INT for a temporal column" in text


@pytest.mark.parametrize(
    ("column", "path"),
    [
        ("item", "$.candidate.id"),
        ("stars", "$.interaction.label"),
        ("worth", "$.interaction.weight"),
    ],
)
def test_columns_that_are_no_features_are_checked_too(run, column, path):
    with pytest.raises(InputError) as info:
        run(_SCHEMA.replace(f'"{column}"', '"other"'))
    assert [problem.where for problem in info.value.problems] == [f"FeatureConfig: {path}"]


def test_label_of_text_is_refused(run):
    with pytest.raises(InputError, match="'stars' of type BYTES"):
        run(_SCHEMA.replace('"stars" type: INT', '"stars" type: BYTES'))


def test_nothing_is_written_if_the_schema_does_not_fit(run, tmp_path):
    with pytest.raises(InputError):
        run(_SCHEMA.replace('"user"', '"other"'))
    assert not list(tmp_path.glob("*_module/*"))


def test_wrong_config_is_refused(run):
    with pytest.raises(InputError, match="FeatureConfig"):
        run(feature_config='{"query": {}}')
