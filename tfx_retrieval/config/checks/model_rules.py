"""Rules of a ModelConfig that concern more than one value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfx_retrieval.config.checks.registry import model_config_check
from tfx_retrieval.config.findings import Finding, Path
from tfx_retrieval.proto.model_config_pb2 import Layer, ModelConfig, ModelType

_TOWERS = ("query_tower", "candidate_tower")


@model_config_check
def check_towers_end_in_the_output_width(config: ModelConfig) -> Iterator[Finding]:
    """Without an output projection each tower ends in the output width by itself.

    A tower without a dense layer keeps the width of its inputs, which `pair_checks` judges.
    """
    if config.output_projection:
        return
    width = config.output_embedding_dim
    relies_on: tuple[Path, ...] = (("output_embedding_dim",), ("output_projection",))
    for tower_name in _TOWERS:
        layers = getattr(config, tower_name).layers
        dense = [
            position for position, layer in enumerate(layers) if layer.WhichOneof("kind") == "dense"
        ]
        if dense and layers[dense[-1]].dense.units != width:
            yield Finding(
                (tower_name, "layers", dense[-1], "dense", "units"),
                f"{layers[dense[-1]].dense.units:,}, while output_projection is false",
                f"{width:,}, the output_embedding_dim",
                "Change the width, or leave output_projection out.",
                relies_on=(*relies_on, (tower_name, "layers")),
            )


@model_config_check
def check_hard_negatives(config: ModelConfig) -> Iterator[Finding]:
    """Hard negatives are a part of a row's negatives, so fewer than all of them."""
    loss = config.retrieval_loss
    if not loss.HasField("hard_negatives"):
        return
    extra = loss.uniform_negatives + loss.cross_batch_negatives
    smallest = min([config.batch_size, *filter(None, config.search_space.batch_size)])
    if loss.hard_negatives >= smallest + extra:
        yield Finding(
            ("retrieval_loss", "hard_negatives"),
            f"{loss.hard_negatives:,}",
            f"fewer than the {smallest + extra:,} candidates that a row is compared with",
            "They are the batch's and those of uniform_negatives and cross_batch_negatives.",
            relies_on=(
                ("batch_size",),
                ("search_space", "batch_size"),
                ("retrieval_loss", "uniform_negatives"),
                ("retrieval_loss", "cross_batch_negatives"),
            ),
        )


@model_config_check
def check_embedding_learning_rate(config: ModelConfig) -> Iterator[Finding]:
    """A learning rate for the embeddings belongs to an optimiser of their own."""
    if config.HasField("embedding_learning_rate") and not config.HasField("embedding_optimizer"):
        yield Finding(
            ("embedding_learning_rate",),
            f"{config.embedding_learning_rate:g} without embedding_optimizer",
            "embedding_learning_rate beside embedding_optimizer only",
            relies_on=(("embedding_optimizer",),),
        )


@model_config_check
def check_schedule_does_something(config: ModelConfig) -> Iterator[Finding]:
    """A learning rate schedule has a warm-up, a fall or both."""
    schedule = config.learning_rate_schedule
    if config.HasField("learning_rate_schedule") and not (
        schedule.WhichOneof("kind") or schedule.warmup_steps
    ):
        yield Finding(
            ("learning_rate_schedule",),
            "a schedule that changes nothing",
            "warmup_steps above 0, exponential or cosine",
            "For a constant learning rate leave learning_rate_schedule out.",
        )


@model_config_check
def check_one_rule_for_the_learning_rate(config: ModelConfig) -> Iterator[Finding]:
    """A schedule sets the learning rate at each step, so nothing else can lower it."""
    if config.HasField("reduce_on_plateau") and config.HasField("learning_rate_schedule"):
        yield Finding(
            ("reduce_on_plateau",),
            "reduce_on_plateau beside learning_rate_schedule",
            "one of the two",
            relies_on=(("learning_rate_schedule",),),
        )


@model_config_check
def check_smallest_learning_rate(config: ModelConfig) -> Iterator[Finding]:
    """The learning rate has room to fall."""
    smallest = config.reduce_on_plateau.min_learning_rate
    first = min([config.learning_rate, *config.search_space.learning_rate])
    if smallest >= first:
        yield Finding(
            ("reduce_on_plateau", "min_learning_rate"),
            f"{smallest:g}",
            f"less than the learning rate, which is {first:g}",
            relies_on=(("learning_rate",), ("search_space", "learning_rate")),
        )


