"""Rules that concern more than one value: one case or more a rule."""

import json

import pytest

from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.config.checks import FEATURE_CONFIG_CHECKS, MODEL_CONFIG_CHECKS
from tfx_retrieval.errors import InputError


def feature(column, kind="categorical", **rest):
    return {"column": column, "type": kind, **rest}


USER, ITEM = feature("user"), feature("item")


def features(query=(), candidate=(), query_rest=None, candidate_rest=None, **interaction):
    """A FeatureConfig with these features besides the ids."""
    return {
        "query": {"id": "user", "features": [USER, *query], **(query_rest or {})},
        "candidate": {"id": "item", "features": [ITEM, *candidate], **(candidate_rest or {})},
        "interaction": interaction,
    }


def crosses(*columns):
    return {"crosses": [{"columns": list(names)} for names in columns]}


AGE = feature("age", "numeric")
SEEN = feature("seen", "temporal", normalize={})

# Check, config, path, received, expected, remedy.
FEATURE_CASES = [
    (
        "transform_fits_type",
        features([feature("age", "numeric", tokens={})]),
        "$.query.features[1].tokens",
        "tokens of a numeric feature",
        "only normalize, bucketize",
        "tokens is for the type text.",
    ),
    (
        "transform_fits_type",
        features([feature("on", "boolean", hash={"buckets": 2})]),
        "$.query.features[1].hash",
        "hash of a boolean feature",
        "no transform",
        "hash is for the type categorical.",
    ),
    (
        "one_index_of_a_categorical",
        features([feature("x", hash={"buckets": 2}, vocabulary={})]),
        "$.query.features[1]",
        "vocabulary and hash",
        "exactly one of vocabulary, integer_id, hash",
        "",
    ),
    (
        "temporal_has_a_transform",
        features([feature("seen", "temporal")]),
        "$.query.features[1]",
        "a temporal feature without a transform",
        "at least one of normalize, bucketize, cyclical",
        'For example "cyclical"',
    ),
    (
        "vector_has_a_dimension",
        features([feature("v", "vector")]),
        "$.query.features[1]",
        "a vector feature without its length",
        "the key vector",
        "",
    ),
    (
        "values_of_categorical_only",
        features([feature("age", "numeric", values={})]),
        "$.query.features[1].values",
        "values of a numeric feature",
        "values only at the type categorical",
        "",
    ),
    (
        "time_unit_of_temporal_only",
        features([feature("age", "numeric", time_unit="days")]),
        "$.query.features[1].time_unit",
        "a time unit of a numeric feature",
        "time_unit only at the type temporal",
        "",
    ),
    (
        "log_and_clip_of_numeric_only",
        features([feature("seen", "temporal", normalize={"log": True})]),
        "$.query.features[1].normalize.log",
        "log of a temporal feature",
        "log only at the type numeric",
        "",
    ),
    (
        "log_and_clip_of_numeric_only",
        features([feature("seen", "temporal", normalize={"clip_max": 1})]),
        "$.query.features[1].normalize.clip_max",
        "clip_max of a temporal feature",
        "clip_max only at the type numeric",
        "",
    ),
    (
        "clip_bounds",
        features([feature("age", "numeric", normalize={"clip_min": 5, "clip_max": 5})]),
        "$.query.features[1].normalize.clip_min",
        "5",
        "a number below clip_max, which is 5",
        "",
    ),
    (
        "cycles_distinct",
        features([feature("t", "temporal", cyclical={"cycles": ["day_of_week", "day_of_week"]})]),
        "$.query.features[1].cyclical.cycles[1]",
        "day_of_week a second time",
        "each cycle once",
        "",
    ),
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
    (
        "output_names_differ",
        features([AGE, feature("age_norm")]),
        "$.query.features[2].vocabulary",
        'something that becomes the transformed feature "age_norm"',
        "another name than what $.query.features[1].normalize becomes",
        "Rename one of the columns",
    ),
    (
        "output_names_differ",
        features([AGE], [feature("user_x_age_cross")], crosses(["user", "age"])),
        "$.query.crosses[0]",
        'something that becomes the transformed feature "user_x_age_cross"',
        "another name than what $.candidate.features[1].vocabulary becomes",
        "",
    ),
    (
        "output_names_differ",
        features(
            [feature("a"), feature("a_x_b"), feature("b_x_c"), feature("c")],
            [],
            crosses(["a_x_b", "c"], ["a", "b_x_c"]),
        ),
        "$.query.crosses[1]",
        'something that becomes the transformed feature "a_x_b_x_c_cross"',
        "another name than what $.query.crosses[0] becomes",
        "",
    ),
    (
        "output_names_differ",
        features([feature("item_raw")]),
        "$.candidate.id",
        'something that becomes the transformed feature "item_raw"',
        "another name than what $.query.features[1].vocabulary becomes",
        "",
    ),
    (
        "output_names_differ",
        features([feature("rating_label")], label="rating"),
        "$.interaction.label",
        'something that becomes the transformed feature "rating_label"',
        "another name",
        "",
    ),
    (
        "output_names_differ",
        features(
            [
                feature("t", "temporal", cyclical={"cycles": ["day_of_week"]}),
                feature("t_day_of_week_sin", "boolean"),
            ]
        ),
        "$.query.features[2]",
        'the transformed feature "t_day_of_week_sin"',
        "another name than what $.query.features[1].cyclical becomes",
        "",
    ),
    (
        "interaction_columns",
        features(timestamp="item"),
        "$.interaction.timestamp",
        'the column "item", which is also $.candidate.id',
        "a column of its own",
        "",
    ),
    (
        "interaction_columns",
        features(timestamp="t", label="t"),
        "$.interaction.label",
        'the column "t", which is also $.interaction.timestamp',
        "a column of its own",
        "",
    ),
    (
        "timestamp_feature",
        features([feature("seen")], timestamp="seen"),
        "$.query.features[1].type",
        'categorical for the timestamp column "seen"',
        "temporal",
        "",
    ),
    (
        "timestamp_feature",
        features([SEEN], timestamp="seen", time_unit="days"),
        "$.query.features[1].time_unit",
        "seconds",
        "days, as at $.interaction.time_unit",
        'Both read the column "seen".',
    ),
    (
        "label_is_no_feature",
        features([AGE], label="age"),
        "$.query.features[1].column",
        'the label column "age"',
        "a column that is known before the interaction",
        "Leave the feature out",
    ),
    (
        "weight_is_a_number",
        features([feature("age")], weight="age"),
        "$.query.features[1].type",
        'categorical for the weight column "age"',
        "numeric or boolean",
        "",
    ),
    (
        "filter_has_a_condition",
        features(filters=[{"column": "a"}]),
        "$.interaction.filters[0]",
        "a filter without a condition",
        "at least one of present, min, max, one_of, none_of, not_prefix",
        "",
    ),
    (
        "filter_bounds",
        features(filters=[{"column": "a", "min": 2, "max": 1}]),
        "$.interaction.filters[0].min",
        "2",
        "at most max, which is 1",
        "",
    ),
    (
        "filter_can_be_met",
        features(filters=[{"column": "a", "present": False, "min": 2}]),
        "$.interaction.filters[0].present",
        "false beside min",
        "false alone",
        "",
    ),
    (
        "filter_can_be_met",
        features(filters=[{"column": "a", "one_of": ["x", "y"], "none_of": ["y"]}]),
        "$.interaction.filters[0].one_of[1]",
        '"y", which is in none_of as well',
        "a value in one of the two lists",
        "",
    ),
]
MISSING_VALUE_CASES = [
    (feature("x", missing_value=True), "true", "a text or an integer"),
    (feature("x", missing_value=1.5), "1.5", "a text or an integer"),
    (feature("x", integer_id={"size": 3}, missing_value="a"), 'the text "a"', "an integer"),
    (feature("x", values={}, missing_value="a"), 'the text "a"', "a list of texts or integers"),
    (
        feature("x", values={}, integer_id={"size": 3}, missing_value=["a"]),
        "a list of 1",
        "a list of integers",
    ),
    (feature("x", "numeric", missing_value="a"), 'the text "a"', "a number"),
    (feature("x", "numeric", missing_value=True), "true", "a number"),
    (feature("x", "text", missing_value=1), "1", "a text"),
    (feature("x", "boolean", missing_value=1), "1", "true or false"),
    (
        feature("x", "temporal", normalize={}, missing_value="soon"),
        'the text "soon"',
        "an ISO 8601 date or time, or seconds since 1970,",
    ),
    (feature("x", "history", missing_value="a"), 'the text "a"', "a list of ids"),
    (
        feature("x", "vector", vector={"dimension": 2}, missing_value=[1]),
        "a list of 1",
        "a list of 2 numbers",
    ),
]
FEATURE_CASES += [
    (
        "missing_value_fits",
        features([with_value]),
        "$.query.features[1].missing_value",
        received,
        f"{expected} for a {with_value['type']} feature",
        "",
    )
    for with_value, received, expected in MISSING_VALUE_CASES
]

