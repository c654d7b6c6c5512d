"""Modules are written as files and wheels, the same bytes each time."""

import hashlib
import subprocess
import sys

import pytest

from tfx_retrieval import errors
from tfx_retrieval.components.config_codegen import packaging

_SOURCE = '"""Doc."""\n\n\ndef preprocessing_fn(inputs):\n    return {"é": inputs}\n'


def test_writes_the_source_and_a_wheel_with_its_hash_as_version(tmp_path):
    packaging.write_module(str(tmp_path / "new"), "transform_module", _SOURCE)
    digest = hashlib.sha256(_SOURCE.encode()).hexdigest()[:16]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"transform_module-0.0+{digest}-py3-none-any.whl",
        "transform_module.py",
    ]
    assert (tmp_path / "new" / "transform_module.py").read_bytes() == _SOURCE.encode()


def test_same_source_gives_same_bytes(tmp_path):
    wheels = []
    for name in ("a", "b"):
        packaging.write_module(str(tmp_path / name), "m", _SOURCE)
        wheels.append(next((tmp_path / name).glob("*.whl")).read_bytes())
    assert wheels[0] == wheels[1]
    # Pinned, so that a change of Python or zlib that alters the bytes is seen.
    assert hashlib.sha256(wheels[0]).hexdigest() == (
        "770f326f9357f650438e338f2c8feb79d5d8bb352079e84cc2329b228bb7d1f3"
    )


def test_wheel_installs_with_pip_and_imports(tmp_path):
    packaging.write_module(str(tmp_path / "artifact"), "transform_module", _SOURCE)
    module = packaging.read_module(str(tmp_path / "artifact"))
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    options = ["--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*command, *options, module.wheel_uri], check=True)
    assert (target / "transform_module.py").read_bytes() == _SOURCE.encode()
    assert next(target.glob("transform_module-*.dist-info/RECORD")).exists()


def test_read_module_finds_what_was_written(tmp_path):
    packaging.write_module(str(tmp_path), "m", _SOURCE)
    module = packaging.read_module(str(tmp_path))
    assert module.name == "m"
    assert module.source_uri == str(tmp_path / "m.py")
    assert module.user_module_key == f"m@{module.wheel_uri}"


@pytest.mark.parametrize("files", [[], ["m.py"], ["m.py", "n.py", "m-1.whl"], ["m.py", "n-1.whl"]])
def test_read_module_names_the_directory_and_its_files(tmp_path, files):
    for file in files:
        (tmp_path / file).write_text("")
    with pytest.raises(
        errors.InputError, match=r"(?s)module artifact .*expected one `<name>.py`"
    ) as info:
        packaging.read_module(str(tmp_path))
    assert str(sorted(files)) in str(info.value)


@pytest.mark.parametrize("name", ["", "Module", "a-b", "1a", "a.b", "a/b"])
def test_write_module_refuses_names_that_cannot_be_imported(tmp_path, name):
    with pytest.raises(ValueError, match="Expected a module name"):
        packaging.write_module(str(tmp_path), name, _SOURCE)
