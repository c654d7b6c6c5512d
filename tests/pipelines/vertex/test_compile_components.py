"""Every public component, alone among stock ones, compiles to what a container can run."""

from __future__ import annotations

import json

import pytest
from tfx.components import Pusher
from tfx.dsl.components.common import importer, resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.orchestration import pipeline
from tfx.proto import pusher_pb2
from tfx.types import channel, standard_artifacts

import tfx_retrieval
from tfx_retrieval.components.bigquery_example_gen.component import BigQueryInteractionExampleGen
from tfx_retrieval.components.interaction_example_gen.table_spec import ColumnSpec, TableSpec
from tfx_retrieval.errors import InputError
from tfx_retrieval.pipelines.vertex.compile import compile_pipeline
from tfx_retrieval.pipelines.vertex.custom_training import CustomJobTrainer
from tfx_retrieval.pipelines.vertex.lint import lint
from tfx_retrieval.pipelines.vertex.parameters import runtime_parameters
from tfx_retrieval.pipelines.vertex.presets import CustomJobOptions, dataflow_args

SIDE = '{{"id": "{0}", "features": [{{"column": "{0}", "type": "categorical"}}]}}'
FEATURES = f'{{"query": {SIDE.format("user")}, "candidate": {SIDE.format("item")}}}'
TABLE = TableSpec(
    columns=(ColumnSpec("user", "categorical"), ColumnSpec("item", "categorical")),
    example_columns=("user", "item"),
    query_id="user",
    candidate_id="item",
    candidate_columns=("item",),
)
IDS = {"query_id": "user", "candidate_id": "item"}


class Stock:
    """Importers in place of the components that would make the inputs."""

    def __init__(self):
        self.components = []

    def __call__(self, artifact_type, key):
        made = importer.Importer(
            source_uri=f"gs://some-bucket/{key}", artifact_type=artifact_type
        ).with_id(f"Import-{key}")
        self.components.append(made)
        return made.outputs["result"]

    def examples(self, key="examples"):
        return self(standard_artifacts.Examples, key)

    def model(self):
        return self(standard_artifacts.Model, "model")

    def trainer_inputs(self):
        return {
            "examples": self.examples(),
            "transform_graph": self(standard_artifacts.TransformGraph, "graph"),
            "module": self(tfx_retrieval.ModuleFile, "module"),
        }


def trainer(stock, image, **arguments):
    parameters = runtime_parameters(epochs=1, batch_size=64, learning_rate=0.1)
    return tfx_retrieval.TwoTowerTrainer(**stock.trainer_inputs(), **parameters, **arguments)


COMPONENTS = {
    "InteractionExampleGen": lambda stock, image: tfx_retrieval.InteractionExampleGen(
        **{"input_base": runtime_parameters(data="gs://some-bucket/data")["data"]},
        table_spec=TABLE,
    ),
    "BigQueryInteractionExampleGen": lambda stock, image: BigQueryInteractionExampleGen(
        TABLE, query="SELECT * FROM shop.orders", project="some-project"
    ),
    "StatisticsGen": lambda stock, image: tfx_retrieval.StatisticsGen(examples=stock.examples()),
    "ConfigCodegen": lambda stock, image: tfx_retrieval.ConfigCodegen(
        FEATURES, "{}", stock(standard_artifacts.Schema, "schema")
    ),
    "Transform": lambda stock, image: tfx_retrieval.Transform(
        examples=stock.examples(),
        schema=stock(standard_artifacts.Schema, "schema"),
        module=stock(tfx_retrieval.ModuleFile, "module"),
    ),
    "TwoTowerTrainer": trainer,
    "TwoTowerTuner": lambda stock, image: tfx_retrieval.TwoTowerTuner(**stock.trainer_inputs()),
    "CustomJobTrainer": lambda stock, image: CustomJobTrainer(
        project="some-project",
        region="europe-west4",
        image=image,
        job=CustomJobOptions(workers=2),
        **stock.trainer_inputs(),
    ),
    "RetrievalEvaluator": lambda stock, image: tfx_retrieval.RetrievalEvaluator(
        model=stock.model(),
        examples=stock.examples(),
        candidates=stock.examples("candidates"),
        **IDS,
    ),
    "ScaNNIndexer": lambda stock, image: tfx_retrieval.ScaNNIndexer(
        model=stock.model(),
        candidates=stock.examples("candidates"),
        candidate_id="item",
        examples=stock.examples(),
        model_blessing=stock(standard_artifacts.ModelBlessing, "blessing"),
        retrieval=json.dumps({"algorithm": "scann"}),
    ),
    "EmbeddingExporter": lambda stock, image: tfx_retrieval.EmbeddingExporter(
        model=stock.model(),
        examples=stock.examples(),
        candidates=stock.examples("candidates"),
        run_date="2026-01-01",
        model_version="1",
        run_id="1",
        bigquery_table="some-project.shop.embeddings",
        **IDS,
    ),
}


def test_no_public_component_is_missing():
    public = {
        name
        for name in tfx_retrieval.__all__
        if hasattr(getattr(tfx_retrieval, name), "SPEC_CLASS")
    }
    assert public - set(COMPONENTS) == set()


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_compiles_alone(name, tmp_path, image):
    def make():
        stock = Stock()
        component = COMPONENTS[name](stock, image)
        return pipeline.Pipeline(
            "alone",
            "gs://some-bucket/root",
            components=[*stock.components, component],
            beam_pipeline_args=dataflow_args(
                "some-project", "europe-west4", image, "gs://some-bucket/beam"
            ),
        )

    job = compile_pipeline(make, str(tmp_path / "job.json"), image).job
    assert lint(job) == []
    arguments = job.executor_of(name)["container"]["args"]
    beam = {"InteractionExampleGen", "BigQueryInteractionExampleGen", "StatisticsGen", "Transform"}
    if name in beam:
        assert "--runner=DataflowRunner" in arguments


def warm_start(image, evaluator_type):
    stock = Stock()
    best = resolver.Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=channel.Channel(type=standard_artifacts.Model),
        model_blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("Best")
    trained = trainer(stock, image, base_model=best.outputs["model"])
    examples = stock.examples("raw")
    judged = evaluator_type(
        model=trained.outputs["model"],
        examples=examples,
        baseline_model=best.outputs["model"],
        **IDS,
    )
    pushed = Pusher(
        model=trained.outputs["model"],
        model_blessing=judged.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory="gs://some-bucket/p")
        ),
    )
    return pipeline.Pipeline(
        "warm-start",
        "gs://some-bucket/root",
        components=[*stock.components, best, trained, judged, pushed],
    )


def test_a_warm_start_from_the_latest_blessed_model_compiles(tmp_path, image):
    job = compile_pipeline(
        lambda: warm_start(image, tfx_retrieval.RetrievalEvaluator),
        str(tmp_path / "job.json"),
        image,
    ).job
    source = job.tasks["TwoTowerTrainer"]["inputs"]["artifacts"]["base_model"]
    assert source["taskOutputArtifact"]["producerTask"] == "Best-model-resolver"


def test_a_warm_start_whose_blessings_name_no_model_is_refused(tmp_path, image):
    class Evaluator(tfx_retrieval.RetrievalEvaluator):
        # Any executor that is no Evaluator's.
        EXECUTOR_SPEC = tfx_retrieval.StatisticsGen.EXECUTOR_SPEC

    with pytest.raises(InputError, match="a search for blessed models in a pipeline none of whose"):
        compile_pipeline(lambda: warm_start(image, Evaluator), str(tmp_path / "job.json"), image)
