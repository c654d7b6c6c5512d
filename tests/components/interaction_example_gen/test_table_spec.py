"""The spec: JSON, contradictions, and what it takes from a FeatureConfig."""

import dataclasses
import json

import pytest

from tfx_retrieval.components.interaction_example_gen.feature_config import table_spec
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    ColumnSpec,
    FilterSpec,
    HistorySpec,
    SplitSpec,
    TableSpec,
)
from tfx_retrieval.config import parse_feature_config
from tfx_retrieval.errors import InputError
from tfx_retrieval.proto import feature_config_pb2

CONFIG = {
    "query": {
        "id": "user",
        "features": [
            {"column": "user", "type": "categorical"},
            {"column": "seen", "type": "history", "history": {"max_length": 5}},
        ],
    },
    "candidate": {
        "id": "item",
        "title": "name",
        "features": [
            {"column": "item", "type": "categorical", "vocabulary": {"embedding_dim": 8}},
            {
                "column": "genres",
                "type": "categorical",
                "values": {"separator": "|"},
            },
            {"column": "cover", "type": "vector", "vector": {"dimension": 3}},
            {"column": "shelf", "type": "categorical", "integer_id": {"size": 9}},
        ],
    },
    "interaction": {
        "timestamp": "time",
        "time_unit": "milliseconds",
        "label": "rating",
        "filters": [
            {"column": "amount", "min": 1},
            {"column": "invoice", "not_prefix": "C"},
            {"column": "note", "present": True},
        ],
    },
}


def config(**changes):
    return parse_feature_config(json.dumps({**CONFIG, **changes}))


def test_round_trip_keeps_every_field(make_spec):
    spec = make_spec(
        SplitSpec("leave-one-out", 0.1, 0.1, 7),
        filters=(FilterSpec("rating", True, 1.0, 5.0, ("1",), ("2",)), FilterSpec("user", False)),
        histories=(HistorySpec("seen", 3),),
        sample_rows=10,
        weight="rating",
    )
    assert TableSpec.from_json(spec.to_json()) == spec
    assert TableSpec.from_json(json.loads(spec.to_json())) == spec


def test_json_is_canonical(make_spec):
    text = make_spec().to_json()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    value = json.loads(text)
    value["split"]["eval_fraction"] = 0.5
    value["split"]["test_fraction"] = 0  # an integer where a float is meant
    assert '"test_fraction":0.0' in TableSpec.from_json(json.dumps(value)).to_json()


def test_every_problem_of_the_json_is_reported(make_spec):
    value = json.loads(make_spec().to_json())
    value["queryid"] = "user"
    value["split"]["method"] = 3
    value["columns"][1]["name"] = None
    del value["candidate_id"]
    with pytest.raises(InputError) as error:
        TableSpec.from_json(json.dumps(value), "spec")
    assert [problem.where for problem in error.value.problems] == [
        "spec: $.queryid",
        "spec: $.columns[1].name",
        "spec: $.candidate_id",
        "spec: $.split.method",
    ]
    assert "expected 'query_id', but got an unknown key" in str(error.value)
    assert "expected a string, but got 3" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "line 1, column 2\n  expected JSON"), ("[1]", r"expected an object, but got \[1\]")],
)
def test_json_that_is_no_object_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        TableSpec.from_json(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query_id": "rating"}, r"\$.query_id\n  expected a categorical column, but got column"),
        ({"candidate_id": "user"}, r"another column than \$.query_id"),
        ({"timestamp": "when"}, r"\$.timestamp\n  expected one of the names .* got 'when'"),
        ({"timestamp": None, "split": "temporal"}, "since there is a temporal split"),
        (
            {"timestamp": None, "histories": (HistorySpec("seen", 3),)},
            r"since there is a history \('seen'\)",
        ),
        ({"histories": (HistorySpec("user", 3),)}, "expected a name that no column of the table"),
        ({"histories": (HistorySpec("seen", 0),)}, "expected 1 or more, but got 0"),
        ({"split": SplitSpec("newest")}, "expected one of random, temporal, leave-one-out"),
        ({"split": SplitSpec(eval_fraction=1.0)}, "expected a number above 0 and below 1"),
        ({"split": SplitSpec(eval_fraction=0.5, test_fraction=0.5)}, "0 or more and below 0.5"),
        ({"filters": (FilterSpec("name", minimum=1.0),)}, "got a number for the text column"),
        ({"filters": (FilterSpec("rating", not_prefix="C"),)}, "a prefix for the numeric column"),
        ({"filters": (FilterSpec("rating", one_of=("a",)),)}, "expected a number, but got 'a'"),
        ({"filters": (FilterSpec("time", one_of=("1",)),)}, "expected min or max, in seconds"),
        ({"sample_rows": -1}, "expected 0 or more, but got -1"),
        ({"version": 99}, r"\$.version\n  expected 1, but got 99"),
    ],
)
def test_contradictions_are_refused(make_spec, changes, message):
    split = changes.pop("split", "random")
    with pytest.raises(InputError, match=message):
        TableSpec.from_json(make_spec(split, **changes).to_json())


