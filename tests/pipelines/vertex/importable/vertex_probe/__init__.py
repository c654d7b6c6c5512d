"""Components that show what a TFX container on Vertex AI is given and what comes back from it."""

from __future__ import annotations

import json
import os

from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact, artifact_utils, channel, component_spec, standard_artifacts


class Verdict(artifact.Artifact):
    """An artifact of a custom type."""

    TYPE_NAME = "vertex_probe.Verdict"


class JudgeExecutor(base_executor.BaseExecutor):
    """Blesses a schema and tells in a verdict what it was given."""

    def Do(self, input_dict, output_dict, exec_properties):
        schema = artifact_utils.get_single_instance(input_dict["schema"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        blessing.set_int_custom_property("blessed", 1)
        verdict = artifact_utils.get_single_instance(output_dict["verdict"])
        verdict.set_json_value_custom_property(
            "given",
            {
                "properties": {
                    name: f"{type(value).__name__} {value}"
                    for name, value in exec_properties.items()
                },
                "schema": os.path.basename(schema.uri),
                "keras": os.environ["TF_USE_LEGACY_KERAS"],
            },
        )
        fileio.makedirs(verdict.uri)
        with fileio.open(os.path.join(verdict.uri, "verdict.json"), "w") as file:
            file.write(json.dumps("fine"))


class JudgeSpec(component_spec.ComponentSpec):
    """Spec of Judge."""

    PARAMETERS = {  # noqa: RUF012
        "epochs": component_spec.ExecutionParameter(type=int),
        "rate": component_spec.ExecutionParameter(type=float),
        "note": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)
    }
    OUTPUTS = {  # noqa: RUF012
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "verdict": component_spec.ChannelParameter(type=Verdict),
    }


class Judge(base_component.BaseComponent):
    """Blesses a schema."""

    SPEC_CLASS = JudgeSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(JudgeExecutor)

    def __init__(self, schema, epochs, rate, note="-"):
        super().__init__(
            spec=JudgeSpec(
                schema=schema,
                epochs=epochs,
                rate=rate,
                note=note,
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
                verdict=channel.Channel(type=Verdict),
            )
        )


class ReaderExecutor(base_executor.BaseExecutor):
    """Copies the custom properties of a verdict and of a blessing."""

    def Do(self, input_dict, output_dict, exec_properties):
        verdict = artifact_utils.get_single_instance(input_dict["verdict"])
        blessing = artifact_utils.get_single_instance(input_dict["blessing"])
        evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
        evaluation.set_json_value_custom_property(
            "given", verdict.get_json_value_custom_property("given")
        )
        evaluation.set_int_custom_property("blessed", blessing.get_int_custom_property("blessed"))


class ReaderSpec(component_spec.ComponentSpec):
    """Spec of Reader."""

    PARAMETERS = {}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "verdict": component_spec.ChannelParameter(type=Verdict),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {  # noqa: RUF012
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation)
    }


class Reader(base_component.BaseComponent):
    """Reads a verdict and a blessing."""

    SPEC_CLASS = ReaderSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ReaderExecutor)

    def __init__(self, verdict, blessing):
        super().__init__(
            spec=ReaderSpec(
                verdict=verdict,
                blessing=blessing,
                evaluation=channel.Channel(type=standard_artifacts.ModelEvaluation),
            )
        )
