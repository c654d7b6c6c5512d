"""Rules about single values: one case a rule, with path, received and expected."""

import copy
import json

import pytest

from tfx_retrieval.config import parse_feature_config, parse_model_config
from tfx_retrieval.errors import InputError

FEATURES = {
    "query": {"id": "user", "features": [{"column": "user", "type": "categorical"}]},
    "candidate": {"id": "item", "features": [{"column": "item", "type": "categorical"}]},
}


def edited(document, path, value):
    """Returns a copy of `document` with `value` at `path`."""
    document = copy.deepcopy(document)
    place = document
    for part in path[:-1]:
        place = place.setdefault(part, {}) if isinstance(part, str) else place[part]
    place[path[-1]] = value
    return document


def problems_of(parse, text):
    with pytest.raises(InputError) as caught:
        parse(text if isinstance(text, str) else json.dumps(text), "c.json")
    return caught.value.problems


def only_problem(parse, text):
    problems = problems_of(parse, text)
    assert len(problems) == 1, "\n".join(map(str, problems))
    return problems[0]


FEATURE = ("query", "features", 0)
FEATURE_CASES = {
    "unknown key": (
        ("query", "titel"),
        "x",
        "$.query.titel",
        'the unknown key "titel"',
        "one of id, title, features, crosses",
        'Did you mean "title"?',
    ),
    "camel case key": (
        (*FEATURE, "timeUnit"),
        "days",
        "$.query.features[0].timeUnit",
        'the unknown key "timeUnit"',
        "one of column, type",
        'Did you mean "time_unit"?',
    ),
    "unknown key without neighbour": (
        ("zzzz",),
        1,
        "$.zzzz",
        'the unknown key "zzzz"',
        "one of version, name, headings, query, candidate, interaction",
        "",
    ),
    "odd key": (
        ('a "b"\n',),
        1,
        '$["a \\"b\\"\\n"]',
        'the unknown key "a \\"b\\"\\n"',
        "one of version",
        "",
    ),
    "unknown enum value": (
        (*FEATURE, "type"),
        "Categorial",
        "$.query.features[0].type",
        'the text "Categorial"',
        "one of categorical, numeric, temporal, text, boolean, vector, history",
        'Did you mean "categorical"?',
    ),
    "unspecified enum value": (
        (*FEATURE, "type"),
        "unspecified",
        "$.query.features[0].type",
        'the text "unspecified"',
        "one of categorical",
        "",
    ),
    "number for an enum": (
        (*FEATURE, "type"),
        1,
        "$.query.features[0].type",
        "1",
        "one of categorical",
        "",
    ),
    "list for an object": (
        ("candidate",),
        [],
        "$.candidate",
        "an empty list",
        "an object with id, title, features, crosses",
        "",
    ),
    "object for a list": (
        ("candidate", "features"),
        {"column": "a"},
        "$.candidate.features",
        'an object with "column"',
        "a list, each entry an object",
        "",
    ),
    "null": (
        ("interaction",),
        None,
        "$.interaction",
        "null",
        "an object",
        "Leave the key out instead.",
    ),
    "empty list": (
        ("candidate", "features"),
        [],
        "$.candidate.features",
        "an empty list",
        "a list of at least 1",
        "",
    ),
    "list too long": (
        ("interaction", "filters"),
        [{"column": "a", "present": True}] * 1001,
        "$.interaction.filters",
        "a list of 1,001",
        "a list of at most 1,000",
        "",
    ),
    "number for a column": (
        ("query", "title"),
        7,
        "$.query.title",
        "7",
        "a column name, one line of 1 to 128 characters",
        "",
    ),
    "empty column": (
        ("query", "title"),
        "",
        "$.query.title",
        'the text ""',
        "a column name, one line of 1 to 128 characters",
        "",
    ),
    "column of 10,000 characters": (
        ("query", "title"),
        "x" * 10_000,
        "$.query.title",
        f'the text "{"x" * 60}… (10,000 characters)"',
        "a column name, one line of 1 to 128 characters",
        "",
    ),
    "column with a line break": (
        ("query", "title"),
        "a\nimport os",
        "$.query.title",
        'the text "a\\nimport os", which holds a line break or another control character',
        "a column name",
        "",
    ),
    "column with NUL": (
        ("query", "title"),
        "a\0b",
        "$.query.title",
        "which holds the character NUL",
        "a column name",
        "",
    ),
    "column with half a surrogate": (
        ("query", "title"),
        "a\ud800",
        "$.query.title",
        'the text "a\\ud800", which holds half of a surrogate pair',
        "a column name",
        "",
    ),
    "column that turns the direction of writing": (
        ("query", "title"),
        "a\u202eb",
        "$.query.title",
        'the text "a\\u202eb", which holds a line break or another control character',
        "a column name",
        "",
    ),
    "empty text": (
        (*FEATURE, "values"),
        {"separator": ""},
        "$.query.features[0].values.separator",
        'the text ""',
        "a text of 1 to 4,096 characters",
        "",
    ),
    "text for a number": (
        (*FEATURE, "vocabulary"),
        {"max_size": "100"},
        "$.query.features[0].vocabulary.max_size",
        'the text "100"',
        "an integer from 1 to 100,000,000",
        "Write it without quotes.",
    ),
    "true for an integer": (
        (*FEATURE, "vocabulary"),
        {"max_size": True},
        "$.query.features[0].vocabulary.max_size",
        "true",
        "an integer from 1 to 100,000,000",
        "",
    ),
    "fraction for an integer": (
        (*FEATURE, "vocabulary"),
        {"max_size": 1.5},
        "$.query.features[0].vocabulary.max_size",
        "1.5",
        "an integer from 1 to 100,000,000",
        "",
    ),
    "integer below its bound": (
        (*FEATURE, "vocabulary"),
        {"oov_buckets": 0},
        "$.query.features[0].vocabulary.oov_buckets",
        "0",
        "an integer from 1 to 1,000,000",
        "",
    ),
    "integer beyond 32 bits": (
        (*FEATURE, "vocabulary"),
        {"min_frequency": 2**31},
        "$.query.features[0].vocabulary.min_frequency",
        "2147483648",
        "an integer at least 1 and at most 2,147,483,647",
        "",
    ),
    "object in missing_value": (
        (*FEATURE, "missing_value"),
        {"a": 1},
        "$.query.features[0].missing_value",
        'an object with "a"',
        "a text, a number, true or false, or a list of these",
        "",
    ),
    "list in a list in missing_value": (
        (*FEATURE, "missing_value"),
        [[1]],
        "$.query.features[0].missing_value[0]",
        "a list of 1",
        "a text, a number, true or false, or a list of these",
        "",
    ),
    "integer that no double holds": (
        (*FEATURE, "missing_value"),
        2**53 + 1,
        "$.query.features[0].missing_value",
        "9007199254740993",
        "an integer of at most 9,007,199,254,740,992 in size",
        "",
    ),
    "headings as a list": (
        ("headings",),
        ["User ID"],
        "$.headings",
        "a list of 1",
        "an object, each value a text",
        "",
    ),
    "heading that is no text": (
        ("headings",),
        {"user": {"heading": "User ID"}},
        "$.headings.user",
        'an object with "heading"',
        "a column name, one line of 1 to 128 characters",
        "",
    ),
    "empty heading": (
        ("headings",),
        {"user": ""},
        "$.headings.user",
        'the text ""',
        "a column name, one line of 1 to 128 characters",
        "",
    ),
    "name of a heading with a line break": (
        ("headings",),
        {"us\ner": "User ID"},
        '$.headings["us\\ner"]',
        "a line break",
        "a column name, one line of 1 to 128 characters",
        "",
    ),
    "too many headings": (
        ("headings",),
        {f"c{number}": "x" for number in range(1001)},
        "$.headings",
        "an object with",
        "an object with at most 1,000 keys",
        "",
    ),
    "version of the past": (
        ("version",),
        0,
        "$.version",
        "0",
        "an integer equal to 1",
        "",
    ),
    "version of the future": (
        ("version",),
        2,
        "$.version",
        "2",
        "a version of at most 1",
        "The file was made for a newer release of tfx-retrieval; install that release.",
    ),
}


