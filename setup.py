"""Package definition of tfx-retrieval."""

import pathlib
import re

import setuptools

_ROOT = pathlib.Path(__file__).parent


def _version() -> str:
    """Returns `__version__` of the package without importing it."""
    text = (_ROOT / "tfx_retrieval" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise RuntimeError('tfx_retrieval/__init__.py has no line __version__ = "..."')
    return match.group(1)


_CORE = [
    "tfx>=1.16,<1.17",
    # TensorFlow Transform 1.16 imports dill, which Beam no longer brings from 2.70 on.
    "apache-beam[gcp]>=2.59,<2.70",
    "tensorflow-recommenders>=0.7.7,<0.8",
    # TensorFlow Recommenders 0.7 needs Keras 2, one release for each release of TensorFlow.
    "tf-keras>=2.16,<2.17",
    "click>=8.1,<9",
    "google-crc32c>=1.1,<2",
    # Compresses five times as fast as zlib.
    "isal>=1.7,<2",
    "jinja2>=3.1,<4",
    "numpy>=1.26,<2",
    "pyarrow>=10,<11",
    "pyyaml>=6,<7",
    "rich>=13,<14",
    "threadpoolctl>=3,<4",
    # TFX packages user modules as wheels with the setuptools of the running environment; Beam and
    # TensorFlow Hub import pkg_resources, which setuptools 81 dropped.
    "setuptools<81",
    "wheel",
]

_EXTRAS = {
    "kfp": ["kfp>=2.5,<3", "kfp-pipeline-spec>=0.2.2"],
    # A ScaNN wheel holds TensorFlow ops built against one TensorFlow minor version; 1.3.2 is the
    # newest for 2.16, and later ones fail to load beside it.
    "scann": ["scann==1.3.2"],
    "gcp": [
        "google-cloud-aiplatform>=1.70,<2",
        "google-cloud-bigquery>=3.26,<4",
        "google-cloud-bigquery-storage>=2.26,<3",
        "google-cloud-storage>=2.18,<3",
    ],
}
_EXTRAS["dev"] = [
    "grpcio-tools==1.48.2",
    "hypothesis",
    "ipykernel",
    "jsonschema",
    "mypy",
    "nbclient",
    "nbformat",
    "pytest>=8",
    "pytest-xdist",
    "ruff",
    "types-PyYAML",
]
_EXTRAS["all"] = [*_EXTRAS["kfp"], *_EXTRAS["scann"], *_EXTRAS["gcp"]]

setuptools.setup(
    name="tfx-retrieval",
    version=_version(),
    description="Two-tower retrieval models on TFX, from two JSON files: train, index, serve.",
    long_description=(_ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.10",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    keywords="tfx tensorflow-recommenders retrieval two-tower recommender vertex-ai kubeflow scann",
    package_dir={
        "tfx_retrieval": "tfx_retrieval",
        "tfx_retrieval.components": "components",
        "tfx_retrieval.pipelines": "pipelines",
    },
    packages=[
        *setuptools.find_packages(include=["tfx_retrieval", "tfx_retrieval.*"]),
        *(
            f"tfx_retrieval.{name}"
            for name in setuptools.find_packages(include=["components*", "pipelines*"])
        ),
    ],
    package_data={
        "tfx_retrieval": ["py.typed"],
        "tfx_retrieval.config": ["schemas/*.json"],
        "tfx_retrieval.demo": ["*.parquet", "*.json", "*.md"],
        "tfx_retrieval.components.config_codegen": ["templates/*.jinja"],
    },
    install_requires=_CORE,
    extras_require=_EXTRAS,
    entry_points={"console_scripts": ["tfx-retrieval = tfx_retrieval.cli.main:main"]},
    python_requires=">=3.10,<3.11",
)
