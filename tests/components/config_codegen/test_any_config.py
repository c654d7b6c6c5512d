"""Random configs: what is generated compiles, is clean and does not depend on chance."""

import hashlib
import json
import resource
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.config_examples import (
    forty_features,
    full_feature_config,
    model_config_variants,
)
from support.feature_strategies import feature_configs
from support.model_strategies import config_pair_documents, config_pairs
from support.module_checks import check_source, check_transform

from tfx_retrieval.components.config_codegen import (
    generate_trainer_module,
    generate_transform_module,
)
from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.config.features import features

# The same configs in every run; a failing one is reported as it was drawn.
_SETTINGS = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _check(pair):
    feature_config, model_config = pair
    check_transform(generate_transform_module(feature_config), feature_config)
    check_source(generate_trainer_module(feature_config, model_config))


@given(config_pairs())
@settings(_SETTINGS, max_examples=100)
def test_random_configs(pair):
    _check(pair)


@pytest.mark.slow
@given(config_pairs())
@settings(_SETTINGS, max_examples=2000)
def test_many_random_configs(pair):
    _check(pair)


@pytest.mark.parametrize("name", model_config_variants())
def test_every_option_with_every_feature(name):
    document = full_feature_config()
    for side in (document.query, document.candidate):
        for feature in side.features:
            feature.column = feature.column.replace(" ", "_")
        for cross in side.crosses:
            cross.columns[:] = [column.replace(" ", "_") for column in cross.columns]
    check_source(generate_trainer_module(document, model_config_variants()[name]))


def test_random_modules_are_clean(tmp_path):
    """Ruff finds nothing in some hundred modules; lines with long names may be long."""

    @given(feature_configs(), config_pairs())
    @settings(_SETTINGS, max_examples=60, database=None)
    def write(feature_config, pair):
        sources = [generate_transform_module(feature_config), generate_trainer_module(*pair)]
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


@given(config_pair_documents(), st.randoms(use_true_random=False))
@settings(_SETTINGS, max_examples=40)
def test_order_of_keys_does_not_count(pair, source):
    def generate(first, second):
        config = parse_feature_config(json.dumps(first))
        model = parse_model_config(json.dumps(second))
        return generate_transform_module(config), generate_trainer_module(config, model)

    assert generate(*pair) == generate(*(_shuffled(document, source) for document in pair))


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
    config = parse_feature_config(json.dumps(forty_features()))
    assert sum(1 for _ in features(config)) == 40
    model = parse_model_config("{}")
    times = []
    for _ in range(4):
        start = time.process_time()
        generate_transform_module(config)
        generate_trainer_module(config, model)
        times.append(time.process_time() - start)
    assert min(times) < 0.05


def test_the_generate_command_does_not_wait_for_tensorflow(tmp_path):
    """Under a second on a free machine, of which this is the processor time."""
    (tmp_path / "features.json").write_text(json.dumps(forty_features()))
    (tmp_path / "model.json").write_text("{}")
    command = [sys.executable, "-m", "tfx_retrieval.cli.main", "generate", "trainer"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = subprocess.run(
        [*command, "features.json", "model.json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert found.returncode == 0, found.stderr
    assert "def run_fn(" in found.stdout
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 1
