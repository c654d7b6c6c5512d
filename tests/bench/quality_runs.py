"""Runs this project's components over a protocol's own split and reads what they measured."""

from __future__ import annotations

import dataclasses
import gc
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import quality_protocols
import quality_ratings
import quality_splits
from quality_protocols import Protocol
from quality_splits import SplitCodes
from tfx.components.example_gen import write_split
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.proto import example_gen_pb2
from tfx.types import BaseChannel, artifact_utils, standard_artifacts
from tfx.utils import path_utils

from tfx_retrieval import config, demo
from tfx_retrieval.components.config_codegen.component import ConfigCodegen
from tfx_retrieval.components.interaction_example_gen import (
    candidates,
    examples,
    feature_config,
    load,
    report,
    splits,
    staging,
    tfrecords,
)
from tfx_retrieval.components.interaction_example_gen.component import InteractionExampleGen
from tfx_retrieval.components.interaction_example_gen.keys import make_keys
from tfx_retrieval.components.interaction_example_gen.table_spec import (
    CANDIDATES,
    LEAVE_ONE_OUT,
    TEMPORAL_SPLIT,
    SplitSpec,
    TableSpec,
)
from tfx_retrieval.components.retrieval_evaluator.component import RetrievalEvaluator
from tfx_retrieval.components.statistics_gen.component import StatisticsGen
from tfx_retrieval.components.transform.component import Transform
from tfx_retrieval.components.two_tower_trainer.component import TwoTowerTrainer
from tfx_retrieval.pipelines import local
from tfx_retrieval.pipelines.run_store import RunStore
from tfx_retrieval.proto import feature_config_pb2, model_config_pb2

_PIPELINE = "bench-quality"


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one run measured.

    Attributes:
        ours: Metrics of the model, by name.
        baselines: The same of each simple baseline, by its name.
        training_seconds: What TwoTowerTrainer took, from reading rows to the saved model.
    """

    ours: dict[str, float]
    baselines: dict[str, dict[str, float]]
    training_seconds: float


def measure(
    protocol: Protocol,
    data: pathlib.Path,
    features: feature_config_pb2.FeatureConfig,
    model: model_config_pb2.ModelConfig,
    seed: int,
    directory: pathlib.Path,
    validation: bool = False,
) -> Measured:
    """Trains and measures once.

    Args:
        protocol: What to do.
        data: Directory with the data sets.
        features: A resolved FeatureConfig.
        model: A resolved ModelConfig; its seed is replaced.
        seed: Seed of the split and of the training.
        directory: Empty directory for everything that the run leaves.
        validation: Whether the test rows are left out and the others divided in their stead.
    """
    seeded = type(model)()
    seeded.CopyFrom(model)
    seeded.seed = seed
    path = directory / "table.parquet"
    if protocol.read is None:
        rows = _retail_before_test(features) if validation else None
        if rows is not None:
            pa.parquet.write_table(rows, path)
        source = str(demo.DATA if rows is None else path)
        local.run(source, features, seeded, str(directory), split=TEMPORAL_SPLIT)
        store = RunStore(str(directory / local.METADATA_FILE))
        return _measured(store, *_rankings(store))
    table = protocol.read(data)
    if validation:
        table = quality_protocols.without_test(protocol, table, seed)
    pa.parquet.write_table(table, path)
    codes = protocol.split(table, seed) if protocol.split else None
    example_nodes = (
        _example_gen(path, features, seed)
        if codes is None
        else _importers(path, codes, features, directory)
    )
    ranks = seeded.model_type != model_config_pb2.ModelType.ranking
    store = _run(example_nodes, features, seeded, directory, ranks)
    ours, baselines = _rankings(store) if ranks else ({}, {})
    if protocol.label and codes is not None:
        figures, others = _predictions(store, table, codes, protocol)
        ours |= figures
        baselines |= others
    return _measured(store, ours, baselines)


def _measured(
    store: RunStore, ours: dict[str, float], baselines: dict[str, dict[str, float]]
) -> Measured:
    _free_memory()
    return Measured(ours, baselines, store.timings()["TwoTowerTrainer"]["seconds"])


def _rankings(store: RunStore) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Returns what RetrievalEvaluator measured of the model and of the baselines."""
    found = store.read_json("RetrievalEvaluator", "evaluation", "metrics.json")
    metrics = {}
    for system, key in (("ours", "eval"), ("popularity", "baseline"), ("random", "random")):
        metrics[system] = dict(found[key])
        for name, figures in found["slices"].items():
            metrics[system] |= {f"{name} {metric}": x for metric, x in figures[key].items()}
    popular = metrics["popularity"]["recall@100"]
    for figures in metrics.values():
        figures[quality_protocols.RATIO] = figures["recall@100"] / popular
    return metrics.pop("ours"), metrics


