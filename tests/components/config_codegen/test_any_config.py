"""Random and hostile configs: what is generated compiles, is clean and has names as text only."""

import ast
import copy
import hashlib
import json
import random
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.config_strategies import (
    ODD_COLUMNS,
    feature_config_documents,
    feature_configs,
    full_feature_config,
    model_config_documents,
    model_config_variants,
    model_configs,
)

from tfx_retrieval.components.config_codegen import (
    generate_trainer_module,
    generate_transform_module,
)
from tfx_retrieval.config import check_pair, parse_feature_config, parse_model_config
from tfx_retrieval.config.features import (
    cross_output,
    crosses,
    features,
    output_names,
    pass_through_outputs,
)
from tfx_retrieval.errors import InputError

_IMPORTS = {
    *("json", "math", "os", "random", "tempfile", "typing", "numpy"),
    *("tensorflow", "tensorflow_recommenders", "tensorflow_transform"),
}
_LENIENT = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
_FAST = settings(max_examples=100, **_LENIENT)
_MANY = settings(max_examples=500, derandomize=True, **_LENIENT)


def _trainer(feature_config, model_config):
    """The trainer, or an empty module if the two configs are refused together."""
    try:
        check_pair(feature_config, model_config)
        return generate_trainer_module(feature_config, model_config)
    except InputError:
        return ""


def _names(tree):
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield name