@model_config_check
def check_nesterov_has_momentum(config: ModelConfig) -> Iterator[Finding]:
    """Nesterov momentum needs momentum."""
    for name in ("optimizer", "embedding_optimizer"):
        sgd = getattr(config, name).sgd
        if sgd.nesterov and not sgd.momentum:
            yield Finding(
                (name, "sgd", "nesterov"),
                "true with a momentum of 0",
                "a momentum above 0",
                relies_on=((name, "sgd", "momentum"),),
            )


@model_config_check
def check_multitask_weights(config: ModelConfig) -> Iterator[Finding]:
    """A multitask model has a loss."""
    if config.model_type == ModelType.multitask and not (
        config.retrieval_weight or config.ranking_weight
    ):
        yield Finding(
            ("ranking_weight",),
            "0, as is retrieval_weight",
            "at least one weight above 0",
            relies_on=(("retrieval_weight",), ("model_type",)),
        )


@model_config_check
def check_query_bias_has_a_use(config: ModelConfig) -> Iterator[Finding]:
    """A bias of the query moves all candidates alike, so only a label can teach it."""
    if config.query_bias and config.model_type == ModelType.retrieval:
        yield Finding(
            ("query_bias",),
            "true at model_type retrieval",
            "true at model_type ranking or multitask only",
            "It adds the same to every candidate's score and cannot change their order.",
            relies_on=(("model_type",),),
        )


@model_config_check
def check_scann_leaves(config: ModelConfig) -> Iterator[Finding]:
    """No more partitions are searched than there are."""
    scann = config.retrieval.scann
    if (
        scann.HasField("leaves")
        and scann.HasField("leaves_to_search")
        and scann.leaves_to_search > scann.leaves
    ):
        yield Finding(
            ("retrieval", "scann", "leaves_to_search"),
            f"{scann.leaves_to_search:,}",
            f"at most leaves, which is {scann.leaves:,}",
            relies_on=(("retrieval", "scann", "leaves"),),
        )


@model_config_check
def check_scann_reorder(config: ModelConfig) -> Iterator[Finding]:
    """At least as many candidates are scored exactly as are returned."""
    retrieval = config.retrieval
    if retrieval.scann.HasField("reorder") and retrieval.scann.reorder < retrieval.top_k:
        yield Finding(
            ("retrieval", "scann", "reorder"),
            f"{retrieval.scann.reorder:,}",
            f"at least top_k, which is {retrieval.top_k:,}",
            relies_on=(("retrieval", "top_k"),),
        )


@model_config_check
def check_scann_block(config: ModelConfig) -> Iterator[Finding]:
    """A quantised block is no wider than the embedding."""
    block = config.retrieval.scann.dimensions_per_block
    if block > config.output_embedding_dim:
        yield Finding(
            ("retrieval", "scann", "dimensions_per_block"),
            f"{block:,}",
            f"at most output_embedding_dim, which is {config.output_embedding_dim:,}",
            relies_on=(("output_embedding_dim",),),
        )


@model_config_check
def check_search_space_has_values(config: ModelConfig) -> Iterator[Finding]:
    """A search space has something to search."""
    space = config.search_space
    lists = [field.name for field in space.DESCRIPTOR.fields if field.name != "max_trials"]
    if config.HasField("search_space") and not any(getattr(space, name) for name in lists):
        yield Finding(
            ("search_space",),
            "no values to try",
            "values for at least one of " + ", ".join(lists),
        )


@model_config_check
def check_search_space_values_distinct(config: ModelConfig) -> Iterator[Finding]:
    """No value is tried twice."""
    space = config.search_space
    for field in space.DESCRIPTOR.fields:
        values = list(getattr(space, field.name)) if field.name != "max_trials" else []
        for place, value in enumerate(values):
            if value in values[:place]:
                yield Finding(
                    ("search_space", field.name, place),
                    f"{value:g} a second time",
                    "each value once",
                )