def _predictions(
    store: RunStore, table: pa.Table, split_codes: SplitCodes, protocol: Protocol
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Returns the figures of predicted labels of the test rows: the model's and baselines'."""
    train = table.filter(pa.array(split_codes == quality_splits.TRAIN))
    test = table.filter(pa.array(split_codes == split_codes.max()))
    uri = store.artifact_uri("TwoTowerTrainer", "model")
    predictions = quality_ratings.predict(path_utils.serving_model_path(uri), test)
    labels = test[protocol.label].to_numpy().astype(np.float64)
    ours = quality_ratings.figures(labels, predictions, protocol.binary)
    others = quality_ratings.baseline_figures(train, test, protocol.label, protocol.binary)
    return ours, others


def _retail_before_test(features: feature_config_pb2.FeatureConfig) -> pa.Table:
    """Returns the demo's rows before the time at which its temporal split cuts."""
    split = SplitSpec(method=TEMPORAL_SPLIT)
    spec = feature_config.table_spec(features, split)
    times = make_keys(load.load_interactions(demo.DATA, spec), spec).time
    cuts = splits.find_cuts(*splits.time_counts(times), split)
    rows = pa.parquet.read_table(demo.DATA)
    seconds = rows[spec.timestamp].cast(pa.timestamp("s")).cast(pa.int64())
    return rows.filter(pa.compute.less(seconds, cuts.eval_time))


ExampleNodes = tuple[list[base_node.BaseNode], BaseChannel, BaseChannel]
"""Nodes, and their channels of interactions and of candidates."""


def write_examples(
    table: pa.Table, split_codes: SplitCodes, spec: TableSpec, directory: pathlib.Path
) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes what InteractionExampleGen would, with splits that are given.

    Args:
        table: Loaded rows.
        split_codes: [rows], index in `spec.split.names` of each row's split.
        spec: What the Examples hold.
        directory: Where to write.

    Returns:
        Directories of the interactions' and of the candidates' splits.
    """
    keys = make_keys(table, spec)
    interactions_path, candidates_path = directory / "interactions", directory / "catalogue"
    for name, rows, encoder in examples.split_rows(table, keys, split_codes, spec):
        path = staging.split_directory(str(interactions_path), name)
        tfrecords.write_shards(path, rows, encoder.encode)
    bits = report.split_bits(split_codes)
    found = candidates.find_candidates(table, keys, spec.candidate_columns, bits)
    chosen = table.take(pa.array(candidates.sort_by_id(table, found.rows, spec.candidate_id)))
    encoder = examples.column_encoder(chosen, spec.candidate_columns)
    path = staging.split_directory(str(candidates_path), CANDIDATES)
    tfrecords.write_shards(path, np.arange(len(chosen)), encoder.encode)
    return interactions_path, candidates_path


def _importers(
    path: pathlib.Path,
    split_codes: SplitCodes,
    features: feature_config_pb2.FeatureConfig,
    directory: pathlib.Path,
) -> ExampleNodes:
    """Returns importers of Examples that are split as the protocol says."""
    has_test = bool((split_codes == quality_splits.TEST).any())
    split = SplitSpec(test_fraction=0.1 if has_test else 0.0)
    spec = feature_config.table_spec(features, split)
    table = load.load_interactions(path, spec)
    paths = write_examples(table, split_codes, spec, directory)
    nodes = []
    for uri, names in zip(paths, (spec.split.names, (CANDIDATES,)), strict=True):
        artifact = standard_artifacts.Examples()
        examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
        file_format = write_split.to_file_format_str(example_gen_pb2.FORMAT_TFRECORDS_GZIP)
        examples_utils.set_file_format(artifact, file_format)
        importer = Importer(
            source_uri=str(uri),
            artifact_type=standard_artifacts.Examples,
            properties={"split_names": artifact_utils.encode_split_names(list(names))},
            custom_properties={
                name: artifact.get_string_custom_property(name)
                for name in ("payload_format", "file_format")
            },
        )
        nodes.append(importer.with_id(f"Importer.{uri.name}"))
    interactions, catalogue = nodes
    return nodes, interactions.outputs["result"], catalogue.outputs["result"]


def _example_gen(
    path: pathlib.Path, features: feature_config_pb2.FeatureConfig, seed: int
) -> ExampleNodes:
    """Returns an InteractionExampleGen that holds out the last two rows of each query."""
    split = SplitSpec(method=LEAVE_ONE_OUT, test_fraction=0.1, seed=seed)
    node = InteractionExampleGen(
        input_base=str(path.parent),
        input_config=example_gen_pb2.Input(
            splits=[example_gen_pb2.Input.Split(name="interactions", pattern=path.name)]
        ),
        table_spec=feature_config.table_spec(features, split),
    )
    return [node], node.outputs["examples"], node.outputs["candidates"]


def _run(
    example_nodes: ExampleNodes,
    features: feature_config_pb2.FeatureConfig,
    model: model_config_pb2.ModelConfig,
    directory: pathlib.Path,
    ranks: bool,
) -> RunStore:
    """Runs everything from statistics to training and, if the model ranks, evaluation."""
    nodes, interactions, catalogue = example_nodes
    statistics_gen = StatisticsGen(examples=interactions)
    schema_gen = SchemaGen(statistics=statistics_gen.outputs["statistics"])
    codegen = ConfigCodegen(
        feature_config=features, model_config=model, schema=schema_gen.outputs["schema"]
    )
    transform = Transform(
        examples=interactions,
        schema=schema_gen.outputs["schema"],
        module=codegen.outputs["transform_module"],
    )
    trainer = TwoTowerTrainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        module=codegen.outputs["trainer_module"],
    )
    components = [*nodes, statistics_gen, schema_gen, codegen, transform, trainer]
    if ranks:
        evaluator = RetrievalEvaluator(
            model=trainer.outputs["model"],
            examples=interactions,
            candidates=catalogue,
            query_id=features.query.id,
            candidate_id=features.candidate.id,
            bootstrap_samples=0,
        )
        components.append(evaluator)
    database = str(directory / local.METADATA_FILE)
    made = pipeline.Pipeline(
        pipeline_name=_PIPELINE,
        pipeline_root=str(directory / local.ARTIFACTS_DIR),
        components=components,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(database),
    )
    local_dag_runner.LocalDagRunner().run(made)
    return RunStore(database)


def _free_memory() -> None:
    """Lets go of the run's graphs, so that many runs fit into one process."""
    import tensorflow as tf

    tf.keras.backend.clear_session()
    gc.collect()


def read_features(protocol: Protocol, configs: pathlib.Path) -> feature_config_pb2.FeatureConfig:
    """Returns the protocol's FeatureConfig, resolved.

    Args:
        protocol: The protocol.
        configs: Directory with the benchmark's configs.
    """
    path = configs / protocol.features if protocol.features else demo.FEATURES
    return config.read_feature_config(path)
