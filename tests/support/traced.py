"""Traces generated modules and trains them for a step on made-up features, without any data."""

from __future__ import annotations

import inspect
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from support import generated_modules
from support.random_rows import kinds

from tfx_retrieval.components.config_codegen import generate_transform_module
from tfx_retrieval.components.transform import tft_internal
from tfx_retrieval.config.features import cross_output, crosses, feature_of, features
from tfx_retrieval.proto.feature_config_pb2 import Cyclical, Feature, FeatureConfig, FeatureType
from tfx_retrieval.proto.model_config_pb2 import ModelConfig

TERMS = 4
"""Terms of each made-up vocabulary."""


class MadeUpTransformOutput:
    """What a generated model asks `tft.TFTransformOutput` for: vocabularies of TERMS terms."""

    def __init__(self, config: FeatureConfig, directory: pathlib.Path):
        """Writes how often each candidate is met to a file, as Transform does."""
        candidate = feature_of(config.candidate, config.candidate.id)
        by_term = candidate is None or candidate.HasField("vocabulary")
        names = self.vocabulary_by_name("") if by_term else [b"0", b"1"]
        self._counts = directory / "counts"
        self._counts.write_bytes(b"".join(b"5 %b\n" % name for name in names))

    def vocabulary_size_by_name(self, name: str) -> int:
        return TERMS

    def vocabulary_by_name(self, name: str) -> list[bytes]:
        return [b"t%d" % row for row in range(TERMS)]

    def vocabulary_file_by_name(self, name: str) -> str:
        return str(self._counts)


def trace_transform(config: FeatureConfig, directory: pathlib.Path) -> dict[str, tf.Tensor]:
    """Traces the Transform module of `config` and returns the tensors of its features."""
    source = generate_transform_module(config)
    module = generated_modules.load_source(source, directory / "module", "transform")
    spec = tft_internal.feature_spec(generated_modules.schema(kinds(config)))
    outputs: dict[str, tf.Tensor] = {}

    def preprocessing_fn(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        outputs.update(module.preprocessing_fn(inputs))
        return outputs

    traced = tft_internal.TracedTransform(
        preprocessing_fn, tft_internal.type_specs(spec), str(directory)
    )
    assert set(traced.columns()) == set(spec)
    return outputs


def made_up_features(config: FeatureConfig, rows: int, seed: int) -> dict[str, tf.Tensor]:
    """Returns random transformed features as the Transform module would make them.

    Args:
        config: A resolved FeatureConfig with a label.
        rows: Number of rows.
        seed: Of the values.
    """
    source = np.random.default_rng(seed)
    made: dict[str, tf.Tensor] = {}
    shapes = [shape for _, _, feature in features(config) for shape in _shapes(config, feature)]
    shapes += [(cross_output(cross), [], cross.hash_buckets) for _, _, cross in crosses(config)]
    if feature_of(config.candidate, config.candidate.id) is None:
        shapes.append((config.candidate.id, [], TERMS + 1))
    shapes.append((f"{config.interaction.label}_label", [], 0))
    if config.interaction.weight:
        shapes.append((f"{config.interaction.weight}_weight", [], 0))
    for name, shape, size in shapes:
        if size:
            # -1 pads the rows of features with several values.
            values = source.integers(-1 if shape else 0, size, [rows, *shape])
            made[name] = tf.constant(values, tf.int32)
        else:
            made[name] = tf.constant(source.random([rows, *shape]), tf.float32)
    # Rows of one candidate alone have no negatives, so that no weight would change.
    ids = made[config.candidate.id]
    made[config.candidate.id] = tf.concat([[0, 1], ids[2:]], axis=0)
    return made


def _shapes(config: FeatureConfig, feature: Feature) -> Iterator[tuple[str, list[int], int]]:
    """Yields name, shape of a row and number of indices, 0 for numbers, of each feature made."""
    column = feature.column
    if feature.type == FeatureType.categorical:
        shape = [feature.values.max_values] if feature.HasField("values") else []
        yield column, shape, _indices(feature)
    elif feature.type == FeatureType.text:
        size = TERMS + feature.tokens.oov_buckets
        yield f"{column}_tokens", [feature.tokens.max_tokens], size
    elif feature.type == FeatureType.history:
        candidate = feature_of(config.candidate, config.candidate.id)
        assert candidate is not None
        yield column, [feature.history.max_length], _indices(candidate)
    elif feature.type == FeatureType.boolean:
        yield column, [], 2
    elif feature.type == FeatureType.vector:
        yield column, [feature.vector.dimension], 0
    if feature.HasField("normalize"):
        yield f"{column}_norm", [], 0
    if feature.HasField("bucketize"):
        yield f"{column}_bucket", [], feature.bucketize.buckets + 1
    for cycle in feature.cyclical.cycles:
        for wave in ("sin", "cos"):
            yield f"{column}_{Cyclical.Cycle.Name(cycle)}_{wave}", [], 0


def _indices(feature: Feature) -> int:
    if feature.HasField("integer_id"):
        return feature.integer_id.size + 1
    if feature.HasField("hash"):
        return feature.hash.buckets
    return TERMS + feature.vocabulary.oov_buckets


def trace_and_step(
    config: FeatureConfig,
    model_config: ModelConfig,
    made: Mapping[str, tf.Tensor],
    directory: pathlib.Path,
) -> None:
    """Traces the loss as a graph and trains one step; weights and loss stay finite.

    Args:
        config: A resolved FeatureConfig.
        model_config: A resolved ModelConfig.
        made: Transformed features.
        directory: Place for the module.
    """
    module = generated_modules.trainer(config, model_config, directory)
    batch = {name: made[name] for name in module.TRAINING_FEATURES}
    arguments: dict[str, Any] = {
        "tf_transform_output": MadeUpTransformOutput(config, directory),
        "catalogue": {name: made[name].numpy() for name in module.CANDIDATE_FEATURES},
        "temperature": 0.5,
        "dropout": 0.1,
        "learning_rate": module.LEARNING_RATE,
        "steps": 10,
    }
    model = _call(module.TwoTowerModel, arguments)
    model.compile(_call(module.optimizer, arguments))
    if hasattr(module, "embedding_optimizer"):
        model.embedding_optimizer = _call(module.embedding_optimizer, arguments)
    tf.function(model.compute_loss, autograph=False).get_concrete_function(batch, training=True)
    before = [weight.numpy() for weight in model.trainable_variables]
    losses = model.train_step(batch)
    assert np.isfinite(losses["loss"])
    after = [weight.numpy() for weight in model.trainable_variables]
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((old != new).any() for old, new in zip(before, after, strict=True))


def _call(function: Any, arguments: Mapping[str, Any]) -> Any:
    """Calls a generated function or class with those arguments that it takes."""
    names = inspect.signature(function).parameters
    return function(**{name: arguments[name] for name in names})
