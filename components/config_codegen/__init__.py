"""Generates readable Transform and Trainer modules from configs and carries them as artifacts."""

from tfx_retrieval.components.config_codegen.trainer_module import generate_trainer_module
from tfx_retrieval.components.config_codegen.transform_module import generate_transform_module

__all__ = ["generate_trainer_module", "generate_transform_module"]
