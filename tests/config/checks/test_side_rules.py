"""Rules within a side and between the two."""

import pytest
from support.rule_cases import (
    AGE,
    ITEM,
    SEEN,
    USER,
    assert_all_rules_have_cases,
    assert_problem,
    crosses,
    feature,
    features,
    named,
)

from tfx_retrieval.config import parse_feature_config
from tfx_retrieval.config.checks import side_rules

CASES = [
    (
        "ids_differ",
        {
            "query": {"id": "user", "features": [AGE]},
            "candidate": {"id": "user", "features": [SEEN]},
        },
        "$.candidate.id",
        'the column "user", which is the query\'s id as well',
        "a column of its own",
        "",
    ),
    (
        "columns_distinct",
        features([AGE, feature("age", "numeric", bucketize={})]),
        "$.query.features[2].column",
        'the column "age" a second time',
        "each column once on a side",
        "Put all its transforms into $.query.features[1].",
    ),
    (
        "sides_agree_on_a_column",
        features([AGE], [feature("age", "boolean")]),
        "$.candidate.features[1].type",
        'another type of the column "age" than the query\'s',
        "the same as at $.query.features[1].type",
        "Both sides share the transformed column",
    ),
    (
        "sides_agree_on_a_column",
        features([AGE], [feature("age", "numeric", normalize={"method": "min_max"})]),
        "$.candidate.features[1].normalize",
        'another normalize of the column "age" than the query\'s',
        "the same as at $.query.features[1].normalize",
        "Both sides share the transformed column",
    ),
    (
        "sides_agree_on_a_column",
        features([AGE], [{**AGE, "missing_value": 1}]),
        "$.candidate.features[1].missing_value",
        "another missing_value",
        "the same as at $.query.features[1].missing_value",
        "",
    ),
    (
        "id_is_one_category",
        {
            "query": {"id": "user", "features": [feature("user", "text")]},
            "candidate": {"id": "item", "features": [ITEM]},
        },
        "$.query.features[0].type",
        'text for the id column "user"',
        "categorical",
        "",
    ),
    (
        "id_is_one_category",
        {
            "query": {"id": "user", "features": [USER]},
            "candidate": {"id": "item", "features": [feature("item", values={})]},
        },
        "$.candidate.features[0].values",
        'several values in the id column "item"',
        "one id a row",
        "",
    ),
    (
        "no_id_of_the_other_side",
        features([feature("item")]),
        "$.query.features[1].column",
        'the candidate\'s id column "item"',
        "a column that says something about the query",
        "For candidates met earlier use a feature of the type history.",
    ),
    (
        "no_id_of_the_other_side",
        features([], [feature("user")]),
        "$.candidate.features[1].column",
        'the query\'s id column "user"',
        "a column that says something about the candidate",
        "",
    ),
    (
        "history_side",
        features([], [feature("earlier", "history")]),
        "$.candidate.features[1].type",
        "history on the candidate side",
        "history on the query side alone",
        "",
    ),
    (
        "history_has_candidate_ids",
        {
            "query": {"id": "user", "features": [feature("earlier", "history")]},
            "candidate": {"id": "item", "features": [AGE]},
        },
        "$.query.features[0].type",
        "history, while the candidate id is no feature",
        'a categorical feature of "item" in $.candidate.features',
        "The history shares the candidate id's embedding.",
    ),
    (
        "cross_members",
        features([AGE], [], crosses(["user", "aged"])),
        "$.query.crosses[0].columns[1]",
        'the column "aged", which is no feature of this side',
        'one of "user", "age"',
        'Did you mean "age"?',
    ),
    (
        "cross_members",
        features([feature("bio", "text")], [], crosses(["user", "bio"])),
        "$.query.crosses[0].columns[1]",
        'the column "bio" of the type text',
        "a column of the type categorical, numeric, temporal, boolean",
        "",
    ),
    (
        "cross_members",
        features([feature("tags", values={})], [], crosses(["user", "tags"])),
        "$.query.crosses[0].columns[1]",
        'the column "tags" of the type categorical, several values a row',
        "a column of the type categorical",
        "",
    ),
    (
        "cross_members_distinct",
        features([], [], crosses(["user", "user"])),
        "$.query.crosses[0].columns[1]",
        'the column "user" a second time',
        "each column once in a cross",
        "",
    ),
    (
        "crosses_distinct",
        features([AGE], [], crosses(["user", "age"], ["user", "age"])),
        "$.query.crosses[1]",
        'the cross of "user", "age" a second time',
        "each cross once on a side",
        "",
    ),
    (
        "crosses_distinct",
        features(
            [AGE, SEEN],
            [AGE, SEEN],
            {"crosses": [{"columns": ["age", "seen"], "hash_buckets": 10}]},
            crosses(["age", "seen"]),
        ),
        "$.candidate.crosses[0]",
        "other hash_buckets or member_buckets than the same cross of the query",
        "the same as at $.query.crosses[0]",
        "",
    ),
    (
        "shared_vocabularies_agree",
        features(
            [feature("city", vocabulary={"name": "places", "max_size": 10})],
            [feature("made_in", vocabulary={"name": "places"})],
        ),
        "$.candidate.features[1].vocabulary.max_size",
        "unset",
        "10 as at $.query.features[1].vocabulary.max_size",
        'Both share the vocabulary "places".',
    ),
    (
        "shared_vocabularies_agree",
        features(
            [feature("city", vocabulary={"name": "places", "oov_buckets": 3})],
            [feature("made_in", vocabulary={"name": "places"})],
        ),
        "$.candidate.features[1].vocabulary.oov_buckets",
        "1",
        "3 as at $.query.features[1].vocabulary.oov_buckets",
        "",
    ),
    (
        "vocabulary_names",
        features([feature("city"), feature("town", vocabulary={"name": "city"})]),
        "$.query.features[2].vocabulary.name",
        '"city", which is also a column with a vocabulary of its own',
        "another name, or one vocabulary for both",
        "To share it, write the same name at $.query.features[1].vocabulary.",
    ),
]


@pytest.mark.parametrize(
    ("check", "document", "where", "received", "expected", "remedy"), named(CASES)
)
def test_rule(check, document, where, received, expected, remedy):
    assert_problem(parse_feature_config, document, where, received, expected, remedy)


def test_every_rule_has_a_case():
    assert_all_rules_have_cases(side_rules, CASES)