DENSE = {"dense": {"units": 8}}
MODEL_CASES = [
    (
        "towers_end_in_the_output_width",
        {
            "output_projection": False,
            "query_tower": {"layers": [DENSE, {"dropout": {"rate": 0.1}}]},
            "candidate_tower": {"layers": [{"dense": {"units": 32}}]},
        },
        "$.query_tower.layers[0].dense.units",
        "8, while output_projection is false",
        "32, the output_embedding_dim",
        "Change the width, or leave output_projection out.",
    ),
    (
        "towers_end_in_the_output_width",
        {
            "output_projection": False,
            "query_tower": {"layers": [{"dense": {"units": 32}}]},
            "candidate_tower": {"layers": [{"batch_norm": {}}]},
        },
        "$.candidate_tower.layers",
        "no dense layer, while output_projection is false",
        "a last dense layer of 32 units",
        "Add the layer, or leave output_projection out.",
    ),
    (
        "hard_negatives",
        {"batch_size": 8, "retrieval_loss": {"hard_negatives": 10, "uniform_negatives": 2}},
        "$.retrieval_loss.hard_negatives",
        "10",
        "fewer than the 10 candidates that a row is compared with",
        "They are the batch's",
    ),
    (
        "hard_negatives",
        {"retrieval_loss": {"hard_negatives": 16}, "search_space": {"batch_size": [512, 16]}},
        "$.retrieval_loss.hard_negatives",
        "16",
        "fewer than the 16 candidates",
        "",
    ),
    (
        "embedding_learning_rate",
        {"embedding_learning_rate": 0.5},
        "$.embedding_learning_rate",
        "0.5 without embedding_optimizer",
        "embedding_learning_rate beside embedding_optimizer only",
        "",
    ),
    (
        "schedule_does_something",
        {"learning_rate_schedule": {}},
        "$.learning_rate_schedule",
        "a schedule that changes nothing",
        "warmup_steps above 0, exponential or cosine",
        "For a constant learning rate leave learning_rate_schedule out.",
    ),
    (
        "nesterov_has_momentum",
        {"optimizer": {"sgd": {"nesterov": True}}},
        "$.optimizer.sgd.nesterov",
        "true with a momentum of 0",
        "a momentum above 0",
        "",
    ),
    (
        "multitask_weights",
        {"model_type": "multitask", "retrieval_weight": 0, "ranking_weight": 0},
        "$.ranking_weight",
        "0, as is retrieval_weight",
        "at least one weight above 0",
        "",
    ),
    (
        "query_bias_has_a_use",
        {"query_bias": True},
        "$.query_bias",
        "true at model_type retrieval",
        "true at model_type ranking or multitask only",
        "It adds the same to every candidate's score",
    ),
    (
        "scann_leaves",
        {"retrieval": {"scann": {"leaves": 10, "leaves_to_search": 11}}},
        "$.retrieval.scann.leaves_to_search",
        "11",
        "at most leaves, which is 10",
        "",
    ),
    (
        "scann_reorder",
        {"retrieval": {"scann": {"reorder": 99}}},
        "$.retrieval.scann.reorder",
        "99",
        "at least top_k, which is 100",
        "",
    ),
    (
        "scann_block",
        {"output_embedding_dim": 4, "retrieval": {"scann": {"dimensions_per_block": 5}}},
        "$.retrieval.scann.dimensions_per_block",
        "5",
        "at most output_embedding_dim, which is 4",
        "",
    ),
    (
        "search_space_has_values",
        {"search_space": {"max_trials": 3}},
        "$.search_space",
        "no values to try",
        "values for at least one of learning_rate, batch_size, epochs, temperature, dropout",
        "",
    ),
    (
        "search_space_values_distinct",
        {"search_space": {"epochs": [1, 2, 1]}},
        "$.search_space.epochs[2]",
        "1 a second time",
        "each value once",
        "",
    ),
    (
        "searched_dropout_exists",
        {"search_space": {"dropout": [0.1]}, "query_tower": {"layers": [DENSE]}},
        "$.search_space.dropout",
        "rates to try, while no layer is a dropout layer",
        "a dropout layer in a tower or in ranking_loss.head",
        "",
    ),
    (
        "searched_temperature_is_used",
        {"model_type": "ranking", "search_space": {"temperature": [0.1]}},
        "$.search_space.temperature",
        "temperatures to try at model_type ranking",
        "temperatures at model_type retrieval or multitask only",
        "",
    ),
]


