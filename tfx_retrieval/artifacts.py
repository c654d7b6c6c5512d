"""Artifact types of this package."""

from tfx.types import artifact


class ModuleFile(artifact.Artifact):
    """A generated Python module that travels through the pipeline.

    The artifact's directory holds `<name>.py`, for people and for loading in process, and
    `<name>-<version>-py3-none-any.whl`, which Beam workers and training jobs install; see
    `tfx_retrieval.components.config_codegen.packaging`.

    The type has no PROPERTIES and a name of one dot that is also its import path: Kubeflow
    Pipelines v2 imports the class by that name and rejects custom types with properties.
    """

    TYPE_NAME = "tfx_retrieval.ModuleFile"


class Embeddings(artifact.Artifact):
    """Tables of query and candidate embeddings, as EmbeddingExporter writes them.

    Parquet files `query/run_date=<date>/part-0.parquet` and
    `candidate/run_date=<date>/part-0.parquet`; the restrictions of `ModuleFile` hold here too.
    """

    TYPE_NAME = "tfx_retrieval.Embeddings"
