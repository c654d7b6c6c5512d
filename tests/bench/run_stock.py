"""(a) A hand-written pipeline of stock components over CSV files."""

import glob
import json
import pathlib
import shutil
import sys

from meter import StepMeter
from tfx import v1 as tfx

from tfx_retrieval import tfx_internal

_HERE = pathlib.Path(__file__).parent


def main(name: str, data_directory: str, output: str) -> None:
    """Runs the pipeline of a key of `speed_sets.SETS` on the CSV files of a directory."""
    # TFX packages every file beside the module, so it lies beside what it imports alone.
    folder = pathlib.Path(output, "module")
    folder.mkdir(parents=True)
    for file in (f"stock_{name}.py", "stock_two_tower.py", "speed_sets.py"):
        shutil.copy(_HERE / file, folder)
    module = str(folder / f"stock_{name}.py")
    # The other two use the same share of the rows for training.
    splits = [
        tfx.proto.SplitConfig.Split(name="train", hash_buckets=4),
        tfx.proto.SplitConfig.Split(name="eval", hash_buckets=1),
    ]
    example_gen = tfx.components.CsvExampleGen(
        input_base=data_directory,
        output_config=tfx.proto.Output(split_config=tfx.proto.SplitConfig(splits=splits)),
    )
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    transform = tfx.components.Transform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        module_file=module,
    )
    trainer = tfx.components.Trainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        module_file=module,
        train_args=tfx.proto.TrainArgs(),
        eval_args=tfx.proto.EvalArgs(),
    )
    meter = StepMeter()
    made = tfx.dsl.Pipeline(
        pipeline_name="stock",
        pipeline_root=f"{output}/pipeline",
        components=[example_gen, statistics_gen, schema_gen, transform, trainer],
        metadata_connection_config=(
            tfx.orchestration.metadata.sqlite_metadata_connection_config(f"{output}/m.db")
        ),
    )
    with tfx_internal.observed_nodes(meter):
        tfx.orchestration.LocalDagRunner().run(made)
    (epochs,) = glob.glob(f"{output}/pipeline/Trainer/model_run/*/epochs.json")
    meter.report(epochs=json.loads(pathlib.Path(epochs).read_text()))


if __name__ == "__main__":
    main(*sys.argv[1:])
