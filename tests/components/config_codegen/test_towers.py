"""The towers as they are written: which tables there are, how wide, and who shares them."""

import json

from support.rule_cases import feature, features

from tfx_retrieval.components.config_codegen.towers import write_towers
from tfx_retrieval.config import parse_feature_config, parse_model_config


def _towers(document):
    features_config = parse_feature_config(json.dumps(document))
    return write_towers(features_config, parse_model_config('{"output_embedding_dim": 24}'))


def _dims(tower):
    return {table.name: table.dim for table in tower.tables}


def test_default_widths():
    query, candidate = _towers(
        features(
            [feature("city"), feature("earlier", "history")],
            [feature("title", "text"), feature("price", "numeric", bucketize={})],
            {"crosses": [{"columns": ["user", "city"]}]},
        )
    )
    assert _dims(query) == {
        **{"user_embedding": 24, "city_embedding": 16, "item_embedding": 24},
        "user_x_city_cross_embedding": 8,
    }
    assert _dims(candidate) == {
        **{"item_embedding": 24, "title_tokens_embedding": 32},
        "price_bucket_embedding": 8,
    }
    assert query.shared == candidate.shared == ["item_embedding"]


def test_what_shares_an_ids_vocabulary_is_as_wide_as_the_id():
    """One table, so one width: an id's default is another than a category's."""
    document = features(
        [feature("friend", vocabulary={"name": "people"})],
        [feature("seller", vocabulary={"name": "people"})],
    )
    document["query"]["features"][0] = feature("user", vocabulary={"name": "people"})
    query, candidate = _towers(document)
    assert _dims(query) == {"people_embedding": 24}
    assert _dims(candidate) == {"item_embedding": 24, "people_embedding": 24}
    assert query.shared == candidate.shared == ["people_embedding"]


def test_a_column_of_both_sides_has_a_table_in_each_tower():
    query, candidate = _towers(
        features(
            [feature("city", vocabulary={"embedding_dim": 3})],
            [feature("city", vocabulary={"embedding_dim": 5})],
        )
    )
    assert _dims(query)["city_embedding"] == 3
    assert _dims(candidate)["city_embedding"] == 5
    assert not query.shared
