"""What `run` needs of a FeatureConfig is known to `validate`."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from support.feature_strategies import feature_config_documents
from support.rule_cases import feature, features

from tfx_retrieval.cli.main import cli
from tfx_retrieval.components.interaction_example_gen.feature_config import table_spec
from tfx_retrieval.config import check_run, parse_feature_config
from tfx_retrieval.errors import InputError


def test_history_needs_a_timestamp():
    document = features([feature("earlier", "history")])
    with pytest.raises(InputError) as caught:
        check_run(parse_feature_config(json.dumps(document)), "f.json")
    (problem,) = caught.value.problems
    assert problem.where == "f.json: $.interaction.timestamp"
    assert '"earlier"' in problem.expected
    document["interaction"]["timestamp"] = "when"
    check_run(parse_feature_config(json.dumps(document)))


def test_validate_reports_what_a_run_would_stop_at(tmp_path):
    """All at once: a history without a time, a column and a width that no model can have."""
    document = features([feature("earlier", "history"), feature("my city")])
    document["query"]["features"][0] = feature("user", vocabulary={"embedding_dim": 8})
    (tmp_path / "features.json").write_text(json.dumps(document))
    (tmp_path / "model.json").write_text('{"output_embedding_dim": 16}')
    arguments = ["validate", str(tmp_path / "features.json"), str(tmp_path / "model.json")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "$.interaction.timestamp" in result.output
    assert result.output.count('"my city", which cannot name an input of a SavedModel') == 1
    assert "$.query.features[0].vocabulary.embedding_dim" in result.output
    # The same is told of the features alone, but for the width, which depends on the model.
    result = CliRunner().invoke(cli, arguments[:2])
    assert result.exit_code == 2
    assert '"my city", which cannot name an input' in result.output
    assert "embedding_dim" not in result.output


def _with_a_role_moved(document, place, column):
    """The config with one column in another role as well."""
    moved = json.loads(json.dumps(document))
    if place == "filter":
        for row_filter in moved["interaction"]["filters"]:
            row_filter["column"] = column
    elif place.endswith("title"):
        moved[place.split()[0]]["title"] = column
    else:
        moved["interaction"][place] = column
    return moved


@settings(max_examples=150, deadline=None)
@given(
    feature_config_documents(odd_names=False),
    st.sampled_from(["query title", "candidate title", "filter", "timestamp", "weight", "label"]),
    st.data(),
)
def test_a_run_reads_whatever_is_valid(document, place, data):
    columns = [
        feature["column"]
        for side in ("query", "candidate")
        for feature in document[side]["features"]
    ]
    columns += ["user", "item", "happened", "weight", "rating", "new"]
    moved = _with_a_role_moved(document, place, data.draw(st.sampled_from(columns)))
    try:
        config = parse_feature_config(json.dumps(moved))
        check_run(config)
    except InputError:
        return
    spec = table_spec(config)
    assert {spec.query_id, spec.candidate_id} <= {column.name for column in spec.columns}
