"""Rules that concern more than one value: one small function a rule.

Each `check_<rule>(config)` yields a `Finding` for every place that breaks its rule. It must bear a
config in which other things are wrong, since all problems are reported together.
"""

from tfx_retrieval.config.checks import (  # noqa: F401  (fill the registries)
    feature_rules,
    filter_rules,
    heading_rules,
    interaction_rules,
    model_rules,
    output_rules,
    side_rules,
)
from tfx_retrieval.config.checks.registry import FEATURE_CONFIG_CHECKS, MODEL_CONFIG_CHECKS

__all__ = ["FEATURE_CONFIG_CHECKS", "MODEL_CONFIG_CHECKS"]