def test_a_type_that_is_unknown_is_refused(make_spec):
    columns = (*make_spec().columns, ColumnSpec("extra", "number", time_unit="hours"))
    with pytest.raises(InputError, match=r"(?s)got 'number'.*got 'hours'"):
        TableSpec.from_json(make_spec(columns=columns).to_json())


def test_feature_config_gives_columns_roles_and_filters():
    spec = table_spec(config(), split="temporal", sample_rows=5)
    assert spec.columns == (
        ColumnSpec("user", "categorical"),
        ColumnSpec("item", "categorical"),
        ColumnSpec("genres", "categorical", multiple=True, separator="|"),
        ColumnSpec("cover", "vector", dimension=3),
        ColumnSpec("shelf", "categorical", integer=True),
        ColumnSpec("time", "temporal", time_unit="milliseconds"),
        ColumnSpec("rating", "numeric"),
        ColumnSpec("name", "text"),
        ColumnSpec("amount", "numeric"),
        ColumnSpec("invoice", "categorical"),
        ColumnSpec("note", "any"),
    )
    assert spec.example_columns == ("user", "item", "genres", "cover", "shelf", "time", "rating")
    assert spec.candidate_columns == ("item", "genres", "cover", "shelf", "name")
    assert spec.kept_columns == (*spec.example_columns, "name")
    assert spec.histories == (HistorySpec("seen", 5),)
    assert spec.filters[0] == FilterSpec("amount", minimum=1.0)
    assert (spec.split, spec.sample_rows) == (SplitSpec("temporal"), 5)
    assert (spec.query_id, spec.candidate_id, spec.title) == ("user", "item", "name")
    assert (spec.timestamp, spec.label, spec.weight) == ("time", "rating", None)


def test_transforms_do_not_change_the_spec():
    candidate = json.loads(json.dumps(CONFIG["candidate"]))
    candidate["features"][0]["vocabulary"] = {"embedding_dim": 64, "max_size": 100}
    changed = table_spec(config(candidate=candidate))
    assert changed.to_json() == table_spec(config()).to_json()


def test_a_column_that_filters_use_in_two_ways_is_categorical():
    interaction = {
        **CONFIG["interaction"],
        "filters": [{"column": "code", "min": 1}, {"column": "code", "none_of": ["7"]}],
    }
    assert table_spec(config(interaction=interaction)).column("code").type == "categorical"


def test_a_title_that_is_a_feature_keeps_the_features_type():
    candidate = {**CONFIG["candidate"], "title": "shelf"}
    spec = table_spec(config(candidate=candidate))
    assert spec.column("shelf") == ColumnSpec("shelf", "categorical", integer=True)
    assert spec.candidate_columns.count("shelf") == 1


def test_one_column_in_two_units_is_refused():
    message = config()
    feature = message.query.features.add(column="time", type="temporal")
    feature.time_unit = feature_config_pb2.TimeUnit.seconds
    with pytest.raises(InputError) as error:
        table_spec(message)
    assert str(error.value) == (
        "features: $.interaction.timestamp\n"
        "  expected time_unit 'seconds', as at $.query.features[2], "
        "but got column 'time' read with time_unit 'milliseconds'\n"
        "  A column is read in one way only; make the two places agree."
    )


def test_an_unknown_column_is_an_error(make_spec):
    with pytest.raises(KeyError, match="'nothing'"):
        make_spec().column("nothing")
    assert dataclasses.replace(make_spec(), split=SplitSpec("temporal")).needs_time


def test_a_column_that_is_only_asked_for_presence_cannot_be_written(make_spec):
    columns = (*make_spec().columns, ColumnSpec("note", "any"))
    with pytest.raises(
        InputError, match=r"\$.candidate_columns\[1\]\n.* got column 'note' of type"
    ):
        TableSpec.from_json(
            make_spec(columns=columns, candidate_columns=("item", "note")).to_json()
        )


def test_a_title_is_read_as_the_feature_that_it_also_is():
    document = {
        "query": {
            "id": "user",
            "title": "price",
            "features": [{"column": "user", "type": "categorical"}],
        },
        "candidate": {
            "id": "item",
            "title": "time",
            "features": [{"column": "price", "type": "numeric"}],
        },
        "interaction": {"timestamp": "time"},
    }
    columns = {
        column.name: column.type
        for column in table_spec(parse_feature_config(json.dumps(document))).columns
    }
    assert columns == {
        **{"user": "categorical", "item": "categorical"},
        **{"price": "numeric", "time": "temporal"},
    }


def test_headings_are_those_of_the_config():
    side = {"features": [{"column": "age", "type": "numeric"}]}
    document = {
        "headings": {"user": "User ID", "age": "Age (years)"},
        "query": {"id": "user", **side},
        "candidate": {"id": "item", **side},
    }
    spec = table_spec(parse_feature_config(json.dumps(document)))
    sources = {column.name: column.source for column in spec.columns}
    assert sources == {"age": "Age (years)", "user": "User ID", "item": "item"}
    assert TableSpec.from_json(spec.to_json()) == spec


def test_no_two_columns_are_read_from_one_heading(make_spec):
    user, *others = make_spec().columns
    columns = (user, *others, ColumnSpec("note", "text", heading=user.name))
    with pytest.raises(InputError, match=r"\.heading\n"):
        TableSpec.from_json(make_spec(columns=columns).to_json())
