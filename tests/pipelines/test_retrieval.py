"""How the pipeline is wired, without running it."""

from __future__ import annotations

import pytest
from support import planted

from tfx_retrieval import config
from tfx_retrieval.pipelines import retrieval
from tfx_retrieval.pipelines.vertex.compile import compile_pipeline
from tfx_retrieval.pipelines.vertex.parameters import runtime_parameters

_PLAIN = [
    *("InteractionExampleGen", "StatisticsGen", "ExampleValidator", "SchemaGen"),
    *("TransformCodegen", "Transform", "TrainerCodegen"),
    *("TwoTowerTrainer", "RetrievalEvaluator", "ScaNNIndexer"),
]


@pytest.fixture
def make(tmp_path):
    job = planted.write_job(tmp_path)
    features = config.read_feature_config(job.features)
    model = config.read_model_config(job.model)

    def create(search_space=None, embedding_dim=None, **options):
        if embedding_dim:
            features.query.features[1].vocabulary.embedding_dim = embedding_dim
        for name, values in (search_space or {}).items():
            getattr(model.search_space, name).extend(values)
        if search_space:
            model.search_space.max_trials = 3
        root = "gs://some-bucket/root"
        return retrieval.create_pipeline(
            "planted", root, "gs://some-bucket/rows.csv", features, model, **options
        )

    return create


def _nodes(pipeline):
    return {node.id: node for node in pipeline.components}


def _source(node, key):
    channel = node.inputs[key]
    return f"{channel.producer_component_id}.{channel.output_key}"


def test_without_options_there_is_neither_tuner_nor_resolver(make):
    nodes = _nodes(make())
    assert sorted(nodes) == sorted(_PLAIN)
    assert not {"base_model", "hyperparameters"} & set(nodes["TwoTowerTrainer"].inputs)
    assert "baseline_model" not in nodes["RetrievalEvaluator"].inputs


def test_transform_depends_on_the_feature_config_alone(make):
    nodes = _nodes(make())
    assert _source(nodes["Transform"], "module") == "TransformCodegen.transform_module"
    assert nodes["TransformCodegen"].exec_properties["model_config"] is None
    assert list(nodes["TransformCodegen"].outputs) == ["transform_module"]
    assert list(nodes["TrainerCodegen"].outputs) == ["trainer_module"]


def test_another_embedding_width_does_not_read_the_data_again(make):
    """What is cached under the same properties is found again."""
    plain, wider = _nodes(make()), _nodes(make(embedding_dim=4))
    for node in ("InteractionExampleGen", "StatisticsGen", "SchemaGen"):
        assert wider[node].exec_properties == plain[node].exec_properties
    assert wider["TransformCodegen"].exec_properties != plain["TransformCodegen"].exec_properties


def test_a_search_space_adds_a_tuner_before_the_trainer(make):
    nodes = _nodes(make({"epochs": [1, 2]}, serving_model_dir="gs://some-bucket/serving"))
    assert sorted(nodes) == sorted([*_PLAIN, "TwoTowerTuner", "Pusher"])
    trainer, tuner = nodes["TwoTowerTrainer"], nodes["TwoTowerTuner"]
    assert _source(trainer, "hyperparameters") == "TwoTowerTuner.best_hyperparameters"
    for key in ("examples", "transform_graph", "module"):
        assert _source(tuner, key) == _source(trainer, key)


def test_a_warm_start_begins_and_is_compared_with_the_latest_blessed_model(make):
    nodes = _nodes(make({"epochs": [1, 2]}, warm_start=True))
    assert sorted(nodes) == sorted([*_PLAIN, "TwoTowerTuner", retrieval.RESOLVER_ID])
    found = f"{retrieval.RESOLVER_ID}.model"
    assert _source(nodes["TwoTowerTrainer"], "base_model") == found
    assert _source(nodes["TwoTowerTuner"], "base_model") == found
    assert _source(nodes["RetrievalEvaluator"], "baseline_model") == found
    raw = nodes[retrieval.RESOLVER_ID].raw_inputs
    assert (raw["model"].producer_component_id, raw["model"].output_key) == (
        "TwoTowerTrainer",
        "model",
    )
    assert raw["model_blessing"].producer_component_id == "RetrievalEvaluator"


def test_a_runtime_parameter_is_searched_unless_a_run_sets_it(make):
    overrides = retrieval.TrainingOverrides(
        **runtime_parameters(epochs=4, batch_size=256, learning_rate=0.1)
    )
    nodes = _nodes(make({"epochs": [1, 2], "learning_rate": [0.1]}, overrides=overrides))
    for name in ("TwoTowerTuner", "TwoTowerTrainer"):
        properties = nodes[name].exec_properties
        assert (properties["epochs"].name, properties["epochs"].default) == ("epochs", 0)
        assert properties["learning_rate"].default == 0.0
        assert properties["batch_size"].default == 256


def test_every_option_compiles_for_vertex_ai(make, tmp_path):
    image = "europe-west4-docker.pkg.dev/some-project/images/tfx-retrieval:0.1.0"
    overrides = retrieval.TrainingOverrides(**runtime_parameters(epochs=4))

    def create():
        return make({"epochs": [1, 2]}, warm_start=True, overrides=overrides)

    job = compile_pipeline(create, str(tmp_path / "job.json"), image).job
    trainer = job.tasks["TwoTowerTrainer"]["inputs"]["artifacts"]
    producers = {
        name: trainer[name]["taskOutputArtifact"]["producerTask"]
        for name in ("base_model", "hyperparameters")
    }
    assert producers == {
        "base_model": f"{retrieval.RESOLVER_ID}-model-resolver",
        "hyperparameters": "TwoTowerTuner",
    }
    assert job.parameter_definitions["epochs"]["defaultValue"] == 0