@pytest.mark.parametrize("name", FEATURE_CASES)
def test_feature_config_value(name):
    path, value, where, received, expected, remedy = FEATURE_CASES[name]
    problem = only_problem(parse_feature_config, edited(FEATURES, path, value))
    assert problem.where == f"c.json: {where}"
    assert received in problem.received
    assert expected in problem.expected
    assert problem.remedy == remedy


MODEL_CASES = {
    "two of a oneof": (
        {"optimizer": {"adam": {}, "sgd": {}}},
        "$.optimizer",
        "adam and sgd",
        "exactly one of adagrad, adam, sgd, rmsprop, adamw, ftrl",
    ),
    "none of a oneof": (
        {"query_tower": {"layers": [{}]}},
        "$.query_tower.layers[0]",
        "an empty object",
        "exactly one of dense, dropout, batch_norm, layer_norm, residual, cross",
    ),
    "missing required key": (
        {"query_tower": {"layers": [{"dense": {}}]}},
        "$.query_tower.layers[0].dense.units",
        "no such key",
        "an integer from 1 to 65,536",
    ),
    "text for a truth value": (
        {"mixed_precision": "true"},
        "$.mixed_precision",
        'the text "true"',
        "true or false",
    ),
    "number for a truth value": ({"mixed_precision": 1}, "$.mixed_precision", "1", "true or false"),
    "excluded lower bound": (
        {"learning_rate": 0},
        "$.learning_rate",
        "0",
        "a number above 0 and at most 1,000",
    ),
    "excluded upper bound": (
        {"query_tower": {"layers": [{"dropout": {"rate": 1}}]}},
        "$.query_tower.layers[0].dropout.rate",
        "1",
        "a number at least 0 and below 1",
    ),
    "number in a list": (
        {"search_space": {"epochs": [1, 0]}},
        "$.search_space.epochs[1]",
        "0",
        "an integer from 1 to 100,000",
    ),
    "unspecified in a nested enum": (
        {"query_tower": {"layers": [{"dense": {"units": 1, "activation": "Relu6"}}]}},
        "$.query_tower.layers[0].dense.activation",
        'the text "Relu6"',
        "one of linear, relu",
    ),
}


