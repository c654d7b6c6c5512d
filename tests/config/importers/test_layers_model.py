"""Model configs with lists of layers."""

from support.imported_configs import imported, notes_about, problems_of


def test_model_defaults():
    model = imported({"retrieval_algorithm": "brute_force"}).model_config
    assert model == {
        "version": 1,
        "name": "model",
        "model_type": "retrieval",
        "query_tower": {"layers": []},
        "candidate_tower": {"layers": []},
        "optimizer": {"adagrad": {}},
        "output_embedding_dim": 32,
        "learning_rate": 0.1,
        "batch_size": 4096,
        "epochs": 10,
        "retrieval_weight": 1.0,
        "ranking_weight": 1.0,
        "ranking_loss": {"kind": "mse", "head": []},
        "retrieval": {
            "algorithm": "brute_force",
            "top_k": 100,
            "scann": {"leaves": 100, "leaves_to_search": 10},
        },
    }


def test_model():
    result = imported(
        {
            "name": "wide",
            "model_type": "multitask",
            "buyer_tower_layers": [
                {
                    "type": "dense",
                    "units": 64,
                    "activation": "ReLU",
                    "l1_reg": None,
                    "l2_reg": 0.01,
                },
                {"type": "dropout", "rate": 0.2},
            ],
            "product_tower_layers": [
                {"type": "batch_norm"},
                {"type": "layer_norm", "epsilon": 0.01},
            ],
            "rating_head_layers": [{"type": "dense", "units": 8, "use_bias": False}],
            "optimizer": "rmsprop",
            "loss_function": "huber",
            "retrieval_algorithm": "scann",
            "scann_num_leaves": 50,
            "scann_leaves_to_search": 5,
            "top_k": 10,
            "ranking_weight": 0.5,
        }
    )
    model = result.model_config
    assert model["query_tower"]["layers"] == [
        {"dense": {"units": 64, "l2": 0.01, "activation": "relu"}},
        {"dropout": {"rate": 0.2}},
    ]
    assert model["candidate_tower"]["layers"] == [
        {"batch_norm": {}},
        {"layer_norm": {"epsilon": 0.01}},
    ]
    assert model["ranking_loss"] == {"kind": "huber", "head": [{"dense": {"units": 8}}]}
    assert model["optimizer"] == {"rmsprop": {}}
    assert model["retrieval"]["scann"] == {"leaves": 50, "leaves_to_search": 5}
    assert model["ranking_weight"] == 0.5
    assert notes_about(result, "$.rating_head_layers[0].use_bias")


def test_wrong_model():
    problems = problems_of(
        {
            "buyer_tower_layers": [{"type": "dense"}, {"type": "conv"}, 3],
            "optimizer": "adamm",
            "epochs": "ten",
        }
    )
    assert [problem.where for problem in problems] == [
        "x.json: $.buyer_tower_layers[0].units",
        "x.json: $.buyer_tower_layers[1].type",
        "x.json: $.buyer_tower_layers[1].units",
        "x.json: $.buyer_tower_layers[2]",
        "x.json: $.buyer_tower_layers[2].units",
        "x.json: $.optimizer",
        "x.json: $.epochs",
    ]
