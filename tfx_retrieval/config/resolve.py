"""Settles what a FeatureConfig leaves to the type of a feature."""

from __future__ import annotations

import datetime
import re

from tfx_retrieval.config.features import (
    DEFAULT_TRANSFORM,
    TRANSFORMS_OF_TYPE,
    features,
    transforms,
)
from tfx_retrieval.config.findings import Path
from tfx_retrieval.config.reader import Reader
from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig, FeatureType


def add_default_transforms(config: FeatureConfig, broken: list[Path]) -> None:
    """Gives each feature that names no transform the one its type has by default.

    Args:
        config: The config, changed in place.
        broken: Paths that the reader could not read; a feature with a broken transform stays as it
            is.
    """
    for side_name, position, feature in features(config):
        transform = DEFAULT_TRANSFORM.get(feature.type)
        if transform is None or transforms(feature):
            continue
        path = (side_name, "features", position)
        if any((*path, name) in broken for name in TRANSFORMS_OF_TYPE[feature.type]):
            continue
        child = getattr(feature, transform)
        child.SetInParent()
        # The defaults of the transform's own parameters come from its rules, as for a written {}.
        Reader().read({}, child, path)


def settle_missing_times(config: FeatureConfig) -> None:
    """Turns ISO 8601 text that stands in for a missing time into seconds since 1970 in UTC.

    Text that is no time is left for the checks to report.

    Args:
        config: The config, changed in place.
    """
    for _, _, feature in features(config):
        if feature.type == FeatureType.temporal and feature.missing_value.string_value:
            seconds = epoch_seconds(feature.missing_value.string_value)
            if seconds is not None:
                feature.missing_value.number_value = seconds


def epoch_seconds(text: str) -> int | None:
    """Returns an ISO 8601 date or time as whole seconds since 1970, or None if it is none.

    A time without an offset is taken to be UTC.
    """
    try:
        # Cutting a fraction of a second off rounds down, before 1970 too.
        whole = re.sub(r"[.,]\d+", "", text.removesuffix("Z"))
        time = datetime.datetime.fromisoformat(whole)
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.timezone.utc)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (time - epoch) // datetime.timedelta(seconds=1)