@model_config_check
def check_searched_dropout_exists(config: ModelConfig) -> Iterator[Finding]:
    """Dropout rates are searched for a model with Dropout layers."""
    towers = [*config.query_tower.layers, *config.candidate_tower.layers]
    layers = [*towers, *config.ranking_loss.head]
    if config.search_space.dropout and not _has_dropout(layers):
        yield Finding(
            ("search_space", "dropout"),
            "rates to try, while no layer is a dropout layer",
            "a dropout layer in a tower or in ranking_loss.head",
            relies_on=(*((tower, "layers") for tower in _TOWERS), ("ranking_loss", "head")),
        )


@model_config_check
def check_searched_temperature_is_used(config: ModelConfig) -> Iterator[Finding]:
    """Temperatures are searched for a model with the in-batch softmax."""
    if config.search_space.temperature and config.model_type == ModelType.ranking:
        yield Finding(
            ("search_space", "temperature"),
            "temperatures to try at model_type ranking",
            "temperatures at model_type retrieval or multitask only",
            relies_on=(("model_type",),),
        )


@model_config_check
def check_parameter_server_queue(config: ModelConfig) -> Iterator[Finding]:
    """Workers that train on their own have no order of batches to keep a queue of."""
    if (
        config.distribution.HasField("parameter_server")
        and config.retrieval_loss.cross_batch_negatives
        and config.model_type != ModelType.ranking
    ):
        yield Finding(
            ("retrieval_loss", "cross_batch_negatives"),
            f"{config.retrieval_loss.cross_batch_negatives:,} beside distribution.parameter_server",
            "0",
            "Workers would overwrite each other's candidates; uniform_negatives can be drawn.",
            relies_on=(("distribution",), ("model_type",)),
        )


@model_config_check
def check_parameter_server_search(config: ModelConfig) -> Iterator[Finding]:
    """A search trains model after model, while servers hold one."""
    if config.distribution.HasField("parameter_server") and config.HasField("search_space"):
        yield Finding(
            ("search_space",),
            "search_space beside distribution.parameter_server",
            "one of the two",
            "Search without distribution, then write what was found into the ModelConfig.",
            relies_on=(("distribution",),),
        )


@model_config_check
def check_tpu_embedding_optimizer(config: ModelConfig) -> Iterator[Finding]:
    """A TPU applies an optimiser of its own to its tables, and knows four."""
    if not config.distribution.HasField("tpu_embedding"):
        return
    name = "embedding_optimizer" if config.HasField("embedding_optimizer") else "optimizer"
    optimizer = getattr(config, name)
    kind = optimizer.WhichOneof("kind")
    unknown = kind not in ("adagrad", "adam", "ftrl", "sgd")
    if unknown or optimizer.adam.amsgrad or optimizer.sgd.momentum:
        yield Finding(
            (name, kind),
            f"{kind} beside distribution.tpu_embedding",
            "adagrad, ftrl, adam without amsgrad or sgd without momentum",
            "embedding_optimizer is that of the tables alone.",
            relies_on=(("distribution",), (name,)),
        )


@model_config_check
def check_tpu_embedding_options(config: ModelConfig) -> Iterator[Finding]:
    """A TPU's tables are looked up before a step, trained at one rate and never set back."""
    if not config.distribution.HasField("tpu_embedding"):
        return
    optional = (
        "clip_norm",
        "early_stopping",
        "learning_rate_schedule",
        "reduce_on_plateau",
        "search_space",
    )
    paths: list[Path] = [(name,) for name in optional if config.HasField(name)]
    if config.model_type != ModelType.ranking and config.retrieval_loss.uniform_negatives:
        paths.append(("retrieval_loss", "uniform_negatives"))
    paths += [(tower, "id_dropout") for tower in _TOWERS if getattr(config, tower).id_dropout]
    for path in paths:
        yield Finding(
            path,
            f"{path[-1]} beside distribution.tpu_embedding",
            "one of the two",
            "Tables on a TPU are looked up before a step, trained at one learning rate and "
            "never set back.",
            relies_on=(("distribution",), ("model_type",)),
        )


def _has_dropout(layers: Iterable[Layer]) -> bool:
    return any(layer.WhichOneof("kind") == "dropout" for layer in layers)
