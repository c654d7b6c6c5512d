"""Whatever file is given: a config, or errors."""

import contextlib
import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.imported_configs import (
    LAYERS,
    SHOP,
    TRAINING,
    imported,
)

from tfx_retrieval.config.importers import import_config, import_text
from tfx_retrieval.errors import InputError


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("a: [1, 2", "expected ',' or ']'"),
        ("a: &x [1]\nb: *x", "an alias, *x"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        pytest.param("[" * 500, "nested too deep", id="deep"),
        ("just text", 'the text "just text"'),
        ("a: 2011-99-99", ""),
        ("query: {}\ncandidate: {}", 'an object with "query", "candidate"'),
    ],
)
def test_wrong_yaml(text, received):
    with pytest.raises(InputError) as caught:
        import_text(text, "x.yaml")
    assert received in str(caught.value)


def test_keys_that_stand_twice():
    text = TRAINING + "epochs: 3\n"
    with pytest.raises(InputError) as caught:
        import_text(text, "x.yaml")
    assert caught.value.problems[0].received == "the key more than once"


def test_file(tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps(SHOP), encoding="utf-8")
    assert import_config(path).feature_config["name"] == "shop v1"
    with pytest.raises(InputError):
        import_config(tmp_path / "other.json")


def _keys(value, path=()):
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from _keys(child, (*path, key))


@pytest.mark.parametrize("document", [SHOP, LAYERS], ids=["shop", "layers"])
def test_spoilt_documents(document):
    paths = list(_keys(document))
    scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5)
    values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(), scalars)

    @settings(max_examples=80, deadline=None)
    @given(st.sampled_from(paths), values)
    def check(path, value):
        spoilt = copy.deepcopy(document)
        place = spoilt
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
        with contextlib.suppress(InputError):
            imported(spoilt)

    check()
