"""Two-tower retrieval on TFX, from two JSON files.

The public names are imported on first use, so that `import tfx_retrieval` alone costs no TensorFlow
import. Importing the package chooses Keras 2 for TensorFlow (`TF_USE_LEGACY_KERAS=1`).
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfx_retrieval.artifacts import Embeddings, ModuleFile
    from tfx_retrieval.components.bigquery_example_gen.component import (
        BigQueryInteractionExampleGen,
    )
    from tfx_retrieval.components.config_codegen.component import ConfigCodegen
    from tfx_retrieval.components.embedding_exporter.component import EmbeddingExporter
    from tfx_retrieval.components.interaction_example_gen.component import InteractionExampleGen
    from tfx_retrieval.components.retrieval_evaluator.component import RetrievalEvaluator
    from tfx_retrieval.components.scann_indexer.component import ScaNNIndexer
    from tfx_retrieval.components.statistics_gen.component import StatisticsGen
    from tfx_retrieval.components.transform.component import Transform
    from tfx_retrieval.components.two_tower_trainer.component import TwoTowerTrainer
    from tfx_retrieval.components.two_tower_tuner.component import TwoTowerTuner
    from tfx_retrieval.config import (
        canonical_json,
        parse_feature_config,
        parse_model_config,
        read_feature_config,
        read_model_config,
    )
    from tfx_retrieval.errors import InputError, Problem
    from tfx_retrieval.pipelines.retrieval import create_pipeline
    from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
    from tfx_retrieval.proto.model_config_pb2 import ModelConfig

__version__ = "0.1.0"

# Public name -> module that defines it. KFP containers look artifact classes up here by the name
# `tfx_retrieval.<Class>`, so every artifact class must be listed.
_MODULES = {
    "BigQueryInteractionExampleGen": "components.bigquery_example_gen.component",
    "ConfigCodegen": "components.config_codegen.component",
    "EmbeddingExporter": "components.embedding_exporter.component",
    "Embeddings": "artifacts",
    "FeatureConfig": "proto.feature_config_pb2",
    "InputError": "errors",
    "InteractionExampleGen": "components.interaction_example_gen.component",
    "ModelConfig": "proto.model_config_pb2",
    "ModuleFile": "artifacts",
    "Problem": "errors",
    "RetrievalEvaluator": "components.retrieval_evaluator.component",
    "ScaNNIndexer": "components.scann_indexer.component",
    "StatisticsGen": "components.statistics_gen.component",
    "Transform": "components.transform.component",
    "TwoTowerTrainer": "components.two_tower_trainer.component",
    "TwoTowerTuner": "components.two_tower_tuner.component",
    "canonical_json": "config",
    "create_pipeline": "pipelines.retrieval",
    "parse_feature_config": "config",
    "parse_model_config": "config",
    "read_feature_config": "config",
    "read_model_config": "config",
}

__all__ = [
    "BigQueryInteractionExampleGen",
    "ConfigCodegen",
    "EmbeddingExporter",
    "Embeddings",
    "FeatureConfig",
    "InputError",
    "InteractionExampleGen",
    "ModelConfig",
    "ModuleFile",
    "Problem",
    "RetrievalEvaluator",
    "ScaNNIndexer",
    "StatisticsGen",
    "Transform",
    "TwoTowerTrainer",
    "TwoTowerTuner",
    "__version__",
    "canonical_json",
    "create_pipeline",
    "parse_feature_config",
    "parse_model_config",
    "read_feature_config",
    "read_model_config",
]


def _choose_keras_2() -> None:
    """Makes TensorFlow use Keras 2, which TensorFlow Recommenders 0.7 needs.

    Raises:
        ImportError: If the environment asks for Keras 3, or `tf.keras` is Keras 3 already.
    """
    value = os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    if value not in ("1", "true", "True"):
        raise ImportError(
            f"expected the environment variable TF_USE_LEGACY_KERAS to be unset or 1, but got "
            f"{value!r}; TensorFlow Recommenders needs Keras 2, so unset it or set it to 1"
        )
    # TensorFlow decides at the first use of tf.keras; this module is there if that was Keras 3.
    if "keras._tf_keras.keras" in sys.modules:
        raise ImportError(
            "TensorFlow was imported with Keras 3 before tfx_retrieval, which needs Keras 2; "
            "import tfx_retrieval first, or set the environment variable TF_USE_LEGACY_KERAS=1"
        )


def __getattr__(name: str) -> Any:
    """Imports a public name on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lists the public names, imported or not."""
    return sorted({*globals(), *__all__})


_choose_keras_2()
