"""The pipeline from raw interactions to a served index."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from ml_metadata.proto import metadata_store_pb2
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.pusher.component import Pusher
from tfx.components.schema_gen.component import SchemaGen
from tfx.dsl.components.base import base_node
from tfx.orchestration import data_types, pipeline
from tfx.proto import pusher_pb2

from tfx_retrieval.components.config_codegen.component import ConfigCodegen
from tfx_retrieval.components.interaction_example_gen.component import (
    InteractionExampleGen,
    input_location,
    single_input,
)
from tfx_retrieval.components.interaction_example_gen.feature_config import table_spec
from tfx_retrieval.components.interaction_example_gen.table_spec import SplitSpec
from tfx_retrieval.components.retrieval_evaluator.component import RetrievalEvaluator
from tfx_retrieval.components.scann_indexer.component import ScaNNIndexer
from tfx_retrieval.components.statistics_gen.component import StatisticsGen
from tfx_retrieval.components.transform.component import Transform
from tfx_retrieval.components.two_tower_trainer.component import TwoTowerTrainer
from tfx_retrieval.config import canonical_json, check_pair
from tfx_retrieval.proto import feature_config_pb2, model_config_pb2


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


def create_pipeline(
    pipeline_name: str,
    pipeline_root: str,
    data: str | data_types.RuntimeParameter,
    feature_config: feature_config_pb2.FeatureConfig,
    model_config: model_config_pb2.ModelConfig,
    *,
    serving_model_dir: str | None = None,
    split: SplitSpec | None = None,
    sample_rows: int = 0,
    overrides: TrainingOverrides | None = None,
    thresholds: Sequence[dict[str, object]] | None = None,
    slice_columns: Sequence[str] = (),
    transform_engine: str = "auto",
    enable_cache: bool = True,
    metadata_connection_config: metadata_store_pb2.ConnectionConfig | None = None,
    beam_pipeline_args: Sequence[str] = (),
) -> pipeline.Pipeline:
    """Wires the components; the same pipeline runs locally, under Beam and on Vertex AI.

    Components belong to one pipeline, so each call makes new ones.

    Args:
        pipeline_name: Name, at most 63 characters; Vertex AI allows lower case letters, digits
            and dashes.
        pipeline_root: Directory of all artifacts.
        data: A CSV or Parquet file, a pattern such as `gs://bucket/rows/*.parquet`, or a
            directory; as a RuntimeParameter, a directory.
        feature_config: A resolved FeatureConfig.
        model_config: A resolved ModelConfig.
        serving_model_dir: Directory to push a blessed index to; None leaves Pusher out.
        split: How rows are divided; by default at random, a fifth for evaluation.
        sample_rows: About how many rows to use; 0 uses all.
        overrides: Training options in place of the ModelConfig's.
        thresholds: What the model must reach to be blessed, see RetrievalEvaluator.
        slice_columns: Columns by whose values metrics are also given.
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
    overrides = overrides or TrainingOverrides()
    spec = table_spec(feature_config, split or SplitSpec(), sample_rows)
    input_base, pattern = input_location(data) if isinstance(data, str) else (data, "*")
    example_gen = InteractionExampleGen(
        input_base=input_base, table_spec=spec, input_config=single_input(pattern)
    )
    statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = SchemaGen(statistics=statistics_gen.outputs["statistics"])
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    codegen = ConfigCodegen(
        feature_config=feature_config,
        model_config=model_config,
        schema=schema_gen.outputs["schema"],
    )
    transform = Transform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        module=codegen.outputs["transform_module"],
        engine=transform_engine,
    )
    trainer = TwoTowerTrainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        module=codegen.outputs["trainer_module"],
        epochs=overrides.epochs,
        batch_size=overrides.batch_size,
        learning_rate=overrides.learning_rate,
    )
    evaluator = RetrievalEvaluator(
        model=trainer.outputs["model"],
        examples=example_gen.outputs["examples"],
        candidates=example_gen.outputs["candidates"],
        query_id=feature_config.query.id,
        candidate_id=feature_config.candidate.id,
        timestamp=feature_config.interaction.timestamp or None,
        thresholds=None if thresholds is None else json.dumps(list(thresholds)),
        slices=json.dumps(list(slice_columns)),
    )
    indexer = ScaNNIndexer(
        model=trainer.outputs["model"],
        candidates=example_gen.outputs["candidates"],
        examples=example_gen.outputs["examples"],
        model_blessing=evaluator.outputs["blessing"],
        candidate_id=feature_config.candidate.id,
        title=feature_config.candidate.title or None,
        retrieval=canonical_json(model_config.retrieval),
    )
    components: list[base_node.BaseNode] = [
        example_gen,
        statistics_gen,
        schema_gen,
        example_validator,
        codegen,
        transform,
        trainer,
        evaluator,
        indexer,
    ]
    if serving_model_dir:
        components.append(
            Pusher(
                model=indexer.outputs["index"],
                model_blessing=indexer.outputs["blessing"],
                push_destination=pusher_pb2.PushDestination(
                    filesystem=pusher_pb2.PushDestination.Filesystem(
                        base_directory=serving_model_dir
                    )
                ),
            )
        )
    return pipeline.Pipeline(
        pipeline_name=pipeline_name,
        pipeline_root=pipeline_root,
        components=components,
        enable_cache=enable_cache,
        metadata_connection_config=metadata_connection_config,
        beam_pipeline_args=list(beam_pipeline_args),
    )
