"""What `import tfx_retrieval` promises."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import tfx_retrieval


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**inherited, **environment},
    )


def test_public_names_are_all_there_and_documented() -> None:
    for name in tfx_retrieval.__all__:
        value = getattr(tfx_retrieval, name)
        if name not in ("__version__", "FeatureConfig", "ModelConfig"):
            assert value.__doc__, name


def test_every_component_is_public() -> None:
    folder = pathlib.Path(__file__).parents[2] / "components"
    names = {
        name
        for path in folder.glob("*/component.py")
        for name in re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE)
        if not name.endswith("Spec")
    }

    assert len(names) >= 8
    assert names <= set(tfx_retrieval.__all__)


def test_dir_lists_names_that_are_not_imported_yet() -> None:
    done = run("import tfx_retrieval; print('ConfigCodegen' in dir(tfx_retrieval))")

    assert done.stdout == "True\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'TwoTowers'"):
        _ = tfx_retrieval.TwoTowers


def test_artifact_classes_are_found_by_their_type_name() -> None:
    for artifact in (tfx_retrieval.ModuleFile, tfx_retrieval.Embeddings):
        package, name = artifact.TYPE_NAME.split(".")
        assert package == "tfx_retrieval"
        assert getattr(tfx_retrieval, name) is artifact
        assert not artifact.PROPERTIES


def test_importing_chooses_keras_2() -> None:
    done = run("import os, tfx_retrieval; print(os.environ['TF_USE_LEGACY_KERAS'])")

    assert done.stdout == "1\n"


@pytest.mark.parametrize("value", ["1", "true", "True"])
def test_keras_2_chosen_by_the_environment_is_fine(value: str) -> None:
    assert run("import tfx_retrieval", TF_USE_LEGACY_KERAS=value).returncode == 0


def test_keras_3_chosen_by_the_environment_is_an_error() -> None:
    done = run("import tfx_retrieval", TF_USE_LEGACY_KERAS="0")

    assert done.returncode == 1
    assert "unset or 1, but got '0'" in done.stderr


def test_keras_3_loaded_before_is_an_error() -> None:
    done = run("import tensorflow as tf; tf.keras.layers; import tfx_retrieval")

    assert done.returncode == 1
    assert "import tfx_retrieval first" in done.stderr


def test_tensorflow_imported_before_is_fine_while_keras_is_not() -> None:
    done = run(
        "import tensorflow as tf; import tfx_retrieval; import tensorflow_recommenders;"
        "print(tf.keras.__name__)"
    )

    assert done.stdout.startswith("tf_keras"), done.stderr