def assert_problem(parse, document, where, received, expected, remedy):
    with pytest.raises(InputError) as caught:
        parse(json.dumps(document), "c.json")
    problems = caught.value.problems
    assert len(problems) == 1, "\n".join(map(str, problems))
    assert problems[0].where == f"c.json: {where}"
    assert received in problems[0].received
    assert expected in problems[0].expected
    assert problems[0].remedy.startswith(remedy)


def named(cases):
    return [pytest.param(*case, id=f"{case[0]}-{number}") for number, case in enumerate(cases)]


@pytest.mark.parametrize(
    ("check", "document", "where", "received", "expected", "remedy"), named(FEATURE_CASES)
)
def test_feature_config_rule(check, document, where, received, expected, remedy):
    assert_problem(parse_feature_config, document, where, received, expected, remedy)


@pytest.mark.parametrize(
    ("check", "document", "where", "received", "expected", "remedy"), named(MODEL_CASES)
)
def test_model_config_rule(check, document, where, received, expected, remedy):
    assert_problem(parse_model_config, document, where, received, expected, remedy)


def test_every_rule_has_a_case():
    registered = {check.__name__ for check in (*FEATURE_CONFIG_CHECKS, *MODEL_CONFIG_CHECKS)}
    assert registered == {f"check_{case[0]}" for case in (*FEATURE_CASES, *MODEL_CASES)}


