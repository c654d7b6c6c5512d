"""Fixtures for the tests of the command."""

import pathlib
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from support.fake_bigquery import fake_bigquery, key_text  # noqa: F401

EVAL = {
    "recall@10": 0.12,
    "recall@50": 0.3,
    "recall@100": 0.42,
    "ndcg@10": 0.08,
    "hit_rate@10": 0.4,
    "mrr": 0.2,
    "coverage@10": 0.5,
}
BASELINE = {name: value / 2 for name, value in EVAL.items()}


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """Runs the command in this process."""
    from tfx_retrieval.cli.main import cli

    return lambda *arguments: CliRunner(mix_stderr=False).invoke(cli, list(map(str, arguments)))


@pytest.fixture
def metadata(tmp_path: pathlib.Path) -> "MetadataWriter":
    """A metadata.db in the folder `run`."""
    return MetadataWriter(tmp_path / "run")


class MetadataWriter:
    """Writes what TFX writes about executions, with the same types and names."""

    def __init__(self, folder: pathlib.Path):
        from ml_metadata.metadata_store import metadata_store
        from ml_metadata.proto import metadata_store_pb2

        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.proto = metadata_store_pb2
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = str(folder / "metadata.db")
        self.store = metadata_store.MetadataStore(config)
        self.node_type = self.store.put_context_type(metadata_store_pb2.ContextType(name="node"))
        self.artifact_type = self.store.put_artifact_type(
            metadata_store_pb2.ArtifactType(name="Examples")
        )

    def execution(
        self,
        component: str,
        inputs: dict[str, list[int]],
        outputs: dict[str, list[str]],
        state: str = "COMPLETE",
    ) -> dict[str, list[int]]:
        """Adds an execution; returns the ids of its output artifacts by output key."""
        proto = self.proto
        execution_type = self.store.put_execution_type(proto.ExecutionType(name=component))
        execution = proto.Execution(
            type_id=execution_type, last_known_state=proto.Execution.State.Value(state)
        )
        events, made = [], {}
        for kind, artifacts in ((proto.Event.INPUT, inputs), (proto.Event.OUTPUT, outputs)):
            for key, values in artifacts.items():
                for index, value in enumerate(values):
                    event = proto.Event(type=kind)
                    event.path.steps.add().key = key
                    event.path.steps.add().index = index
                    if kind == proto.Event.INPUT:
                        (artifact,) = self.store.get_artifacts_by_id([value])
                    else:
                        artifact = proto.Artifact(type_id=self.artifact_type, uri=value)
                    events.append((artifact, event, (kind, key)))
        context = proto.Context(type_id=self.node_type, name=f"shop.{component}")
        _, artifact_ids, _ = self.store.put_execution(
            execution,
            [(artifact, event) for artifact, event, _ in events],
            [context],
            reuse_context_if_already_exist=True,
        )
        for identifier, (_, _, (kind, key)) in zip(artifact_ids, events, strict=True):
            if kind == proto.Event.OUTPUT:
                made.setdefault(key, []).append(identifier)
        return made
