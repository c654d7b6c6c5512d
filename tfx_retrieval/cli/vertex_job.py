"""What `compile` does: makes the pipeline of its options, compiles it, and checks the outcome."""

from __future__ import annotations

import dataclasses
import pathlib
import posixpath
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfx_retrieval.cli import progress
from tfx_retrieval.cli.table_options import TableOptions
from tfx_retrieval.components.interaction_example_gen.table_spec import SplitSpec
from tfx_retrieval.pipelines import retrieval, sources
from tfx_retrieval.pipelines.vertex import check, offline_result
from tfx_retrieval.pipelines.vertex import compile as vertex_compile
from tfx_retrieval.pipelines.vertex.parameters import runtime_parameters
from tfx_retrieval.pipelines.vertex.presets import dataflow_args
from tfx_retrieval.pipelines.vertex.resources import Resources

if TYPE_CHECKING:
    from tfx.orchestration import pipeline as tfx_pipeline

    from tfx_retrieval.proto.feature_config_pb2 import FeatureConfig
    from tfx_retrieval.proto.model_config_pb2 import ModelConfig

_PATTERN = re.compile(r"[*?\[{]")


@dataclasses.dataclass(frozen=True)
class JobOptions:
    """What a person chose on the command line; see `tfx-retrieval compile --help`.

    Attributes:
        feature_config: A resolved FeatureConfig.
        model_config: A resolved ModelConfig.
        pipeline_root: Folder for artifacts.
        image: Container image.
        table: Where the rows are; checked.
        name: Name of the pipeline; None takes the FeatureConfig's.
        split: How rows are divided.
        serving_model_dir: Folder that a blessed index is pushed to.
        warm_start: Whether training starts from the latest blessed model.
        export_embeddings: Whether embeddings are exported.
        embeddings_table: BigQuery tables to load them into.
        machines: Machine types by component.
        accelerators: Accelerator types by component.
        dataflow_project: Project whose Dataflow does Beam's work; None leaves it in the tasks.
        dataflow_region: Region of that.
    """

    feature_config: FeatureConfig
    model_config: ModelConfig
    pipeline_root: str
    image: str
    table: TableOptions
    name: str | None = None
    split: str = "random"
    serving_model_dir: str | None = None
    warm_start: bool = False
    export_embeddings: bool = False
    embeddings_table: str | None = None
    machines: Mapping[str, str] = dataclasses.field(default_factory=dict)
    accelerators: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dataflow_project: str | None = None
    dataflow_region: str | None = None


def compile_job(options: JobOptions, output: str) -> None:
    """Compiles the pipeline and checks the compiled file for what can be seen in it.

    Args:
        options: What to compile.
        output: File to write.

    Raises:
        InputError: With what is wrong; nothing is written then.
    """
    resources = {
        component: _resources(options, component)
        for component in {**options.machines, **options.accelerators}
    }
    vertex_compile.compile_pipeline(
        _make_pipeline(options), output, options.image, resources=resources
    )


def _resources(options: JobOptions, component: str) -> Resources:
    accelerator = options.accelerators.get(component)
    count = 0 if accelerator is None else 1
    machine = options.machines.get(component)
    if machine is None:
        return Resources(accelerator_type=accelerator, accelerator_count=count)
    return Resources.from_machine_type(machine, accelerator, count)


def _make_pipeline(options: JobOptions) -> tfx_pipeline.Pipeline:
    model_config = options.model_config
    changeable = runtime_parameters(
        epochs=model_config.epochs,
        batch_size=model_config.batch_size,
        learning_rate=model_config.learning_rate,
    )
    export = None
    if options.export_embeddings or options.embeddings_table:
        export = retrieval.EmbeddingExport(
            **runtime_parameters(run_date=retrieval.TODAY),
            bigquery_table=options.embeddings_table,
        )
    engines: dict[str, Any] = {}
    if options.dataflow_project is not None and options.dataflow_region is not None:
        arguments = dataflow_args(
            options.dataflow_project,
            options.dataflow_region,
            options.image,
            posixpath.join(options.pipeline_root, "beam"),
        )
        engines = {"read_engine": "beam", "beam_pipeline_args": arguments}
    return retrieval.create_pipeline(
        options.name or options.feature_config.name,
        options.pipeline_root,
        _data(options),
        options.feature_config,
        model_config,
        serving_model_dir=options.serving_model_dir,
        split=SplitSpec(method=options.split),
        overrides=retrieval.TrainingOverrides(**changeable),
        warm_start=options.warm_start,
        embedding_export=export,
        **engines,
    )


def _data(options: JobOptions) -> sources.Data:
    """Returns where the rows are, as runtime parameters where a run may say otherwise."""
    files = options.table.files
    if files is not None:
        # One file, or a pattern with spans, is no folder that could take another's place.
        if posixpath.splitext(files)[1] or _PATTERN.search(files):
            return files
        return runtime_parameters(data=files)["data"]
    source = options.table.bigquery_source()
    changeable = {
        name: value
        for name, value in (("table", source.table), ("query_parameters", source.query_parameters))
        if value is not None
    }
    return dataclasses.replace(source, **runtime_parameters(**changeable))


def check_job(
    options: JobOptions,
    path: str,
    sample: str,
    terminal: progress.Terminal,
    shown: progress.Progress,
) -> None:
    """Runs a compiled file on this machine and shows task by task how that goes.

    A file that fails is removed.

    Args:
        options: What was compiled.
        path: The file.
        sample: A local table in place of the data.
        terminal: Where messages go.
        shown: Where progress goes.

    Raises:
        InputError: A file is wrong.
        TaskFailedError: A task failed; which and why has been shown.
    """

    def show(event: offline_result.TaskEvent) -> None:
        if event.state == offline_result.RUNNING:
            shown.started(f"[{event.number}/{event.total}] {event.task}")
        else:
            shown.finished(event.task, reused=event.state == offline_result.CACHED)
            if event.state == offline_result.SKIPPED:
                terminal.console.print("  skipped: its condition does not hold")

    try:
        result = check.check_pipeline(
            path,
            options.table.files,
            sample,
            parameters={"epochs": 1},
            on_task=show,
        )
    except BaseException as error:
        # A script that goes on all the same must find nothing to submit.
        pathlib.Path(path).unlink()
        if isinstance(error, offline_result.TaskFailedError):
            shown.finished(error.task, failed=True)
            terminal.console.print(str(error))
        raise
    for note in result.notes:
        terminal.console.print(f"note: {note}")
    terminal.console.print(f"checked: {len(result.tasks)} tasks ran as they do on Vertex AI")
