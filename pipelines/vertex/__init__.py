"""Vertex AI Pipelines: compile, check without a cloud, submit and scale out.

Modules, in the order in which a person meets them:

- `compile`: a TFX pipeline to a pipeline job file.
- `lint`: what would fail in that file only once it runs.
- `offline`: runs that file, container command by container command, on this machine.
- `submit`: sends that file to Vertex AI, once or on a schedule.
- `presets`: Dataflow arguments for Beam, worker pools for custom training.

Nothing is imported here, so that `tfx_retrieval.pipelines.vertex.submit` does not pay for
TensorFlow.
"""