@pytest.mark.parametrize("name", MODEL_CASES)
def test_model_config_value(name):
    document, where, received, expected = MODEL_CASES[name]
    problem = only_problem(parse_model_config, document)
    assert problem.where == f"c.json: {where}"
    assert received == problem.received
    assert expected in problem.expected


@pytest.mark.parametrize(
    ("text", "where", "received"),
    [
        ('{"learning_rate": NaN}', "$.learning_rate", "NaN"),
        ('{"learning_rate": -Infinity}', "$.learning_rate", "-Infinity"),
        ('{"learning_rate": 1e999}', "$.learning_rate", "1e999"),
        ('{"epochs": ' + "9" * 5000 + "}", "$.epochs", "9" * 20 + "… (5000 digits)"),
        ('{"epochs": 1e30}', "$.epochs", "1e+30"),
        ('{"epochs": 3, "epochs": 4}', "$.epochs", "the key more than once"),
        ("[]", "$", "an empty list"),
        ('"text"', "$", 'the text "text"'),
        ("7", "$", "7"),
    ],
)
def test_odd_json(text, where, received):
    problem = only_problem(parse_model_config, text)
    assert (problem.where, problem.received) == (f"c.json: {where}", received)


def test_a_heading_stands_once():
    text = json.dumps(FEATURES)[:-1] + ', "headings": {"user": "a", "user": "b"}}'
    problem = only_problem(parse_feature_config, text)
    assert (problem.where, problem.expected) == ("c.json: $.headings.user", "each key once")


def test_whole_float_is_an_integer():
    assert parse_model_config('{"epochs": 3.0}').epochs == 3


