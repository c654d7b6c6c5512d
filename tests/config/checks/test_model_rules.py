"""Rules of a ModelConfig."""

import pytest
from support.rule_cases import assert_all_rules_have_cases, assert_problem, named

from tfx_retrieval.config import parse_model_config
from tfx_retrieval.config.checks import model_rules

DENSE = {"dense": {"units": 8}}
CASES = [
    (
        "one_rule_for_the_learning_rate",
        {"reduce_on_plateau": {}, "learning_rate_schedule": {"cosine": {}}},
        "$.reduce_on_plateau",
        "reduce_on_plateau beside learning_rate_schedule",
        "one of the two",
        "",
    ),
    (
        "smallest_learning_rate",
        {"reduce_on_plateau": {"min_learning_rate": 0.1}, "learning_rate": 0.1},
        "$.reduce_on_plateau.min_learning_rate",
        "0.1",
        "less than the learning rate, which is 0.1",
        "",
    ),
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
    (
        "parameter_server_queue",
        {
            "distribution": {"parameter_server": {}},
            "retrieval_loss": {"cross_batch_negatives": 1024},
        },
        "$.retrieval_loss.cross_batch_negatives",
        "1,024 beside distribution.parameter_server",
        "0",
        "Workers would overwrite each other's candidates; uniform_negatives can be drawn.",
    ),
    (
        "parameter_server_search",
        {"distribution": {"parameter_server": {}}, "search_space": {"epochs": [1, 2]}},
        "$.search_space",
        "search_space beside distribution.parameter_server",
        "one of the two",
        "Search without distribution, then write what was found into the ModelConfig.",
    ),
    (
        "tpu_embedding_optimizer",
        {"distribution": {"tpu_embedding": {}}, "optimizer": {"adamw": {}}},
        "$.optimizer.adamw",
        "adamw beside distribution.tpu_embedding",
        "adagrad, ftrl, adam without amsgrad or sgd without momentum",
        "embedding_optimizer is that of the tables alone.",
    ),
    (
        "tpu_embedding_optimizer",
        {"distribution": {"tpu_embedding": {}}, "embedding_optimizer": {"sgd": {"momentum": 0.9}}},
        "$.embedding_optimizer.sgd",
        "sgd beside distribution.tpu_embedding",
        "adagrad, ftrl, adam without amsgrad or sgd without momentum",
        "",
    ),
    *(
        (
            "tpu_embedding_options",
            {"distribution": {"tpu_embedding": {}}, **changes},
            f"$.{path}",
            f"{path.split('.')[-1]} beside distribution.tpu_embedding",
            "one of the two",
            "Tables on a TPU are looked up before a step",
        )
        for path, changes in (
            ("clip_norm", {"clip_norm": 1}),
            ("early_stopping", {"early_stopping": {}}),
            ("learning_rate_schedule", {"learning_rate_schedule": {"warmup_steps": 3}}),
            ("retrieval_loss.uniform_negatives", {"retrieval_loss": {"uniform_negatives": 4}}),
            ("query_tower.id_dropout", {"query_tower": {"id_dropout": 0.1}}),
        )
    ),
]


@pytest.mark.parametrize(
    ("check", "document", "where", "received", "expected", "remedy"), named(CASES)
)
def test_rule(check, document, where, received, expected, remedy):
    assert_problem(parse_model_config, document, where, received, expected, remedy)


def test_every_rule_has_a_case():
    assert_all_rules_have_cases(model_rules, CASES)
