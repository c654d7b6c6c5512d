"""Rule: no two things become a transformed feature of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tfx_retrieval.config.checks.registry import feature_config_check
from tfx_retrieval.config.features import (
    cross_output,
    crosses,
    features,
    transform_outputs,
    transforms,
)
from tfx_retrieval.config.findings import Finding, Path, path_text, quote
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig, FeatureType


@feature_config_check
def check_output_names_differ(config: FeatureConfig) -> Iterator[Finding]:
    """Names such as `price_norm` are made from one thing alone."""
    first: dict[str, tuple[Path, Any]] = {}
    for output, path, origin in _outputs(config):
        other_path, other_origin = first.setdefault(output, (path, origin))
        if other_origin != origin:
            yield Finding(
                path,
                f"something that becomes the transformed feature {quote(output)}",
                f"another name than what {path_text(other_path)} becomes",
                "Rename one of the columns, or leave one of the two out.",
                relies_on=(other_path,),
            )


def _outputs(config: FeatureConfig) -> Iterator[tuple[str, Path, Any]]:
    """Yields (output name, path of what it is made from, origin).

    Two outputs of one name are the same feature if their origins are equal. What one column
    becomes twice on one side, or differently on two sides, is told by other checks.
    """
    for side_name, position, feature in features(config):
        if not feature.column:
            continue
        path = (side_name, "features", position)
        if feature.type == FeatureType.boolean:
            yield feature.column, path, (feature.column, "")
        for transform in transforms(feature):
            for output in transform_outputs(feature.column, transform, feature.cyclical):
                # Whatever a column itself becomes is one origin: its types are checked elsewhere.
                origin = (feature.column, "" if output == feature.column else transform)
                yield output, (*path, transform), origin
    for side_name, position, cross in crosses(config):
        if all(cross.columns):
            origin = ("cross", *cross.columns)
            yield cross_output(cross), (side_name, "crosses", position), origin
    if config.candidate.id:
        yield f"{config.candidate.id}_raw", ("candidate", "id"), "raw"
    for name in ("label", "weight"):
        column = getattr(config.interaction, name)
        if column:
            yield f"{column}_{name}", ("interaction", name), name
