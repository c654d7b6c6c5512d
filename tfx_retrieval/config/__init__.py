"""Reading, checking and writing FeatureConfig and ModelConfig; imports no TensorFlow.

Submodules for further needs: `features` (columns and outputs of a config), `data_checks` (config
against a table), `schemas` (JSON Schema), `importers` (configs of other systems), `starter` (a
first config for a table).
"""

from tfx_retrieval.config.canonical import canonical_json, to_dict
from tfx_retrieval.config.loading import (
    parse_feature_config,
    parse_model_config,
    read_feature_config,
    read_model_config,
)
from tfx_retrieval.config.pair_checks import check_pair
from tfx_retrieval.config.run_checks import check_run

__all__ = [
    "canonical_json",
    "check_pair",
    "check_run",
    "parse_feature_config",
    "parse_model_config",
    "read_feature_config",
    "read_model_config",
    "to_dict",
]
