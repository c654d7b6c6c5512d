"""Generates the Trainer module: `run_fn` of a FeatureConfig and a ModelConfig."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tfx_retrieval.components.config_codegen import (
    naming,
    templates,
    towers,
    tpu_embedding,
    tuning,
)
from tfx_retrieval.components.config_codegen.layers import (
    dense,
    has_penalty,
    layer_definitions,
    needs_training_steps,
    optimizer,
    schedule,
    stack_calls,
)
from tfx_retrieval.components.config_codegen.source import (
    Call,
    Expression,
    assign,
    call,
    items,
    literal,
    returns,
)
from tfx_retrieval.components.config_codegen.tower_inputs import Kind
from tfx_retrieval.config import check_pair
from tfx_retrieval.proto import feature_config_pb2, model_config_pb2

_ModelType = model_config_pb2.ModelType
_RankingLoss = model_config_pb2.RankingLoss
_Type = feature_config_pb2.FeatureType


def generate_trainer_module(
    features: feature_config_pb2.FeatureConfig, model: model_config_pb2.ModelConfig
) -> str:
    """Returns the source of a module with the `run_fn` of two configs.

    The module imports TensorFlow, TensorFlow Transform and TensorFlow Recommenders only. The
    same configs give the same bytes.

    Args:
        features: A resolved FeatureConfig.
        model: A resolved ModelConfig.

    Raises:
        InputError: The configs do not go together (`tfx_retrieval.config.check_pair`).
    """
    check_pair(features, model)
    writer = _TrainerWriter(features, model)
    return templates.render("trainer.py.jinja", **writer.values())


class _TrainerWriter:
    def __init__(
        self,
        features: feature_config_pb2.FeatureConfig,
        model: model_config_pb2.ModelConfig,
    ):
        self._features = features
        self._model = model
        self._towers = towers.write_towers(features, model)
        self._loss = model.retrieval_loss
        self._predicts_label = model.model_type != _ModelType.retrieval
        self._predicts_retrieval = model.model_type != _ModelType.ranking
        self._binary = (
            self._predicts_label and model.ranking_loss.kind == _RankingLoss.binary_crossentropy
        )
        self._score_width = model.output_embedding_dim + (1 if model.candidate_bias else 0)

    def values(self) -> dict[str, object]:
        """Returns what the template uses."""
        loss, model = self._loss, self._model
        retrieval = self._predicts_retrieval
        inputs = [item for tower in self._towers for item in tower.inputs]
        return {
            "config": model,
            "loss": loss,
            "model_type": _ModelType.Value.Name(model.model_type),
            "names": self._names(),
            "towers": self._towers,
            "model_init": self._model_init(),
            "score_width": self._score_width,
            "logq": retrieval and loss.logq_correction,
            "remove_accidental_hits": retrieval and loss.remove_accidental_hits,
            "leaves_out": retrieval
            and (loss.remove_accidental_hits or loss.cross_batch_negatives > 0),
            "hard_negatives": loss.hard_negatives if retrieval else 0,
            "uniform_negatives": loss.uniform_negatives if retrieval else 0,
            "cross_batch_negatives": loss.cross_batch_negatives if retrieval else 0,
            "has_extra_negatives": retrieval
            and (loss.uniform_negatives > 0 or loss.cross_batch_negatives > 0),
            "label_smoothing": retrieval and loss.label_smoothing > 0,
            "extra_negatives_text": self._extra_negatives_text(),
            "embedding_l2": model.embedding_l2 > 0,
            "has_penalty": any(has_penalty(layers) for layers in self._stacks()),
            "query_bias": self._predicts_label and model.query_bias,
            "candidate_bias": model.candidate_bias,
            "predicts_label": self._predicts_label,
            "predicts_retrieval": retrieval,
            "binary": self._binary,
            "weight": self._features.interaction.weight,
            "early_stopping": model.HasField("early_stopping"),
            "reduces_rate": model.HasField("reduce_on_plateau"),
            "evaluates": self._predicts_label
            or model.HasField("early_stopping")
            or model.HasField("reduce_on_plateau"),
            "pooled": any(self._averages(item) for item in inputs),
            "attention": any(item.pooling == "attention" for item in inputs),
            "hides_ids": any(tower.id_dropout for tower in self._towers),
            "hides_candidates": self._towers[1].id_dropout > 0,
            "counts_file": naming.counts_file(self._features),
            "probabilities": self._probabilities(),
            "label_metrics": self._label_metrics(),
            "label_loss": self._label_loss(),
            "head_init": self._head_init(),
            "head_call": self._head_call(),
            "optimizer": self._optimizer_body(model.optimizer, "learning_rate"),
            "embedding_optimizer": self._embedding_optimizer_body(),
            "needs_steps": needs_training_steps(model),
            "parameter_server": model.distribution.HasField("parameter_server"),
            "warmup": model.HasField("learning_rate_schedule")
            and model.learning_rate_schedule.warmup_steps,
            "vocabularies": self._vocabularies(),
            "list_columns": self._list_columns(),
            **tpu_embedding.template_values(model, self._towers),
            **tuning.template_values(model),
        }

    def _stacks(self) -> list[Sequence[model_config_pb2.Layer]]:
        """Returns the stacks of layers that the model has."""
        towers = [self._model.query_tower.layers, self._model.candidate_tower.layers]
        return [*towers, self._model.ranking_loss.head] if self._predicts_label else towers

    @staticmethod
    def _averages(item: towers.TowerInput) -> bool:
        return item.kind is Kind.POOLED or item.pooling == "mean"

    def _names(self) -> list[str]:
        """Returns the constants that name features and raw columns."""
        query, candidate = self._towers
        candidate_id = self._features.candidate.id
        query_columns = [f.column for f in self._features.query.features]
        candidate_columns = [f.column for f in self._features.candidate.features]
        training = [*query.features, *candidate.features, candidate_id]
        if self._predicts_label and self._model.query_bias:
            training.append(self._features.query.id)
        lines = [
            assign("CANDIDATE_ID", literal(candidate_id), 0),
            assign("RAW_CANDIDATE_ID", literal(naming.raw(candidate_id)), 0),
        ]
        if self._predicts_label:
            label = naming.label(self._features.interaction.label)
            lines.append(assign("LABEL", literal(label), 0))
            training.append(label)
        if self._features.interaction.weight:
            weight = naming.weight(self._features.interaction.weight)
            lines.append(assign("WEIGHT", literal(weight), 0))
            training.append(weight)
        lines += ["", "# Raw columns that a request for one side holds."]
        lines.append(_name_list("QUERY_COLUMNS", query_columns))
        lines.append(_name_list("CANDIDATE_COLUMNS", candidate_columns))
        if self._list_columns():
            lines.append(_name_list("LIST_COLUMNS", self._list_columns()))
        if self._predicts_label:
            lines.append(_name_list("LABEL_COLUMNS", [*query_columns, *candidate_columns]))
        lines += ["", "# Transformed features that training and the catalogue read."]
        lines.append(_name_list("TRAINING_FEATURES", training))
        lines.append(_name_list("CANDIDATE_FEATURES", [*candidate.features, candidate_id]))
        if self._vocabularies():
            lines += ["", "# Vocabulary behind each embedding table, for a warm start."]
            entries = [f"    {literal(t)}: {literal(v)}," for t, v in self._vocabularies()]
            lines += ["VOCABULARIES = {", *entries, "}"]
        return lines + tpu_embedding.feature_names(self._towers)

    def _list_columns(self) -> list[str]:
        """Returns the raw columns that hold several values a row."""
        return [
            feature.column
            for side in (self._features.query, self._features.candidate)
            for feature in side.features
            if feature.type in (_Type.history, _Type.vector)
            or (feature.HasField("values") and not feature.values.HasField("separator"))
        ]

    def _model_init(self) -> list[str]:
        query, candidate = self._towers
        lines = []
        shared_tables = [t for t in query.shared_tables if t.name in query.shared]
        for table in shared_tables:
            lines.append(assign(f"self.{table.name}", towers.embedding(table), 8))
        shared = set(query.shared)
        for tower in (query, candidate):
            arguments = ["tf_transform_output"]
            arguments += [f"self.{name}" for name in tower.shared if name in shared]
            arguments += ["dropout"] if tower.tuned_dropout else []
            tower_call = call(tower.class_name, *arguments)
            lines.append(assign(f"self.{tower.name}", tower_call, 8))
        if self._model.candidate_bias:
            lines.append(self._bias("candidate_bias", self._features.candidate))
        if self._predicts_label and self._model.query_bias:
            lines.append(self._bias("query_bias", self._features.query))
        return lines

    def _bias(self, name: str, side: feature_config_pb2.Side) -> str:
        table = towers.id_table(self._features, side)
        layer = call(
            "tf.keras.layers.Embedding",
            table.rows,
            "1",
            '"zeros"',
            **self._full_precision(),
            name=literal(name),
        )
        return assign(f"self.{name}", layer, 8)

    def _full_precision(self) -> dict[str, Expression]:
        """Returns the argument of a layer whose output goes to the loss as it is."""
        return {"dtype": '"float32"'} if self._model.mixed_precision else {}

    def _extra_negatives_text(self) -> str:
        loss = self._loss
        parts = []
        if loss.uniform_negatives:
            parts.append(f"{loss.uniform_negatives} drawn from the catalogue")
        if loss.cross_batch_negatives:
            parts.append(f"{loss.cross_batch_negatives} of earlier batches")
        text = " and ".join(parts)
        return f",\n        with {text}" if text else ""

    def _probabilities(self) -> list[str]:
        """Returns statements that leave `counts`, the rows of each candidate index."""
        table = towers.id_table(self._features, self._features.candidate)
        path = call(
            "tf_transform_output.vocabulary_file_by_name",
            literal(naming.counts_file(self._features)),
        )
        lines = [assign("path", path)]
        read = [
            '    with tf.io.gfile.GFile(path, "rb") as lines:',
            "        for line in lines:",
            '            count, term = line.rstrip(b"\\n").split(b" ", 1)',
        ]
        if not table.vocabulary:
            return [
                *lines,
                assign("counts", call("np.zeros", table.rows)),
                *read,
                "            counts[int(term)] += int(count)",
            ]
        vocabulary = call("tf_transform_output.vocabulary_by_name", literal(table.vocabulary))
        return [
            *lines,
            assign("terms", vocabulary),
            "    index = {term: row for row, term in enumerate(terms)}",
            assign("counts", call("np.zeros", table.rows)),
            "    unknown = 0",
            *read,
            "            if term in index:",
            "                counts[index[term]] = int(count)",
            "            else:",
            "                unknown += int(count)",
            "    counts[len(terms) :] = unknown / len(counts[len(terms) :])",
        ]

    def _label_metrics(self) -> list[str]:
        metrics: dict[str, Call] = {}
        if self._binary:
            auc = "tf.keras.metrics.AUC"
            metrics["auc"] = call(auc, from_logits="True", name='"auc"')
            metrics["pr_auc"] = call(auc, curve='"PR"', from_logits="True", name='"pr_auc"')
            metrics["accuracy"] = call(
                "tf.keras.metrics.BinaryAccuracy", threshold="0.0", name='"accuracy"'
            )
        else:
            metrics["rmse"] = call("tf.keras.metrics.RootMeanSquaredError", name='"rmse"')
        for name in ("prediction_mean", "label_mean"):
            metrics[name] = call("tf.keras.metrics.Mean", name=literal(name))
        return [assign(f"self.{name}", metric, 8) for name, metric in metrics.items()]

    def _label_loss(self) -> list[str]:
        lines = [
            "        # A row without a label neither teaches nor counts.",
            "        known = tf.cast(tf.math.is_finite(labels), tf.float32)",
            "        labels = tf.math.multiply_no_nan(labels, known)",
        ]
        if self._binary:
            lines += [
                "        for metric in (self.auc, self.pr_auc, self.accuracy):",
                "            metric.update_state(labels, predictions, known)",
            ]
        else:
            lines.append("        self.rmse.update_state(labels, predictions, known)")
        predicted = "tf.sigmoid(predictions)" if self._binary else "predictions"
        lines += [
            "        # A model that is right on average predicts the labels' mean.",
            f"        self.prediction_mean.update_state({predicted}, known)",
            "        self.label_mean.update_state(labels, known)",
        ]
        losses: Expression = call("tf.math.squared_difference", "predictions", "labels")
        if self._binary:
            losses = call("tf.nn.sigmoid_cross_entropy_with_logits", "labels", "predictions")
        elif self._model.ranking_loss.kind == _RankingLoss.huber:
            losses = call("tf.keras.losses.huber", "labels[:, None]", "predictions[:, None]")
        return [*lines, assign("losses", losses, 8), "        return known * losses"]

    def _head_init(self) -> list[str]:
        if not self._predicts_label:
            return []
        lines = []
        head = self._model.ranking_loss.head
        if head:
            definitions, _ = layer_definitions(
                head, 2 * self._score_width, "head_", tuning.tunes(self._model, "dropout")
            )
            lines = [assign(f"self.{name}", layer, 8) for name, layer in definitions]
            output = dense(1, "head_output", **self._full_precision())
            lines.append(assign("self.head_output", output, 8))
        else:
            bias = call("tf.Variable", "0.0", name='"label_bias"')
            lines.append(assign("self.label_bias", bias, 8))
        return lines

    def _head_call(self) -> list[str]:
        if not self._predicts_label:
            return []
        head = self._model.ranking_loss.head
        lines = []
        if head:
            lines.append("        x = tf.concat([queries, candidates], axis=1)")
            definitions, _ = layer_definitions(head, 2 * self._score_width, "head_")
            lines += stack_calls(head, [name for name, _ in definitions], 8)
            lines.append("        predictions = self.head_output(x)[:, 0]")
        else:
            lines.append("        predictions = tf.reduce_sum(queries * candidates, axis=1)")
            lines.append("        predictions += self.label_bias")
        if self._model.query_bias:
            query_id = literal(self._features.query.id)
            lines.append(f"        predictions += self.query_bias(features[{query_id}])[:, 0]")
        return [*lines, "        return predictions"]

    def _optimizer_body(self, config: model_config_pb2.Optimizer, learning_rate: str) -> list[str]:
        lines = []
        model = self._model
        if model.HasField("learning_rate_schedule"):
            rate = schedule(model.learning_rate_schedule)
            if rate is not None:
                lines.append(assign("schedule", rate))
                learning_rate = "schedule"
            steps = model.learning_rate_schedule.warmup_steps
            if steps:
                lines.append(assign("schedule", call("WarmUp", learning_rate, str(steps))))
                learning_rate = "schedule"
        clip = literal(model.clip_norm) if model.HasField("clip_norm") else ""
        return [*lines, returns(optimizer(config, learning_rate, clip))]

    def _embedding_optimizer_body(self) -> list[str]:
        model = self._model
        has_tables = any(tower.tables for tower in self._towers)
        if not (model.HasField("embedding_optimizer") and has_tables):
            return []
        lines = []
        if model.HasField("embedding_learning_rate"):
            ratio = model.embedding_learning_rate / model.learning_rate
            lines.append(f"    learning_rate = learning_rate * {literal(ratio)}")
        return lines + self._optimizer_body(model.embedding_optimizer, "learning_rate")

    def _vocabularies(self) -> list[tuple[str, str]]:
        """Returns the tables whose rows stand for vocabulary terms, with the vocabulary."""
        tables = tpu_embedding.named_tables(self._towers)
        found = {table.name: table.vocabulary for table in tables if table.vocabulary}
        for name, side, wanted in (
            ("candidate_bias", self._features.candidate, self._model.candidate_bias),
            ("query_bias", self._features.query, self._predicts_label and self._model.query_bias),
        ):
            if wanted and towers.id_table(self._features, side).vocabulary:
                found[name] = towers.id_table(self._features, side).vocabulary
        return sorted(found.items())


def _name_list(target: str, names: Iterable[str]) -> str:
    entries: list[Expression] = [literal(name) for name in dict.fromkeys(names)]
    return assign(target, items(entries), 0)
