"""(b) This project's pipeline over a CSV or Parquet file."""

import glob
import itertools
import sys

from meter import StepMeter
from speed_sets import EPOCHS

from tfx_retrieval import config
from tfx_retrieval.cli import imports

# As `tfx-retrieval run` does it.
with imports.without_collections():
    import tensorflow as tf

    from tfx_retrieval.pipelines import local


def main(data: str, features: str, model: str, output: str) -> None:
    """Runs the pipeline into the directory `output`."""
    meter = StepMeter()
    result = local.run(
        data,
        config.read_feature_config(features),
        config.read_model_config(model),
        output,
        epochs=EPOCHS,
        on_progress=meter,
    )
    meter.report(
        epochs=epoch_seconds(output),
        metrics=result.metrics["eval"],
        popularity=result.metrics["baseline"],
    )


def epoch_seconds(output: str) -> list[float]:
    """Returns the seconds of each epoch but the first, by TensorBoard's clock."""
    (events,) = glob.glob(f"{output}/pipeline/TwoTowerTrainer/model_run/*/train/events*")
    ends = [
        event.wall_time
        for event in tf.compat.v1.train.summary_iterator(events)
        if any(value.tag == "epoch_loss" for value in event.summary.value)
    ]
    return [end - start for start, end in itertools.pairwise(ends)]


if __name__ == "__main__":
    main(*sys.argv[1:])
