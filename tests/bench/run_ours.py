"""(b) This project's pipeline over a CSV or Parquet file."""

import sys

from meter import StepMeter

from tfx_retrieval import config
from tfx_retrieval.pipelines import local


def main(data: str, features: str, model: str, output: str) -> None:
    """Runs the pipeline into the directory `output`."""
    meter = StepMeter()
    result = local.run(
        data,
        config.read_feature_config(features),
        config.read_model_config(model),
        output,
        on_progress=meter,
    )
    metrics = {name: result.metrics["eval"][name] for name in ("recall@10", "recall@100")}
    meter.report(epochs=result.metrics["history"].get("seconds", []), metrics=metrics)


if __name__ == "__main__":
    main(*sys.argv[1:])
