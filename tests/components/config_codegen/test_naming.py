"""Names in generated code are distinct, whatever columns are called."""

import json
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.feature_strategies import feature_configs

from tfx_retrieval.components.config_codegen import naming
from tfx_retrieval.config import parse_feature_config

_SUFFIXES = ("", "_scaled", "_calendar", "_tokens", "_vocabulary", "_bucket", "_2", "_column")
_STEMS = ("a", "A", "a b", "inputs", "tf", "class", "x", "価格", "1st", "")
_COLUMNS = st.one_of(
    st.text(min_size=1, max_size=6),
    st.builds(
        lambda stem, suffix: stem + suffix, st.sampled_from(_STEMS), st.sampled_from(_SUFFIXES)
    ),
)


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("CustomerID", "customer_id"),
        ("StockCode", "stock_code"),
        ("HTTPServer", "http_server"),
        ("two words", "two_words"),
        ("a-b", "a_b"),
        ("__init__", "init"),
        ("class", "class_"),
        ("None", "none"),
        ("match", "match_"),
        ("1st", "feature_1st"),
        ("価格", "feature"),
        ("größe", "gr_e"),
        ("n" * 128, "n" * 60),
    ],
)
def test_identifiers_are_snake_case(name, identifier):
    assert naming.identifiers([name]) == {name: identifier}


@given(st.lists(_COLUMNS, unique=True))
def test_identifiers_are_distinct_and_valid(columns):
    for names in (naming.identifiers(columns), naming.variables(columns)):
        assert list(names) == columns
        assert len(set(names.values())) == len(columns)
        for name in names.values():
            assert name.isidentifier()
            assert name.isascii()
            assert not keyword.iskeyword(name)


@given(st.lists(_COLUMNS, unique=True))
def test_variables_and_what_is_derived_from_them_are_distinct(columns):
    variables = naming.variables(columns)
    derived = [
        variable + suffix
        for variable in variables.values()
        for suffix in ("_scaled", "_calendar", "_tokens")
    ]
    derived += [f"{name}_vocabulary" for name in naming.identifiers(columns).values()]
    names = [*variables.values(), *derived]
    assert len(set(names)) == len(names)
    assert not {"inputs", "outputs", "tf", "tft", "features", "training", "self"} & set(names)


@given(feature_configs())
def test_files_and_tables_have_names_of_their_own(config):
    files = naming.vocabulary_names(config)
    columns = {}
    for column, file in files.items():
        columns.setdefault(file, []).append(column)
    shared = {
        feature.column: feature.vocabulary.name
        for side in (config.query, config.candidate)
        for feature in side.features
        if feature.vocabulary.name
    }
    for members in columns.values():
        # Only columns that share a vocabulary by name share its file.
        assert len(members) == 1 or len({shared[column] for column in members}) == 1
    assert naming.counts_file(config) not in files.values()
    tables = naming.table_names(config)
    assert len(set(tables.values())) == len(tables)


def test_tables_of_like_named_columns_differ():
    hashed = {"hash": {"buckets": 4}}
    config = parse_feature_config(
        json.dumps(
            {
                "query": {
                    "id": "user",
                    "features": [
                        {"column": "age", "type": "numeric", "bucketize": {}},
                        {"column": "age bucket", "type": "categorical", **hashed},
                        {"column": "city", "type": "categorical", "vocabulary": {"name": "place"}},
                        {"column": "Place", "type": "categorical", **hashed},
                        {"column": "bio", "type": "text"},
                        {"column": "Bio_Tokens", "type": "categorical", **hashed},
                    ],
                },
                "candidate": {"id": "item", "features": [{"column": "new", "type": "boolean"}]},
            }
        )
    )
    assert naming.table_names(config) == {
        ("vocabulary", "place"): "place_embedding",
        ("vocabulary", "bio_tokens"): "bio_tokens_embedding",
        ("vocabulary", "item"): "item_embedding",
        ("bucket", "age"): "age_bucket_embedding",
        ("column", "age bucket"): "age_bucket_2_embedding",
        ("column", "Place"): "place_2_embedding",
        ("column", "Bio_Tokens"): "bio_tokens_2_embedding",
    }
