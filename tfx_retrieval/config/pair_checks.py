"""Rules that concern a FeatureConfig and a ModelConfig together."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_retrieval.config.features import SIDES, feature_of, heading_of
from tfx_retrieval.config.findings import Finding, quote
from tfx_retrieval.config.input_names import is_input_name, plain_name
from tfx_retrieval.config.widths import layers_input_width
from tfx_retrieval.errors import InputError, Problem
from tfx_retrieval.proto.feature_config_pb2 import Feature, FeatureConfig, FeatureType, Side
from tfx_retrieval.proto.model_config_pb2 import ModelConfig, ModelType, Tower


def check_pair(
    feature_config: FeatureConfig,
    model_config: ModelConfig,
    feature_source: str = "FeatureConfig",
    model_source: str = "ModelConfig",
) -> None:
    """Checks that a model can be made of these features.

    Args:
        feature_config: A resolved FeatureConfig.
        model_config: A resolved ModelConfig.
        feature_source: What to call the FeatureConfig in a message, usually its file.
        model_source: What to call the ModelConfig in a message, usually its file.

    Raises:
        InputError: They do not go together; holds all problems.
    """
    problems = [
        *check_label(feature_config, model_config, feature_source, model_source),
        *check_biases(feature_config, model_config, feature_source, model_source),
        *check_id_widths(feature_config, model_config, feature_source, model_source),
        *check_widths_without_dense(feature_config, model_config, feature_source, model_source),
        *check_id_dropout(feature_config, model_config, feature_source, model_source),
        *check_input_names(feature_config, feature_source),
        *check_input_spellings(feature_config, model_config, feature_source),
    ]
    if problems:
        raise InputError(problems)


def check_label(
    feature_config: FeatureConfig, model_config: ModelConfig, feature_source: str, model_source: str
) -> Iterator[Problem]:
    """A model that predicts a label needs one."""
    if model_config.model_type == ModelType.retrieval or feature_config.interaction.label:
        return
    model_type = ModelType.Value.Name(model_config.model_type)
    yield Finding(
        ("interaction", "label"),
        "no such key",
        f"the numeric column that a {model_type} model predicts",
        f"Name the column, or write model_type retrieval in {model_source}.",
    ).problem(feature_source)


def check_biases(
    feature_config: FeatureConfig, model_config: ModelConfig, feature_source: str, model_source: str
) -> Iterator[Problem]:
    """A bias of each id needs the id as a feature."""
    for name, side_name in (("query_bias", "query"), ("candidate_bias", "candidate")):
        side = getattr(feature_config, side_name)
        if getattr(model_config, name) and feature_of(side, side.id) is None:
            yield Finding(
                (name,),
                f"true, while the {side_name}'s id {quote(side.id)} is no feature",
                f"false, or a categorical feature of the column {quote(side.id)} at "
                f"$.{side_name}.features in {feature_source}",
            ).problem(model_source)


def check_id_widths(
    feature_config: FeatureConfig, model_config: ModelConfig, feature_source: str, model_source: str
) -> Iterator[Problem]:
    """An id's embedding that is added to its tower's output is as wide as that output."""
    for side_name in SIDES:
        side = getattr(feature_config, side_name)
        tower = getattr(model_config, f"{side_name}_tower")
        position, feature = next(
            ((p, f) for p, f in enumerate(side.features) if f.column == side.id), (0, None)
        )
        if feature is None or not _id_passes_layers(side, tower, model_config):
            continue
        index, width = _index_width(feature)
        if width not in (None, model_config.output_embedding_dim):
            yield Finding(
                (side_name, "features", position, index, "embedding_dim"),
                f"{width:,} for the id {quote(side.id)}",
                f"{model_config.output_embedding_dim:,}, as $.output_embedding_dim in "
                f"{model_source} says",
                "The id's embedding is added to the tower's output; leave embedding_dim out, or "
                f"set id_shortcut to false in {model_source}.",
            ).problem(feature_source)


def _index_width(feature: Feature) -> tuple[str, int | None]:
    """Returns the index of a categorical feature and the width that it gives its embedding."""
    for name in ("vocabulary", "integer_id", "hash"):
        if feature.HasField(name):
            index = getattr(feature, name)
            return name, index.embedding_dim if index.HasField("embedding_dim") else None
    return "", None


def check_widths_without_dense(
    feature_config: FeatureConfig, model_config: ModelConfig, feature_source: str, model_source: str
) -> Iterator[Problem]:
    """A tower with neither a dense layer nor a projection has inputs of the output width."""
    if model_config.output_projection:
        return
    wanted = model_config.output_embedding_dim
    for side_name in SIDES:
        side = getattr(feature_config, side_name)
        tower = getattr(model_config, f"{side_name}_tower")
        has_id = not _id_passes_layers(side, tower, model_config)
        width = layers_input_width(feature_config, side, wanted, has_id)
        has_dense = any(layer.HasField("dense") for layer in tower.layers)
        if has_dense or width in (0, wanted):
            continue
        yield Finding(
            (f"{side_name}_tower", "layers"),
            f"no dense layer over inputs of width {width:,} from $.{side_name} in "
            f"{feature_source}, while output_projection is false",
            f"a last dense layer of {wanted:,} units",
            "Add the layer, or leave output_projection out.",
        ).problem(model_source)


def _id_passes_layers(side: Side, tower: Tower, model_config: ModelConfig) -> bool:
    """Returns whether the id's embedding is added to the output of the layers."""
    is_alone = len(side.features) == 1 and not side.crosses and bool(tower.layers)
    return model_config.id_shortcut and not is_alone