def test_editor_key_is_allowed_at_the_root_alone():
    assert parse_model_config('{"$schema": "model_config.schema.json", "epochs": 3}').epochs == 3
    problem = only_problem(parse_model_config, {"retrieval": {"$schema": "x"}})
    assert problem.where == 'c.json: $.retrieval["$schema"]'


def test_all_problems_are_reported_at_once():
    document = {
        "nam": "x",
        "query": {
            "id": "a\nb",
            "features": [
                {"column": "user", "type": "categorica"},
                {"column": "age", "type": "numeric", "tokens": {}},
            ],
            "crosses": [{"columns": ["age", "agee"]}],
        },
        "candidate": {"features": [{"column": "item", "type": "history"}]},
    }
    places = [
        problem.where.split(": ")[1] for problem in problems_of(parse_feature_config, document)
    ]
    assert places == [
        "$.nam",
        "$.query.id",
        "$.query.features[0].type",
        "$.candidate.id",
        "$.query.features[1].tokens",
        "$.candidate.features[0].type",
        "$.query.crosses[0].columns[1]",
    ]


def test_what_only_follows_from_a_problem_is_not_reported():
    document = edited(FEATURES, (*FEATURE, "colum"), "user")
    del document["query"]["features"][0]["column"]
    document["query"]["crosses"] = [{"columns": ["user", "age"]}]
    problem = only_problem(parse_feature_config, document)
    assert problem.remedy == 'Did you mean "column"?'


def test_number_of_reported_problems_is_limited():
    problems = problems_of(parse_model_config, {f"key{i}": 1 for i in range(5000)})
    assert len(problems) == 501
    assert problems[-1].received == "4,500 problems more"


@pytest.mark.parametrize(
    ("parse", "document", "received"),
    [
        (parse_model_config, FEATURES, 'a FeatureConfig, with the keys "query", "candidate"'),
        (parse_feature_config, {"optimizer": {}}, 'a ModelConfig, with the keys "optimizer"'),
        (
            parse_feature_config,
            {"buyer_model_features": []},
            'another system\'s config, with the keys "buyer_model_features"',
        ),
    ],
)
def test_config_of_another_kind(parse, document, received):
    assert only_problem(parse, document).received == received


def test_defaults_are_filled():
    config = parse_model_config("{}")
    assert config.retrieval_loss.logq_correction
    assert config.optimizer.adagrad.initial_accumulator_value == 0.1
    assert config.retrieval.scann.dimensions_per_block == 2
    assert not config.HasField("embedding_optimizer")
    assert not config.HasField("search_space")
    assert not config.retrieval.HasField("max_latency_ms")


def test_given_zero_is_kept():
    config = parse_model_config('{"retrieval_weight": 0, "seed": 0, "output_projection": true}')
    assert (config.retrieval_weight, config.seed) == (0, 0)


@pytest.mark.parametrize(
    ("feature", "transform"),
    [
        ({"type": "categorical"}, "vocabulary"),
        ({"type": "numeric"}, "normalize"),
        ({"type": "text"}, "tokens"),
        ({"type": "history"}, "history"),
    ],
)
def test_default_transform(feature, transform):
    document = copy.deepcopy(FEATURES)
    document["query"]["features"].append({"column": "x", **feature})
    feature = parse_feature_config(json.dumps(document)).query.features[1]
    assert feature.HasField(transform)
    assert getattr(feature, transform).ByteSize() > 0


def test_no_default_transform_beside_a_given_one():
    document = edited(FEATURES, FEATURE, {"column": "x", "type": "numeric", "bucketize": {}})
    assert not parse_feature_config(json.dumps(document)).query.features[0].HasField("normalize")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("1969-12-31T23:59:59.5Z", -1),
        ("2011-12-09T12:50:00+01:00", 1_323_431_400),
        ("2011-12-09 11:50", 1_323_431_400),
    ],
)
def test_missing_time_becomes_seconds(text, seconds):
    feature = {"column": "t", "type": "temporal", "normalize": {}, "missing_value": text}
    document = edited(FEATURES, FEATURE, feature)
    value = parse_feature_config(json.dumps(document)).query.features[0].missing_value
    assert value.number_value == seconds
