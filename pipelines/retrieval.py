"""The pipeline from raw interactions to a served index."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.pusher.component import Pusher
from tfx.components.schema_gen.component import SchemaGen
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.orchestration import data_types, pipeline
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts

from tfx_retrieval.components.config_codegen.component import ConfigCodegen
from tfx_retrieval.components.embedding_exporter.component import EmbeddingExporter
from tfx_retrieval.components.embedding_exporter.executor import TODAY
from tfx_retrieval.components.interaction_example_gen import executor as interaction_executor
from tfx_retrieval.components.interaction_example_gen.feature_config import table_spec
from tfx_retrieval.components.interaction_example_gen.table_spec import SplitSpec
from tfx_retrieval.components.retrieval_evaluator.component import RetrievalEvaluator
from tfx_retrieval.components.scann_indexer.component import ScaNNIndexer
from tfx_retrieval.components.statistics_gen.component import StatisticsGen
from tfx_retrieval.components.transform.component import Transform
from tfx_retrieval.components.two_tower_trainer.component import TwoTowerTrainer
from tfx_retrieval.components.two_tower_tuner.component import TwoTowerTuner
from tfx_retrieval.config import canonical_json, check_pair
from tfx_retrieval.pipelines.sources import Data, example_gen
from tfx_retrieval.proto import feature_config_pb2, model_config_pb2

RESOLVER_ID = "LatestBlessedModel"
"""Id of the node that finds the model of a warm start."""

MODULE_NODES = {"transform_module": "TransformCodegen", "trainer_module": "TrainerCodegen"}
"""Ids of the nodes that generate the modules, by output key."""


@dataclasses.dataclass(frozen=True)
class TrainingOverrides:
    """What takes the place of the ModelConfig's values; None leaves them.

    Attributes:
        epochs: Passes over the training rows.
        batch_size: Rows of a training step.
        learning_rate: Learning rate of the first step.
    """

    epochs: int | data_types.RuntimeParameter | None = None
    batch_size: int | data_types.RuntimeParameter | None = None
    learning_rate: float | data_types.RuntimeParameter | None = None


@dataclasses.dataclass(frozen=True)
class EmbeddingExport:
    """How a pipeline exports its embeddings; see EmbeddingExporter.

    Attributes:
        run_date: Date of the partition, `YYYY-MM-DD`, or `today`.
        model_version: Value of that column; None: the model's URI.
        run_id: Value of that column; None: the id of the run.
        bigquery_table: `project.dataset.table`: prefix of the tables to load into.
        bigquery_location: Location of the data set, if not the default one.
    """

    run_date: str | data_types.RuntimeParameter = TODAY
    model_version: str | data_types.RuntimeParameter | None = None
    run_id: str | data_types.RuntimeParameter | None = None
    bigquery_table: str | data_types.RuntimeParameter | None = None
    bigquery_location: str | None = None


def create_pipeline(
    pipeline_name: str,
    pipeline_root: str,
    data: Data,
    feature_config: feature_config_pb2.FeatureConfig,
    model_config: model_config_pb2.ModelConfig,
    *,
    serving_model_dir: str | None = None,
    split: SplitSpec | None = None,
    sample_rows: int = 0,
    overrides: TrainingOverrides | None = None,
    thresholds: Sequence[dict[str, object]] | None = None,
    slice_columns: Sequence[str] = (),
    warm_start: bool = False,
    embedding_export: EmbeddingExport | None = None,
    read_engine: str = interaction_executor.IN_PROCESS,
    transform_engine: str = "auto",
    enable_cache: bool = True,
    metadata_connection_config: metadata_store_pb2.ConnectionConfig | None = None,
    beam_pipeline_args: Sequence[str] = (),
) -> pipeline.Pipeline:
    """Wires the components; the same pipeline runs locally, under Beam and on Vertex AI.

    A ModelConfig with a search space adds TwoTowerTuner, whose best options train the model.
    Components belong to one pipeline, so each call makes new ones.

    Args:
        pipeline_name: Name, at most 63 characters; Vertex AI allows lower case letters, digits
            and dashes.
        pipeline_root: Directory of all artifacts.
        data: A CSV or Parquet file, a pattern such as `gs://bucket/rows/*.parquet` or
            `gs://bucket/day-{SPAN}/*`, a directory, `bq://PROJECT.DATASET.TABLE`, or a
            BigQuerySource; as a RuntimeParameter, a directory.
        feature_config: A resolved FeatureConfig.
        model_config: A resolved ModelConfig.
        serving_model_dir: Directory to push a blessed index to; None leaves Pusher out.
        split: How rows are divided; by default at random, a fifth for evaluation.
        sample_rows: About how many rows to use; 0 uses all.
        overrides: Training options in place of the ModelConfig's.
        thresholds: What the model must reach to be blessed, see RetrievalEvaluator.
        slice_columns: Columns by whose values metrics are also given.
        warm_start: Whether training starts from the latest blessed model of this pipeline, with
            which the new model is also compared; without one it starts afresh. A run that blesses
            its model changes what the next one starts from, so that one trains again even if
            nothing else is new.
        embedding_export: Adds EmbeddingExporter; BigQuery is left alone if the model is not
            blessed. None leaves it out.
        read_engine: `in_process`, or `beam` for tables that one machine cannot hold.
        transform_engine: Engine of Transform.
        enable_cache: Whether a step with the same inputs and parameters is reused.
        metadata_connection_config: Metadata store; None on Vertex AI, which has its own.
        beam_pipeline_args: Arguments of the components that run on Beam.

    Returns:
        The pipeline.

    Raises:
        InputError: The configs do not fit one another, with every problem found.
    """
    check_pair(feature_config, model_config)
    spec = table_spec(feature_config, split or SplitSpec(), sample_rows)
    reader = example_gen(data, spec, read_engine)
    *checks, schema_gen = _data_checks(reader.outputs["examples"])
    transform_codegen, trainer_codegen = _module_generators(
        feature_config, model_config, schema_gen.outputs["schema"]
    )
    transform = Transform(
        examples=reader.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        module=transform_codegen.outputs["transform_module"],
        engine=transform_engine,
    )
    resolvers = [_latest_blessed_model()] if warm_start else []
    earlier_model = resolvers[0].outputs["model"] if resolvers else None
    *tuners, trainer = _training_components(
        transform,
        trainer_codegen.outputs["trainer_module"],
        earlier_model,
        overrides or TrainingOverrides(),
        model_config.search_space if model_config.HasField("search_space") else None,
    )
    evaluator = RetrievalEvaluator(
        model=trainer.outputs["model"],
        examples=reader.outputs["examples"],
        candidates=reader.outputs["candidates"],
        baseline_model=earlier_model,
        query_id=feature_config.query.id,
        candidate_id=feature_config.candidate.id,
        timestamp=feature_config.interaction.timestamp or None,
        thresholds=None if thresholds is None else json.dumps(list(thresholds)),
        slices=json.dumps(list(slice_columns)),
    )
    indexer = ScaNNIndexer(
        model=trainer.outputs["model"],
        candidates=reader.outputs["candidates"],
        examples=reader.outputs["examples"],
        model_blessing=evaluator.outputs["blessing"],
        candidate_id=feature_config.candidate.id,
        title=feature_config.candidate.title or None,
        retrieval=canonical_json(model_config.retrieval),
    )
    exporters = []
    if embedding_export is not None:
        exporter = EmbeddingExporter(
            model=trainer.outputs["model"],
            examples=reader.outputs["examples"],
            candidates=reader.outputs["candidates"],
            model_blessing=evaluator.outputs["blessing"],
            query_id=feature_config.query.id,
            candidate_id=feature_config.candidate.id,
            timestamp=feature_config.interaction.timestamp or None,
            **vars(embedding_export),
        )
        exporters.append(exporter)
    return pipeline.Pipeline(
        pipeline_name=pipeline_name,
        pipeline_root=pipeline_root,
        components=[
            reader,
            *checks,
            schema_gen,
            transform_codegen,
            transform,
            trainer_codegen,
            *resolvers,
            *tuners,
            trainer,
            evaluator,
            indexer,
            *exporters,
            *([_pusher(indexer, serving_model_dir)] if serving_model_dir else []),
        ],
        enable_cache=enable_cache,
        metadata_connection_config=metadata_connection_config,
        beam_pipeline_args=list(beam_pipeline_args),
    )


def _data_checks(examples: types.BaseChannel) -> list[base_node.BaseNode]:
    """Returns the components that describe and check the data, schema_gen last."""
    statistics_gen = StatisticsGen(examples=examples)
    schema_gen = SchemaGen(statistics=statistics_gen.outputs["statistics"])
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    return [statistics_gen, example_validator, schema_gen]


def _module_generators(
    feature_config: feature_config_pb2.FeatureConfig,
    model_config: model_config_pb2.ModelConfig,
    schema: types.BaseChannel,
) -> tuple[ConfigCodegen, ConfigCodegen]:
    """Returns the nodes that generate the Transform and the Trainer module.

    They are two, so that Transform is reused for as long as the FeatureConfig stays.
    """
    transform = ConfigCodegen(feature_config, schema=schema)
    trainer = ConfigCodegen(feature_config, model_config, schema, transform=False)
    return (
        transform.with_id(MODULE_NODES["transform_module"]),
        trainer.with_id(MODULE_NODES["trainer_module"]),
    )


def _latest_blessed_model() -> Resolver:
    """Returns a node that finds the latest blessed model of this pipeline, if there is one."""
    return Resolver(
        strategy_class=LatestBlessedModelStrategy,
        # The index is a Model too, and has a blessing of its own.
        model=types.Channel(
            type=standard_artifacts.Model,
            producer_component_id=TwoTowerTrainer.__name__,
            output_key="model",
        ),
        model_blessing=types.Channel(
            type=standard_artifacts.ModelBlessing,
            producer_component_id=RetrievalEvaluator.__name__,
            output_key="blessing",
        ),
    ).with_id(RESOLVER_ID)


def _training_components(
    transform: Transform,
    module: types.BaseChannel,
    base_model: types.BaseChannel | None,
    overrides: TrainingOverrides,
    search_space: model_config_pb2.SearchSpace | None,
) -> list[base_node.BaseNode]:
    """Returns the trainer, after the tuner if there is anything to search."""
    common = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "module": module,
        "base_model": base_model,
    }
    if search_space is None:
        return [TwoTowerTrainer(**common, **vars(overrides))]
    common.update(vars(_searched_left(overrides, search_space)))
    tuner = TwoTowerTuner(**common)
    best = tuner.outputs["best_hyperparameters"]
    return [tuner, TwoTowerTrainer(**common, hyperparameters=best)]


def _searched_left(
    overrides: TrainingOverrides, search_space: model_config_pb2.SearchSpace
) -> TrainingOverrides:
    """Returns the overrides, runtime parameters of searched options with a default of 0.

    An override is not searched. A value that a person sets for a run is one; the default of a
    runtime parameter is not.
    """
    changed = {
        name: data_types.RuntimeParameter(value.name, value.ptype, value.ptype(0))
        for name, value in vars(overrides).items()
        if isinstance(value, data_types.RuntimeParameter) and getattr(search_space, name)
    }
    return dataclasses.replace(overrides, **changed)


def _pusher(indexer: ScaNNIndexer, serving_model_dir: str) -> Pusher:
    return Pusher(
        model=indexer.outputs["index"],
        model_blessing=indexer.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving_model_dir)
        ),
    )
