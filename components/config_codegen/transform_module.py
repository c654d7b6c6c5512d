"""Generates the Transform module: `preprocessing_fn` of a FeatureConfig."""

from __future__ import annotations

from tfx_retrieval.components.config_codegen import naming, templates
from tfx_retrieval.components.config_codegen.column_reader import (
    ColumnReader,
    missing_argument,
    missing_texts,
    raw,
)
from tfx_retrieval.components.config_codegen.merged_features import (
    all_columns,
    columns_by_vocabulary,
    features_by_column,
    sides_of,
)
from tfx_retrieval.components.config_codegen.source import (
    Call,
    Expression,
    assign,
    call,
    items,
    literal,
    statement,
)
from tfx_retrieval.proto import feature_config_pb2

_Type = feature_config_pb2.FeatureType
_Unit = feature_config_pb2.TimeUnit
_Normalize = feature_config_pb2.Normalize
_Cycle = feature_config_pb2.Cyclical

_CALENDAR_CYCLES = frozenset(
    {
        _Cycle.day_of_month,
        _Cycle.day_of_year,
        _Cycle.week_of_year,
        _Cycle.month_of_year,
        _Cycle.day_of_quarter,
        _Cycle.quarter_of_year,
    }
)


# What each helper function of the template itself uses.
_HELPER_USES = {
    "_strings": ("_as_text",),
    "_split_values": ("_lists", "_as_text"),
    "_list_values": ("_lists", "_as_text"),
    "_last_values": ("_lists", "_as_text"),
    "_min_max_symmetric": ("_min_max",),
    "_floats": ("math",),
    "_vectors": ("math",),
    "_time_as_number": ("math",),
    "_cycle": ("math",),
}


def generate_transform_module(config: feature_config_pb2.FeatureConfig) -> str:
    """Returns the source of a module with the `preprocessing_fn` of `config`.

    The module imports TensorFlow and TensorFlow Transform only. The same config gives the same
    bytes, whatever the order of its keys.

    Args:
        config: A resolved FeatureConfig.
    """
    writer = _TransformWriter(config)
    blocks = writer.blocks()
    used = (use for helper in writer.helpers for use in _HELPER_USES.get(helper, ()))
    return templates.render("transform.py.jinja", blocks=blocks, helpers=writer.helpers.union(used))