ALLOWED = {
    "ids left out of the features": {
        "query": {"id": "user", "features": [AGE]},
        "candidate": {"id": "item", "features": [feature("price", "numeric")]},
    },
    "one column on both sides, other widths": features(
        [feature("city", vocabulary={"embedding_dim": 4})],
        [feature("city", vocabulary={"embedding_dim": 8})],
    ),
    "one column on both sides, other transforms": features(
        [AGE], [feature("age", "numeric", bucketize={})]
    ),
    "one cross on both sides": features(
        [AGE, SEEN], [AGE, SEEN], crosses(["age", "seen"]), crosses(["age", "seen"])
    ),
    "one column as weight and label": features(weight="stars", label="stars"),
    "a weight that is a feature": features([AGE], weight="age"),
    "the timestamp as a feature": features([SEEN], timestamp="seen"),
    "shared vocabulary": features(
        [feature("city", vocabulary={"name": "places"})],
        [feature("made_in", vocabulary={"name": "places"})],
    ),
    "a history without a timestamp, which a run then asks for": features(
        [feature("earlier", "history")]
    ),
    "missing values": features(
        [
            feature("a", missing_value=3),
            feature("b", integer_id={"size": 3}, missing_value=0),
            feature("c", values={}, missing_value=["x", 1]),
            feature("d", "vector", vector={"dimension": 2}, missing_value=[1, 0.5]),
            feature("e", "history", missing_value=[]),
            feature("f", "temporal", normalize={}, missing_value="2011-12-09"),
            feature("g", "boolean", missing_value=True),
        ]
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name):
    parse_feature_config(json.dumps(ALLOWED[name]))
