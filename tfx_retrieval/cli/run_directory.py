"""Looks into the folder that a run leaves: metrics, metadata, artifacts."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

from tfx_retrieval.errors import InputError, Problem

if TYPE_CHECKING:
    from tfx_retrieval.pipelines.run_store import RunStore, Step
    from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
    from tfx_retrieval.proto.model_config_pb2 import ModelConfig

_METRICS = "metrics.json"
METADATA = "metadata.db"
_REMEDY = "Name the folder that was given to `tfx-retrieval run` as --output."


class RunDirectory:
    """A folder made by `tfx-retrieval run`.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: pathlib.Path):
        """Opens the folder at `path`.

        Raises:
            InputError: If there is no such folder or no run was made in it.
        """
        self.path = path
        if not path.is_dir():
            received = "a file" if path.exists() else "no such folder"
            raise InputError(Problem(f"--run {path}", received, "a run's folder", _REMEDY))
        if not (path / METADATA).exists():
            raise InputError(
                Problem(f"--run {path}", f"a folder without {METADATA}", "a run's folder", _REMEDY)
            )

    def log(self, command: str) -> pathlib.Path:
        """Returns the file for the libraries' output while `command` looks into the run."""
        return self.path / "logs" / f"{command}.log"

    def metrics(self) -> dict[str, Any]:
        """Reads `metrics.json`.

        Raises:
            InputError: If the run did not get as far, or the file was damaged.
        """
        path = self.path / _METRICS
        if not path.exists():
            raise InputError(
                Problem(
                    str(path),
                    "no such file: the run did not finish",
                    "the metrics of a finished run",
                    f"Run the same `tfx-retrieval run` again; {self.path / 'run.log'} says more.",
                )
            )
        try:
            metrics = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            remedy = "It is written by a run; run the same `tfx-retrieval run` again."
            raise InputError(Problem(str(path), str(error), "JSON in UTF-8", remedy)) from error
        return metrics

    def configs(self) -> tuple[FeatureConfig, ModelConfig]:
        """Returns the configs that the run was made with.

        Raises:
            InputError: If the run did not finish.
        """
        from tfx_retrieval import config

        texts = self.metrics()["config"]
        source = str(self.path / _METRICS)
        return (
            config.parse_feature_config(json.dumps(texts["features"]), source),
            config.parse_model_config(json.dumps(texts["model"]), source),
        )

    def steps(self) -> list[Step]:
        """Returns the latest execution of each component, in the order in which they started."""
        return self._store().steps()

    def artifact(self, component: str, output: str) -> pathlib.Path:
        """Returns the folder of an output artifact of a component's latest finished execution.

        Args:
            component: The component's id.
            output: The output's key.

        Raises:
            InputError: If the run did not get as far.
        """
        try:
            return pathlib.Path(self._store().artifact_uri(component, output))
        except LookupError as error:
            raise InputError(
                Problem(
                    f"--run {self.path}",
                    f"no {output} of {component}",
                    f"a run in which {component} finished",
                    f"Run the same `tfx-retrieval run` again; {self.path / 'run.log'} says more.",
                )
            ) from error

    def _store(self) -> RunStore:
        from tfx_retrieval.pipelines.run_store import RunStore

        return RunStore(self.path / METADATA)