class _TransformWriter:
    """Writes one block of statements for each column and remembers the helpers they call."""

    def __init__(self, config: feature_config_pb2.FeatureConfig):
        self._config = config
        self._features = features_by_column(config)
        self._variables = naming.variables(all_columns(config))
        self._vocabularies = naming.vocabulary_names(config)
        self._shared = columns_by_vocabulary(config)
        self._defined_vocabularies: set[str] = set()
        self.helpers: set[str] = set()
        self._reader = ColumnReader(self._variables, self.helpers)

    def blocks(self) -> list[list[str]]:
        """Returns the statements of `preprocessing_fn`, one list a paragraph."""
        blocks = []
        features = list(self._features.values())
        history = [f for f in features if f.type == _Type.history]
        for feature in features:
            if feature.type != _Type.history:
                blocks.append(self._feature_block(feature))
        blocks.append(self._candidate_block())
        blocks.extend(self._feature_block(feature) for feature in history)
        # A cross that both sides have is made once.
        crosses = {
            tuple(cross.columns): cross
            for side in (self._config.query, self._config.candidate)
            for cross in side.crosses
        }
        blocks.extend(self._cross_block(cross) for cross in crosses.values())
        interaction = self._interaction_block()
        return [*blocks, interaction] if interaction else blocks

    def _feature_block(self, feature: feature_config_pb2.Feature) -> list[str]:
        type_name = _Type.Value.Name(feature.type)
        sides = " and ".join(sides_of(self._config, feature.column))
        lines = [f"    # {sides}: {literal(feature.column)}, {type_name}."]
        write = {
            _Type.categorical: self._categorical,
            _Type.numeric: self._number,
            _Type.temporal: self._temporal,
            _Type.text: self._text,
            _Type.boolean: self._boolean,
            _Type.vector: self._vector,
            _Type.history: self._history,
        }[feature.type]
        return lines + write(feature)

    def _categorical(self, feature: feature_config_pb2.Feature) -> list[str]:
        lines = self._reader.load(feature)
        variable = self._variables[feature.column]
        lookup: Expression
        if feature.HasField("integer_id"):
            lookup = self._helper("_integer_id", variable, str(feature.integer_id.size))
        elif feature.HasField("hash"):
            lookup = call("tft.hash_strings", variable, str(feature.hash.buckets))
        else:
            definition, lookup = self._vocabulary_lookup(feature, variable)
            lines += definition
        if feature.HasField("values"):
            lookup = self._helper("_padded", variable, lookup)
        return [*lines, _output(feature.column, lookup)]

    def _vocabulary_lookup(
        self, feature: feature_config_pb2.Feature, variable: str
    ) -> tuple[list[str], Call]:
        vocabulary = feature.vocabulary
        file_name = self._vocabularies[feature.column]
        limits: dict[str, Expression] = {}
        if vocabulary.HasField("max_size"):
            limits["top_k"] = str(vocabulary.max_size)
        if vocabulary.HasField("min_frequency"):
            limits["frequency_threshold"] = str(vocabulary.min_frequency)
        oov = str(vocabulary.oov_buckets)
        members = self._shared.get(file_name, [])
        if len(members) < 2 and not self._has_history_of(feature.column):
            lookup = call(
                "tft.compute_and_apply_vocabulary",
                variable,
                **limits,
                num_oov_buckets=oov,
                vocab_filename=literal(file_name),
            )
            return [], lookup
        lines = []
        if file_name not in self._defined_vocabularies:
            self._defined_vocabularies.add(file_name)
            for member in members:
                lines += self._reader.load(self._features[member])
            values: Expression = self._variables[members[0]]
            if len(members) > 1:
                flat = [call("tf.reshape", self._variables[member], "[-1]") for member in members]
                values = call("tf.concat", items(flat), "0")
            computed = call("tft.vocabulary", values, **limits, vocab_filename=literal(file_name))
            lines.append(assign(file_name + naming.VOCABULARY_SUFFIX, computed))
        lookup = call(
            "tft.apply_vocabulary",
            variable,
            file_name + naming.VOCABULARY_SUFFIX,
            num_oov_buckets=oov,
        )
        return lines, lookup

    def _number(self, feature: feature_config_pb2.Feature) -> list[str]:
        lines = self._reader.load(feature)
        if feature.HasField("normalize"):
            number = self._variables[feature.column]
            clipped, number = self._clipped_and_logged(feature.normalize, number)
            lines += [*clipped, self._normalized(feature, number)]
        return lines + self._bucketized(feature)

    def _temporal(self, feature: feature_config_pb2.Feature) -> list[str]:
        lines = self._reader.load(feature)
        variable = self._variables[feature.column]
        if feature.HasField("normalize"):
            number = self._helper("_time_as_number", variable)
            lines.append(self._normalized(feature, number))
        lines += self._bucketized(feature)
        if feature.HasField("cyclical"):
            lines += self._cyclical(feature, variable)
        return lines

    def _normalized(self, feature: feature_config_pb2.Feature, number: Expression) -> str:
        scale = {
            _Normalize.z_score: "_z_score",
            _Normalize.min_max: "_min_max",
            _Normalize.min_max_symmetric: "_min_max_symmetric",
        }[feature.normalize.method]
        return _output(naming.norm(feature.column), self._helper(scale, number))

    def _bucketized(self, feature: feature_config_pb2.Feature) -> list[str]:
        if not feature.HasField("bucketize"):
            return []
        bucket = self._bucket(feature, feature.bucketize.buckets)
        return [_output(naming.bucket(feature.column), bucket)]

    def _bucket(self, feature: feature_config_pb2.Feature, buckets: int) -> Call:
        """Returns the quantile bucket of a numeric or temporal column."""
        number: Expression = self._variables[feature.column]
        if feature.type == _Type.temporal:
            number = self._helper("_time_as_number", number)
        return self._helper("_bucketize", number, str(buckets))

    def _clipped_and_logged(
        self, normalize: feature_config_pb2.Normalize, number: str
    ) -> tuple[list[str], str]:
        lines, scaled = [], number + naming.SCALED_SUFFIX
        if normalize.HasField("clip_min"):
            low = literal(normalize.clip_min)
            lines.append(assign(scaled, call("tf.maximum", number, low)))
            number = scaled
        if normalize.HasField("clip_max"):
            high = literal(normalize.clip_max)
            lines.append(assign(scaled, call("tf.minimum", number, high)))
            number = scaled
        if normalize.log:
            lines.append(assign(scaled, self._helper("_signed_log", number)))
            number = scaled
        return lines, number

    def _cyclical(self, feature: feature_config_pb2.Feature, variable: str) -> list[str]:
        cycles = feature.cyclical.cycles
        lines = []
        if _CALENDAR_CYCLES.intersection(cycles):
            calendar = variable + naming.CALENDAR_SUFFIX
            lines.append(assign(calendar, self._helper("_calendar", variable)))
        for cycle in cycles:
            prefix = naming.cycle(feature.column, _Cycle.Cycle.Name(cycle))
            position, period = _cycle_position(cycle, variable)
            waves = self._helper("_cycle", literal(prefix), variable, position, period)
            lines.append(statement(call("outputs.update", waves)))
        return lines

    def _text(self, feature: feature_config_pb2.Feature) -> list[str]:
        options = feature.tokens
        variable = self._variables[feature.column] + naming.TOKENS_SUFFIX
        self.helpers.add("_strings")
        column = call("_strings", raw(feature.column), *missing_argument(feature))
        arguments: dict[str, Expression] = {"max_tokens": str(options.max_tokens)}
        if options.ngrams > 1:
            self.helpers.add("ngrams")
            arguments["ngrams"] = str(options.ngrams)
        vocabulary: dict[str, Expression] = {
            "top_k": str(options.max_size if options.HasField("max_size") else 20_000)
        }
        if options.min_frequency > 1:
            vocabulary["frequency_threshold"] = str(options.min_frequency)
        lookup = call(
            "tft.compute_and_apply_vocabulary",
            variable,
            **vocabulary,
            num_oov_buckets=str(options.oov_buckets),
            vocab_filename=literal(self._vocabularies[feature.column]),
        )
        return [
            assign(variable, self._helper("_tokens", column, **arguments)),
            _output(naming.tokens(feature.column), self._helper("_padded", variable, lookup)),
        ]

    def _boolean(self, feature: feature_config_pb2.Feature) -> list[str]:
        missing = literal(bool(feature.missing_value.bool_value))
        column = raw(feature.column)
        return [_output(feature.column, self._helper("_booleans", column, missing))]

    def _vector(self, feature: feature_config_pb2.Feature) -> list[str]:
        column = raw(feature.column)
        size = str(feature.vector.dimension)
        vectors = self._helper("_vectors", column, size, *missing_argument(feature))
        return [_output(feature.column, vectors)]

    def _history(self, feature: feature_config_pb2.Feature) -> list[str]:
        candidate = self._features[self._config.candidate.id]
        variable = self._variables[feature.column]
        length = str(feature.history.max_length)
        column = raw(feature.column)
        last = self._helper("_last_values", column, length)
        missing = missing_texts(feature)[-feature.history.max_length :]
        if missing:
            last = self._helper("_filled", last, items(missing))
        lines = [assign(variable, last)]
        if candidate.HasField("vocabulary"):
            _, lookup = self._vocabulary_lookup(candidate, variable)
        elif candidate.HasField("hash"):
            lookup = call("tft.hash_strings", variable, str(candidate.hash.buckets))
        else:
            lookup = self._helper("_integer_id", variable, str(candidate.integer_id.size))
        return [*lines, _output(feature.column, self._helper("_padded", variable, lookup))]

    def _candidate_block(self) -> list[str]:
        """Passes the raw id on and counts how often each candidate is met."""
        column = self._config.candidate.id
        feature = self._features[column]
        self.helpers.add("_raw")
        lines = [
            "    # The trainer exports the catalogue under the ids that the data use.",
            _output(naming.raw(column), call("_raw", raw(column))),
        ]
        variable = self._variables[column]
        values: Expression = variable
        if not feature.HasField("vocabulary"):
            values = f"outputs[{literal(column)}]"
        counts = call(
            "tft.vocabulary",
            values,
            store_frequency="True",
            vocab_filename=literal(naming.counts_file(self._config)),
        )
        return [
            *lines,
            "    # How often each candidate is met: the trainer's logQ correction reads it.",
            statement(counts),
        ]

    def _cross_block(self, cross: feature_config_pb2.Cross) -> list[str]:
        names = ", ".join(literal(column) for column in cross.columns)
        lines = [f"    # Cross of {names}."]
        members: list[Expression] = []
        for column in cross.columns:
            feature = self._features[column]
            lines += self._reader.load(feature)
            members.append(self._cross_member(feature, cross.member_buckets))
        joined = call("tf.strings.join", items(members), '"_x_"')
        hashed = call("tft.hash_strings", joined, str(cross.hash_buckets))
        return [*lines, _output(naming.cross(cross.columns), hashed)]

    def _cross_member(self, feature: feature_config_pb2.Feature, buckets: int) -> Expression:
        if feature.type == _Type.categorical:
            return self._variables[feature.column]
        if feature.type == _Type.boolean:
            return call("tf.strings.as_string", f"outputs[{literal(feature.column)}]")
        return call("tf.strings.as_string", self._bucket(feature, buckets))

    def _interaction_block(self) -> list[str]:
        interaction = self._config.interaction
        lines = []
        if interaction.label:
            lines.append("    # What a row says; NaN where it says nothing.")
            value = self._helper("_floats", raw(interaction.label))
            lines.append(_output(naming.label(interaction.label), value))
        if interaction.weight:
            lines.append("    # What a row is worth.")
            value = self._helper("_floats", raw(interaction.weight), "1.0")
            lines.append(_output(naming.weight(interaction.weight), value))
        return lines

    def _has_history_of(self, column: str) -> bool:
        has_history = any(f.type == _Type.history for f in self._features.values())
        return has_history and column == self._config.candidate.id

    def _helper(self, name: str, *arguments: Expression, **keywords: Expression) -> Call:
        self.helpers.add(name)
        return call(name, *arguments, **keywords)


def _output(name: str, value: Expression) -> str:
    return assign(f"outputs[{literal(name)}]", value)


def _cycle_position(cycle: int, variable: str) -> tuple[str, str]:
    """Returns the source of the position within a cycle and of the cycle's length."""
    date = variable + naming.CALENDAR_SUFFIX
    return {
        _Cycle.minute_of_hour: (f"{variable} // 60 % 60", "60"),
        _Cycle.hour_of_day: (f"{variable} // 3600 % 24", "24"),
        # 1970-01-01 was a Thursday; Monday is 0.
        _Cycle.day_of_week: (f"({variable} // 86400 + 3) % 7", "7"),
        _Cycle.day_of_month: (f'{date}["day"]', f'{date}["days_in_month"]'),
        _Cycle.day_of_year: (f'{date}["day_of_year"]', f'{date}["days_in_year"]'),
        _Cycle.week_of_year: (f'{date}["iso_week"]', f'{date}["iso_weeks_in_year"]'),
        _Cycle.month_of_year: (f'{date}["month"]', "12"),
        _Cycle.day_of_quarter: (f'{date}["day_of_quarter"]', f'{date}["days_in_quarter"]'),
        _Cycle.quarter_of_year: (f'{date}["quarter"]', "4"),
    }[cycle]
