"""Questions to a resolved FeatureConfig."""

from support.config_examples import full_feature_config

from tfx_retrieval.config.features import (
    candidate_columns,
    cross_output,
    crosses,
    feature_of,
    history_columns,
    output_names,
    pass_through_outputs,
    query_columns,
    raw_columns,
    type_name,
)
from tfx_retrieval.proto.feature_config_pb2 import TimeUnit

CONFIG = full_feature_config()


def test_columns_of_a_side():
    assert query_columns(CONFIG) == ["user", "city", "age", "happened", "member", "earlier"]
    assert candidate_columns(CONFIG) == [
        "item",
        "made in",
        "shelf",
        "code",
        "tags",
        "price",
        "title",
        "picture",
    ]
    assert history_columns(CONFIG) == ["earlier"]


def test_raw_columns():
    columns = raw_columns(CONFIG)
    assert list(columns)[:3] == ["user", "city", "age"]
    assert columns["user"].roles == ("query_id", "query_feature")
    assert columns["city"].roles == ("query_feature", "filter")
    assert columns["title"].roles == ("candidate_feature", "candidate_title")
    assert columns["happened"].roles == ("query_feature", "timestamp")
    assert columns["amount"].roles == ("weight", "filter")
    assert {name: type_name(column.type) for name, column in columns.items()} == {
        "user": "categorical",
        "city": "categorical",
        "age": "numeric",
        "happened": "temporal",
        "member": "boolean",
        "earlier": "history",
        "item": "categorical",
        "made in": "categorical",
        "shelf": "categorical",
        "code": "categorical",
        "tags": "categorical",
        "price": "numeric",
        "title": "text",
        "picture": "vector",
        "amount": "numeric",
        "rating": "numeric",
    }
    assert columns["happened"].time_unit == TimeUnit.seconds
    assert columns["age"].time_unit == TimeUnit.unspecified
    assert columns["age"].feature == CONFIG.query.features[2]
    assert columns["rating"].feature is None


def test_output_names():
    outputs = {
        feature.column: output_names(feature)
        for side in (CONFIG.query, CONFIG.candidate)
        for feature in side.features
    }
    assert outputs["user"] == ["user"]
    assert outputs["age"] == ["age_norm", "age_bucket"]
    assert outputs["happened"][:4] == [
        "happened_norm",
        "happened_bucket",
        "happened_minute_of_hour_sin",
        "happened_minute_of_hour_cos",
    ]
    assert len(outputs["happened"]) == 2 + 2 * 9
    assert outputs["member"] == ["member"]
    assert outputs["title"] == ["title_tokens"]
    assert outputs["picture"] == ["picture"]
    assert outputs["earlier"] == ["earlier"]
    assert [cross_output(cross) for _, _, cross in crosses(CONFIG)] == [
        "city_x_age_cross",
        "made in_x_shelf_x_price_cross",
    ]


def test_pass_through_outputs():
    assert pass_through_outputs(CONFIG) == {
        "item_raw": "item",
        "rating_label": "rating",
        "amount_weight": "amount",
    }


def test_feature_of():
    assert feature_of(CONFIG.query, "age") is not None
    assert feature_of(CONFIG.query, "price") is None
