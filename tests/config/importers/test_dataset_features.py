"""One YAML file of data set, model and training."""

import pytest
from support.imported_configs import TRAINING, imported_yaml, notes_about

from tfx_retrieval.config.importers import import_text
from tfx_retrieval.errors import InputError


def test_training_file():
    result = imported_yaml(TRAINING)
    assert result.feature_config["query"] == {
        "id": "userId",
        "features": [
            {
                "column": "userId",
                "type": "categorical",
                "hash": {"buckets": 250000, "embedding_dim": 16},
            }
        ],
    }
    assert result.feature_config["candidate"]["id"] == "movieId"
    assert result.feature_config["interaction"] == {"label": "label", "timestamp": "timestamp"}
    assert result.model_config == {
        "version": 1,
        "model_type": "ranking",
        "learning_rate": 0.01,
        "batch_size": 8192,
        "epochs": 2,
        "output_embedding_dim": 15,
        "ranking_loss": {"kind": "binary_crossentropy"},
        "query_bias": True,
        "candidate_bias": True,
    }
    for key in (
        "train_path",
        "validate_path",
        "save_model_path",
        "train_rows",
        "trainval_rows",
        "eval_rows",
        "shuffle_buffer",
        "cycle_length",
        "compression",
    ):
        assert notes_about(result, f"$.{key}"), key
    header = notes_about(result, "$.dataset_features")[0]
    assert "userId,movieId,label,timestamp" in header


PLAIN = [
    ("string", "{hash: false, embedding_dim: 4}", {"vocabulary": {"embedding_dim": 4}}),
    (
        "string",
        "{vocab_size: 9, embedding_dim: 4}",
        {"vocabulary": {"embedding_dim": 4, "max_size": 9}},
    ),
    ("int", "{vocab_size: 9, embedding_dim: 4}", {"integer_id": {"size": 9, "embedding_dim": 4}}),
    ("float", "{embedding_dim: 4}", {"normalize": {"projection_dim": 4}}),
]


@pytest.mark.parametrize(("kind", "options", "transform"), PLAIN)
def test_training_file_features(kind, options, transform):
    text = TRAINING.replace("label: {type: int},", f"label: {{type: int}}, x: {{type: {kind}}},")
    text += f"    x: {options}\n"
    feature = imported_yaml(text).feature_config["query"]["features"][1]
    assert {key: feature[key] for key in transform} == transform


def test_unused_column_is_noted():
    text = TRAINING.replace("label: {type: int},", "label: {type: int}, x: {type: int},")
    assert "no feature uses" in notes_about(imported_yaml(text), "$.dataset_features.x")[0]


def test_wrong_training_file():
    text = TRAINING.replace("label: label", "label: lable")
    text = text.replace("    movieId", "    moveId").replace("vocab_size: 250000, ", "")
    with pytest.raises(InputError) as caught:
        import_text(text, "x.yaml")
    assert [problem.where for problem in caught.value.problems] == [
        "x.yaml: $.model.features.userId.vocab_size",
        "x.yaml: $.model.features.moveId",
        "x.yaml: $.label",
    ]
