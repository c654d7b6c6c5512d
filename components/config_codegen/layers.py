"""Source of Keras layers, optimisers and schedules as a ModelConfig names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tfx_retrieval.components.config_codegen.source import (
    Call,
    Expression,
    assign,
    call,
    literal,
)
from tfx_retrieval.proto import model_config_pb2

_Dense = model_config_pb2.Dense

_OPTIMIZERS = {
    "adagrad": "Adagrad",
    "adam": "Adam",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adamw": "AdamW",
    "ftrl": "Ftrl",
}
_FTRL_KEYWORDS = {"l1": "l1_regularization_strength", "l2": "l2_regularization_strength"}


def layer_definitions(
    layers: Iterable[model_config_pb2.Layer],
    width: int,
    prefix: str = "",
    tuned_dropout: bool = False,
) -> tuple[list[tuple[str, Expression]], int]:
    """Returns the layers of a stack as Python names and constructor calls.

    Args:
        layers: Layers of a resolved ModelConfig.
        width: Width of the stack's input; residual and cross layers keep it.
        prefix: Begins each name.
        tuned_dropout: Whether a variable `dropout`, unless it is None, takes the place of the
            rates of dropout layers.

    Returns:
        The definitions, in order, and the width of the stack's output.
    """
    definitions: list[tuple[str, Expression]] = []
    for number, layer in enumerate(layers, start=1):
        kind = layer.WhichOneof("kind")
        name = f"{prefix}{kind}_{number}"
        if kind == "dense":
            width = layer.dense.units
        if kind == "dropout" and tuned_dropout:
            rate = f"{literal(layer.dropout.rate)} if dropout is None else dropout"
            dropout = call("tf.keras.layers.Dropout", rate, name=literal(name))
            definitions.append((name, dropout))
        else:
            definitions.append((name, _layer(layer, name, width)))
    return definitions, width


def has_dropout(layers: Iterable[model_config_pb2.Layer]) -> bool:
    """Returns whether a stack has dropout layers."""
    return any(layer.WhichOneof("kind") == "dropout" for layer in layers)


def has_penalty(layers: Iterable[model_config_pb2.Layer]) -> bool:
    """Returns whether a stack adds an l1 or l2 penalty on its kernels to the loss."""
    return any(layer.dense.l1 or layer.dense.l2 for layer in layers)


def stack_calls(
    layers: Sequence[model_config_pb2.Layer], names: Sequence[str], indent: int
) -> list[str]:
    """Returns the statements of a Keras `call` that send `x` through a stack.

    Args:
        layers: Layers of a resolved ModelConfig.
        names: Their Python names.
        indent: Column of the statements.
    """
    lines = []
    previous = ""
    for layer, name in zip(layers, names, strict=True):
        kind = layer.WhichOneof("kind")
        if kind == "cross" and previous != "cross":
            # Each cross layer of a run multiplies with what entered the run.
            lines.append(assign("crossed", "x", indent))
        lines.append(assign("x", _call(kind, name), indent))
        previous = kind
    return lines


def _call(kind: str, name: str) -> str:
    if kind == "residual":
        return f"x + self.{name}(x)"
    if kind == "cross":
        return f"self.{name}(crossed, x)"
    if kind in ("dropout", "batch_norm"):
        return f"self.{name}(x, training=training)"
    return f"self.{name}(x)"


def dense(units: int | str, name: str, **keywords: Expression) -> Call:
    """Returns the constructor of a Dense layer."""
    return call("tf.keras.layers.Dense", str(units), **keywords, name=literal(name))


def optimizer(config: model_config_pb2.Optimizer, learning_rate: str, clip_norm: str) -> Call:
    """Returns the constructor of a Keras optimiser.

    Args:
        config: Optimizer of a resolved ModelConfig.
        learning_rate: Source of the learning rate.
        clip_norm: Source of the norm to which each gradient is clipped, or "".
    """
    kind = config.WhichOneof("kind")
    options = getattr(config, kind)
    keywords: dict[str, Expression] = {}
    for field in options.DESCRIPTOR.fields:
        name = _FTRL_KEYWORDS.get(field.name, field.name) if kind == "ftrl" else field.name
        keywords[name] = literal(getattr(options, field.name))
    if clip_norm:
        keywords["clipnorm"] = clip_norm
    return call(f"tf.keras.optimizers.{_OPTIMIZERS[kind]}", learning_rate, **keywords)


def schedule(config: model_config_pb2.Schedule) -> Call | None:
    """Returns the constructor of a learning-rate schedule over `learning_rate`.

    Args:
        config: Schedule of a resolved ModelConfig.

    Returns:
        The schedule without its warm-up, or None if the rate only warms up.
    """
    kind = config.WhichOneof("kind")
    if kind == "exponential":
        return call(
            "tf.keras.optimizers.schedules.ExponentialDecay",
            "learning_rate",
            decay_steps=str(config.exponential.decay_steps),
            decay_rate=literal(config.exponential.decay_rate),
        )
    if kind == "cosine":
        return call(
            "tf.keras.optimizers.schedules.CosineDecay",
            "learning_rate",
            decay_steps=_decay_steps(config.cosine),
            alpha=literal(config.cosine.alpha),
        )
    if kind == "linear":
        return call(
            "tf.keras.optimizers.schedules.PolynomialDecay",
            "learning_rate",
            decay_steps=_decay_steps(config.linear),
            end_learning_rate=f"{literal(config.linear.alpha)} * learning_rate",
        )
    return None


def needs_training_steps(config: model_config_pb2.ModelConfig) -> bool:
    """Returns whether the schedule ends with the training, whatever its length."""
    kind = config.learning_rate_schedule.WhichOneof("kind")
    if kind not in ("cosine", "linear"):
        return False
    return not getattr(config.learning_rate_schedule, kind).HasField("decay_steps")


def _decay_steps(options: model_config_pb2.Cosine | model_config_pb2.Linear) -> str:
    return str(options.decay_steps) if options.HasField("decay_steps") else "steps"


def _layer(layer: model_config_pb2.Layer, name: str, width: int) -> Expression:
    kind = layer.WhichOneof("kind")
    quoted = literal(name)
    if kind == "dense":
        return _dense_layer(layer.dense, name)
    if kind == "dropout":
        return call("tf.keras.layers.Dropout", literal(layer.dropout.rate), name=quoted)
    if kind == "batch_norm":
        return call(
            "tf.keras.layers.BatchNormalization",
            momentum=literal(layer.batch_norm.momentum),
            epsilon=literal(layer.batch_norm.epsilon),
            name=quoted,
        )
    if kind == "layer_norm":
        return call(
            "tf.keras.layers.LayerNormalization",
            epsilon=literal(layer.layer_norm.epsilon),
            name=quoted,
        )
    if kind == "residual":
        return dense(width, name, **_activation(layer.residual.activation))
    projection: dict[str, Expression] = {}
    if layer.cross.HasField("projection_dim"):
        projection["projection_dim"] = str(layer.cross.projection_dim)
    return call("tfrs.layers.dcn.Cross", **projection, name=quoted)


def _dense_layer(config: model_config_pb2.Dense, name: str) -> Call:
    keywords: dict[str, Expression] = dict(_activation(config.activation))
    if config.l1 and config.l2:
        penalty = call("tf.keras.regularizers.L1L2", literal(config.l1), literal(config.l2))
        keywords["kernel_regularizer"] = penalty
    elif config.l1:
        keywords["kernel_regularizer"] = call("tf.keras.regularizers.L1", literal(config.l1))
    elif config.l2:
        keywords["kernel_regularizer"] = call("tf.keras.regularizers.L2", literal(config.l2))
    return dense(config.units, name, **keywords)


def _activation(activation: int) -> dict[str, Expression]:
    if activation in (_Dense.unspecified, _Dense.linear):
        return {}
    if activation == _Dense.leaky_relu:
        return {"activation": "tf.nn.leaky_relu"}
    return {"activation": literal(_Dense.Activation.Name(activation))}
