"""Columns with hostile names: they stay text, and a name that cannot be used is refused."""

import ast
import copy
import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.feature_strategies import ODD_COLUMNS, feature_config_documents
from support.module_checks import (
    check_definition,
    check_source,
    check_transform,
    definitions,
    preprocessing_fn,
)

from tfx_retrieval.components.config_codegen import (
    generate_trainer_module,
    generate_transform_module,
)
from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.config.features import features
from tfx_retrieval.errors import InputError

_SETTINGS = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

_MULTITASK = parse_model_config('{"model_type": "multitask", "id_shortcut": false}')
_HOSTILE = (
    *ODD_COLUMNS,
    *("a-b", "__import__('os')", '"); import os  #', "'); import os  #", '""" + x + """', "\\"),
    *("{{ 7 * 7 }}", "{% raw %}", "{# x #}", "%(x)s", "{x!r}", "$x", "`x`", "\\N{BULLET}", "\\x41"),
    *("\u202egnirts", "\u200b", "e\u0301", "\u00a0", "🜁", "None", "self", "lambda", "__class__"),
    *("inputs", "outputs", "tf", "tft", "math", "_strings", "x" * 127 + "\\", "user_vocabulary"),
)
_ANY_NAME = st.one_of(
    st.sampled_from(_HOSTILE),
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=128),
)


def _renamed(document, names):
    """A config with each text that is a column or a value replaced."""
    kept = {"type", "method", "pooling", "cycles", "time_unit", "algorithm", "kind", "model_type"}

    def replace(value, key=""):
        if isinstance(value, dict):
            columns = names if key == "headings" else {}
            return {columns.get(name, name): replace(entry, name) for name, entry in value.items()}
        if isinstance(value, list):
            return [replace(entry, key) for entry in value]
        if isinstance(value, str) and key not in kept and value:
            return names.setdefault(value, value)
        return value

    return replace(document)


class _Shape(ast.NodeTransformer):
    """Replaces texts by one text and each local variable by the number of its first use."""

    def __init__(self):
        self._numbers = {}

    def visit_Name(self, node):
        # Helpers begin with an underscore, columns' variables do not.
        if not node.id.startswith("_") and node.id not in ("tf", "tft", "math"):
            node.id = f"n{self._numbers.setdefault(node.id, len(self._numbers))}"
        return node

    def visit_Constant(self, node):
        return ast.Constant("text") if isinstance(node.value, str) else node


def _shape(source):
    """A module's helpers as they are, and the statements of its `preprocessing_fn`."""
    function = preprocessing_fn(source)
    helpers = [text for text in definitions(source) if text != function]
    return helpers, ast.dump(_Shape().visit(ast.parse(function)))


def _check_transform(document, hostile):
    """Every column with a hostile name: the same statements, other texts."""
    columns = [feature["column"] for feature in _feature_documents(document)]
    names = dict(zip(dict.fromkeys(columns), hostile, strict=False))
    try:
        config = parse_feature_config(json.dumps(_renamed(copy.deepcopy(document), names)))
    except InputError:
        return
    source = generate_transform_module(config)
    # Renaming columns changes texts and names, never the statements.
    plain = generate_transform_module(parse_feature_config(json.dumps(document)))
    assert _shape(source) == _shape(plain)
    check_transform(source, config)
    columns = {feature.column for _, _, feature in features(config)}
    assert columns <= check_definition(preprocessing_fn(source)).texts


def _check_trainer(document, hostile):
    """What a trainer is told besides the towers' columns: ids, label, weight, vocabularies."""
    columns = {feature["column"] for feature in _feature_documents(document)}
    ids = {document["query"]["id"], document["candidate"]["id"]}
    others = sorted({*ids, "rating", "weight", "shared words"} - columns)
    names = {**dict.fromkeys(columns), **dict(zip(others, hostile, strict=False))}
    names = {old: new or old for old, new in names.items()}
    try:
        config = parse_feature_config(json.dumps(_renamed(copy.deepcopy(document), names)))
    except InputError:
        return
    parts = check_source(generate_trainer_module(config, _MULTITASK))
    assert {config.candidate.id, f"{config.interaction.label}_label"} <= parts[0].texts


def _feature_documents(document):
    return [*document["query"]["features"], *document["candidate"]["features"]]


_HOSTILE_CASES = (
    feature_config_documents(odd_names=False, label=True),
    st.lists(_ANY_NAME, unique=True, min_size=8, max_size=8),
)


@given(*_HOSTILE_CASES)
@settings(_SETTINGS, max_examples=100)
def test_hostile_columns(document, hostile):
    _check_transform(document, hostile)
    _check_trainer(document, hostile)


@pytest.mark.slow
@given(*_HOSTILE_CASES)
@settings(_SETTINGS, max_examples=2000)
def test_many_hostile_columns(document, hostile):
    _check_transform(document, hostile)
    _check_trainer(document, hostile)


@pytest.mark.parametrize("column", _HOSTILE)
def test_one_hostile_column(column):
    document = {
        "query": {
            "id": "user",
            "features": [
                {"column": column, "type": "categorical", "missing_value": column},
                {"column": column + "2", "type": "numeric", "bucketize": {}, "normalize": {}},
            ],
            "crosses": [{"columns": [column, column + "2"]}],
        },
        "candidate": {
            "id": "item",
            "features": [
                {"column": "item", "type": "categorical", "vocabulary": {"name": column + "3"}},
                {"column": "tags", "type": "categorical", "values": {"separator": column}},
            ],
        },
    }
    try:
        config = parse_feature_config(json.dumps(document))
    except InputError:
        # Too long, or with characters that nobody sees.
        assert len(column) == 128 or not column.isprintable()
        return
    source = generate_transform_module(config)
    check_transform(source, config)
    constants = [node.value for node in ast.walk(ast.parse(source)) if hasattr(node, "value")]
    # As input, as output, as what stands in for missing values, and as separator.
    assert constants.count(column) >= 4


@pytest.mark.parametrize("column", ["a-b", "two words", "größe", "1st", "self", "_x", "a.b"])
def test_trainer_refuses_columns_that_signatures_cannot_name(column):
    document = {
        "query": {"id": "user", "features": [{"column": column, "type": "boolean"}]},
        "candidate": {"id": "item", "features": [{"column": "b", "type": "boolean"}]},
    }
    with pytest.raises(InputError, match=r"\$\.query\.features\[0\]\.column") as info:
        generate_trainer_module(
            parse_feature_config(json.dumps(document)), parse_model_config("{}")
        )
    assert json.dumps(column, ensure_ascii=False) in str(info.value)
    assert '"headings": {"' in str(info.value)


def test_trainer_refuses_columns_that_differ_in_case_alone():
    columns = [{"column": name, "type": "boolean"} for name in ("City", "city")]
    document = {
        "query": {"id": "user", "features": columns},
        "candidate": {"id": "item", "features": [{"column": "CITY", "type": "boolean"}]},
        "interaction": {"label": "stars"},
    }
    config = parse_feature_config(json.dumps(document))
    with pytest.raises(InputError, match='"city" beside "City"') as info:
        generate_trainer_module(config, parse_model_config("{}"))
    assert len(info.value.problems) == 1
    # A ranking model's signature takes the columns of both sides.
    with pytest.raises(InputError) as info:
        generate_trainer_module(config, parse_model_config('{"model_type": "ranking"}'))
    assert len(info.value.problems) == 2
