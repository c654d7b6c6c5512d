"""What a run needs of a FeatureConfig, besides what its generated modules need."""

from __future__ import annotations

from tfx_retrieval.config.features import history_columns
from tfx_retrieval.config.findings import Finding, quote
from tfx_retrieval.config.pair_checks import check_input_names
from tfx_retrieval.errors import InputError
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig


def check_run(feature_config: FeatureConfig, source: str = "FeatureConfig") -> None:
    """Checks that InteractionExampleGen can make what the config asks for.

    The Transform module alone also works on data that bring a history as a column, and on columns
    with any name.

    Args:
        feature_config: A resolved FeatureConfig.
        source: What to call it in a message, usually its file.

    Raises:
        InputError: It has a history, which is made from the order of the interactions, and no
            timestamp, or columns that no trained model could be served with.
    """
    problems = list(check_input_names(feature_config, source))
    histories = history_columns(feature_config)
    if histories and not feature_config.interaction.timestamp:
        finding = Finding(
            ("interaction", "timestamp"),
            "no such key",
            f"the column with the time of an interaction, for the history {quote(histories[0])}",
            "Name the column, or leave the history out.",
        )
        problems.append(finding.problem(source))
    if problems:
        raise InputError(problems)