def check_id_dropout(
    feature_config: FeatureConfig, model_config: ModelConfig, feature_source: str, model_source: str
) -> Iterator[Problem]:
    """Ids can be taken for unknown ones if they have an embedding with a row for those."""
    for side_name in SIDES:
        side = getattr(feature_config, side_name)
        rate = getattr(model_config, f"{side_name}_tower").id_dropout
        feature = feature_of(side, side.id)
        if not rate or (feature is not None and not feature.HasField("hash")):
            continue
        state = "is no feature" if feature is None else "is hashed"
        yield Finding(
            (f"{side_name}_tower", "id_dropout"),
            f"{rate:g}, while the {side_name}'s id {quote(side.id)} {state}",
            f"0, or a vocabulary or integer_id of the column {quote(side.id)} at "
            f"$.{side_name}.features in {feature_source}",
        ).problem(model_source)


def check_input_names(feature_config: FeatureConfig, feature_source: str) -> Iterator[Problem]:
    """Each column that a tower reads can name an input of a SavedModel signature."""
    for side_name in SIDES:
        for position, feature in enumerate(getattr(feature_config, side_name).features):
            column = feature.column
            if is_input_name(column):
                continue
            name = quote(plain_name(column))
            heading = quote(heading_of(feature_config, column))
            is_history = feature.type == FeatureType.history
            yield Finding(
                (side_name, "features", position, "column"),
                f"{quote(column)}, which cannot name an input of a SavedModel signature",
                "ASCII letters, digits and underscores, a letter first, and not 'self'",
                f"Call it {name} in this config"
                + ("." if is_history else f', and add "headings": {{{name}: {heading}}}.'),
            ).problem(feature_source)


def check_input_spellings(
    feature_config: FeatureConfig, model_config: ModelConfig, feature_source: str
) -> Iterator[Problem]:
    """The inputs of one signature differ in more than upper and lower case."""
    spellings: dict[tuple[str, str], str] = {}
    for side_name in SIDES:
        # The signature that predicts a label takes the columns of both sides.
        inputs = side_name if model_config.model_type == ModelType.retrieval else "both"
        for position, feature in enumerate(getattr(feature_config, side_name).features):
            column = feature.column
            other = spellings.setdefault((inputs, column.lower()), column)
            if other != column:
                yield Finding(
                    (side_name, "features", position, "column"),
                    f"{quote(column)} beside {quote(other)}, inputs of one SavedModel signature",
                    "names that differ in more than case",
                    "Give one of them another name, with its heading in the data at $.headings.",
                ).problem(feature_source)
