"""Whatever is given to the readers, they return a config or raise InputError."""

import contextlib
import json
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.feature_strategies import feature_config_documents
from support.model_strategies import model_config_documents

from tfx_retrieval.config import canonical_json, parse_feature_config, parse_model_config
from tfx_retrieval.errors import InputError
from tfx_retrieval.proto import feature_config_pb2, model_config_pb2

NAMES = sorted(
    {
        field.name
        for file in (feature_config_pb2, model_config_pb2)
        for message in file.DESCRIPTOR.message_types_by_name.values()
        for field in message.fields
    }
    | {"unspecified", "categorical", "numeric", "temporal", "text", "Query", "queryTower"}
)
TEXTS = st.sampled_from(NAMES) | st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=12,
)
PARSERS = [parse_feature_config, parse_model_config]


@pytest.mark.parametrize("parse", PARSERS)
def test_any_json(parse):
    @settings(max_examples=120, deadline=None)
    @given(VALUES)
    def check(value):
        with contextlib.suppress(InputError):
            parse(json.dumps(value))

    check()


@pytest.mark.parametrize("parse", PARSERS)
def test_any_text(parse):
    @settings(max_examples=100, deadline=None)
    @given(st.text() | st.text("{}[]:,\"'\\0123456789.eE+-truefalsnINiy \n"))
    def check(text):
        with contextlib.suppress(InputError):
            parse(text)

    check()


def _places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    for key, child in children:
        yield from _places(child, (*path, key))


def _replace(value, path, new):
    if not path:
        return new
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[path[0]] = _replace(copy[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize(
    ("documents", "parse"),
    [
        (feature_config_documents(), parse_feature_config),
        (model_config_documents(), parse_model_config),
    ],
)
def test_valid_config_with_one_value_spoilt(documents, parse):
    @settings(max_examples=120, deadline=None)
    @given(documents, st.data())
    def check(document, data):
        path = data.draw(st.sampled_from(list(_places(document))))
        text = json.dumps(_replace(document, path, data.draw(VALUES)))
        with contextlib.suppress(InputError):
            config = parse(text)
            assert parse(canonical_json(config)) == config

    check()


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "document",
    [
        {f"key{i}": 1 for i in range(100_000)},
        {"query": {"id": "u", "features": [{"column": f"c{i}", "type": 1} for i in range(1000)]}},
        {"name": "x" * 3_000_000},
        {"query_tower": {"layers": [{"dense": {"units": -1}}] * 100_000}},
    ],
    ids=["keys", "features", "name", "layers"],
)
def test_large_config_is_refused_soon(parse, document):
    text = json.dumps(document)
    start = time.process_time()
    with pytest.raises(InputError):
        parse(text)
    assert time.process_time() - start < 5


def test_messages_can_be_printed():
    document = {"\ud800\u202e\x1b[31m": 1, "name": "\udfff\x9b"}
    with pytest.raises(InputError) as caught:
        parse_model_config(json.dumps(document))
    text = str(caught.value)
    assert text.encode("utf-8")
    assert all(character.isprintable() or character == "\n" for character in text)


def test_import_is_light():
    code = (
        "import sys, tfx_retrieval.config as config;"
        "config.parse_model_config('{}');"
        "heavy = {'tensorflow', 'tfx', 'pandas', 'numpy', 'pyarrow', 'yaml', 'jsonschema'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