def _check_module(source):
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= _IMPORTS
        assert not isinstance(node, ast.ImportFrom)
    dangerous = {"eval", "exec", "compile", "open", "__import__", "globals", "getattr", "setattr"}
    assert not dangerous & {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name in _names(tree):
        # An f-string's or a call's `name` is an identifier; modules are dotted.
        assert name.replace(".", "_").isidentifier()
        assert name.isascii()
    return tree


def _check_preprocessing(tree, config):
    """The outputs are those that the docs list; no variable hides another name."""
    function = next(node for node in tree.body if getattr(node, "name", "") == "preprocessing_fn")
    outputs, stored = set(), []
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            assert node.value.id == "outputs"
            outputs.add(node.slice.value)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_cycle":
            outputs |= {f"{node.args[0].value}_sin", f"{node.args[0].value}_cos"}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            stored.append(node.id)
    expected = {name for _, _, feature in features(config) for name in output_names(feature)}
    expected |= {cross_output(cross) for _, _, cross in crosses(config)}
    # The loss needs an index of the candidate id even if no tower reads it.
    assert outputs == expected | {*pass_through_outputs(config), config.candidate.id}
    module_names = {node.name for node in tree.body if hasattr(node, "name")}
    assert not set(stored) & {"inputs", "tf", "tft", "math", *module_names}
    assert stored.count("outputs") == 1
    again = {name for name in stored if stored.count(name) > 1}
    assert all(name.endswith("_scaled") for name in again)


def _check(feature_config, model_config):
    tree = _check_module(generate_transform_module(feature_config))
    _check_preprocessing(tree, feature_config)
    _check_module(_trainer(feature_config, model_config))


@given(feature_configs(odd_names=False, label=True), model_configs())
@_FAST
def test_random_configs(feature_config, model_config):
    _check(feature_config, model_config)


@pytest.mark.slow
@given(feature_configs(odd_names=False, label=True), model_configs())
@_MANY
def test_many_random_configs(feature_config, model_config):
    _check(feature_config, model_config)


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
            return {name: replace(entry, name) for name, entry in value.items()}
        if isinstance(value, list):
            return [replace(entry, key) for entry in value]
        if isinstance(value, str) and key not in kept and value:
            return names.setdefault(value, value)
        return value

    return replace(document)


class _Shape(ast.NodeTransformer):
    """Replaces texts by one text and each local variable by the number of its first use."""

    def __init__(self, module_names):
        self._module_names = module_names
        self._numbers = {}

    def visit_FunctionDef(self, node):
        self._numbers = {}
        return self.generic_visit(node)

    def visit_Name(self, node):
        if node.id not in self._module_names:
            node.id = f"n{self._numbers.setdefault(node.id, len(self._numbers))}"
        return node

    def visit_Constant(self, node):
        return ast.Constant("text") if isinstance(node.value, str) else node


def _shape(source):
    tree = ast.parse(source)
    module_names = {node.name for node in tree.body if hasattr(node, "name")}
    return ast.dump(_Shape(module_names | {"tf", "tft", "math"}).visit(tree))


def _check_hostile(document, hostile):
    columns = [
        feature["column"]
        for side in ("query", "candidate")
        for feature in document[side]["features"]
    ]
    names = dict(zip(dict.fromkeys(columns), hostile, strict=False))
    renamed = _renamed(copy.deepcopy(document), names)
    try:
        config = parse_feature_config(json.dumps(renamed))
    except InputError:
        return
    source = generate_transform_module(config)
    # Renaming columns changes texts and names, never the statements.
    assert _shape(source) == _shape(
        generate_transform_module(parse_feature_config(json.dumps(document)))
    )
    tree = _check_module(source)
    _check_preprocessing(tree, config)
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {feature.column for _, _, feature in features(config)} <= constants
    _check_module(_trainer(config, model_config_variants()["multitask"]))


_HOSTILE_CASES = (
    feature_config_documents(odd_names=False),
    st.lists(_ANY_NAME, unique=True, min_size=8, max_size=8),
)


@given(*_HOSTILE_CASES)
@_FAST
def test_hostile_columns(document, hostile):
    _check_hostile(document, hostile)


@pytest.mark.slow
@given(*_HOSTILE_CASES)
@_MANY
def test_many_hostile_columns(document, hostile):
    _check_hostile(document, hostile)


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
    tree = _check_module(generate_transform_module(config))
    _check_preprocessing(tree, config)
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
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
    assert repr(column) in str(info.value)
    assert "Rename the column" in str(info.value)


def test_trainer_refuses_columns_that_differ_in_case_alone():
    columns = [{"column": name, "type": "boolean"} for name in ("City", "city")]
    document = {
        "query": {"id": "user", "features": columns},
        "candidate": {"id": "item", "features": [{"column": "CITY", "type": "boolean"}]},
        "interaction": {"label": "stars"},
    }
    config = parse_feature_config(json.dumps(document))
    with pytest.raises(InputError, match="'city' beside 'City'") as info:
        generate_trainer_module(config, parse_model_config("{}"))
    assert len(info.value.problems) == 1
    # A ranking model's signature takes the columns of both sides.
    with pytest.raises(InputError) as info:
        generate_trainer_module(config, parse_model_config('{"model_type": "ranking"}'))
    assert len(info.value.problems) == 2


@pytest.mark.parametrize("name", model_config_variants())
def test_every_option_with_every_feature(name):
    document = full_feature_config()
    for side in (document.query, document.candidate):
        for feature in side.features:
            feature.column = feature.column.replace(" ", "_")
        for cross in side.crosses:
            cross.columns[:] = [column.replace(" ", "_") for column in cross.columns]
    _check_module(generate_trainer_module(document, model_config_variants()[name]))


def test_random_modules_are_clean(tmp_path):
    """Ruff finds nothing in some hundred modules; lines with long names may be long."""

    @given(feature_configs(label=True), model_configs())
    @settings(max_examples=60, database=None, derandomize=True, **_LENIENT)
    def write(feature_config, model_config):
        sources = [
            generate_transform_module(feature_config),
            _trainer(feature_config, model_config),
        ]
        for source in sources:
            digest = hashlib.sha256(source.encode()).hexdigest()[:16]
            has_long_name = any(
                len(feature.column) > 60 for _, _, feature in features(feature_config)
            )
            folder = tmp_path / ("long" if has_long_name else "short")
            folder.mkdir(exist_ok=True)
            (folder / f"m{digest}.py").write_text(source)

    write()
    for command in (
        ["check", "--select", "E,F,W,I,B,UP", "--ignore", "E501", str(tmp_path)],
        ["format", "--check", "--diff", str(tmp_path / "short")],
    ):
        found = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--target-version", "py310"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]


def _shuffled(value, source):
    if isinstance(value, dict):
        keys = list(value)
        source.shuffle(keys)
        return {key: _shuffled(value[key], source) for key in keys}
    if isinstance(value, list):
        return [_shuffled(entry, source) for entry in value]
    return value


@given(
    feature_config_documents(odd_names=False, label=True),
    model_config_documents(),
    st.randoms(use_true_random=False),
)
@settings(max_examples=40, **_LENIENT)
def test_order_of_keys_does_not_count(feature_document, model_document, source):
    def generate(first, second):
        config = parse_feature_config(json.dumps(first))
        model = parse_model_config(json.dumps(second))
        return generate_transform_module(config), _trainer(config, model)

    other = _shuffled(feature_document, source), _shuffled(model_document, source)
    assert generate(feature_document, model_document) == generate(*other)


_DIGESTS = """
import hashlib, pathlib, sys
from tfx_retrieval.components.config_codegen import *
from tfx_retrieval.config import read_feature_config, read_model_config
for path in sorted(pathlib.Path(sys.argv[1]).glob("*/features.json")):
    config, model = read_feature_config(path), read_model_config(path.parent / "model.json")
    for source in (generate_transform_module(config), generate_trainer_module(config, model)):
        print(path.parent.name, hashlib.sha256(source.encode()).hexdigest())
assert "tensorflow" not in sys.modules
"""


def test_hash_seeds_do_not_count(request):
    cases = request.config.rootpath / "tests" / "golden" / "modules"
    outputs = []
    for seed in ("0", "1"):
        found = subprocess.run(
            [sys.executable, "-c", _DIGESTS, str(cases)],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
        )
        assert found.returncode == 0, found.stderr
        outputs.append(found.stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) > 20


def test_forty_features_take_no_time():
    """50 ms on a free machine; processor time, so that a busy one passes too."""
    source = random.Random(1)
    columns = [
        {"column": f"column {number}", "type": source.choice(["categorical", "numeric", "text"])}
        for number in range(40)
    ]
    for column in columns:
        column["column"] = column["column"].replace(" ", "_")
    config = parse_feature_config(
        json.dumps(
            {
                "query": {"id": "user", "features": columns[:20]},
                "candidate": {"id": "item", "features": columns[20:]},
            }
        )
    )
    model = parse_model_config("{}")
    times = []
    for _ in range(4):
        start = time.process_time()
        generate_transform_module(config)
        generate_trainer_module(config, model)
        times.append(time.process_time() - start)
    assert min(times) < 0.05
