"""The generators' version changes with their source and with nothing else."""

import re

import tfx_retrieval
from tfx_retrieval.components.config_codegen import version


def _version_of(folder, monkeypatch):
    monkeypatch.setattr(version.resources, "files", lambda package: folder)
    return version.generator_version.__wrapped__()


def test_names_the_package_version_and_a_digest():
    pattern = re.escape(tfx_retrieval.__version__) + r"\+[0-9a-f]{12}"
    assert re.fullmatch(pattern, version.generator_version())


def test_changes_with_every_generator_and_template(tmp_path, monkeypatch):
    (tmp_path / "templates").mkdir()
    files = [tmp_path / "layers.py", tmp_path / "templates" / "trainer.py.jinja"]
    for file in files:
        file.write_text("a")
    seen = {_version_of(tmp_path, monkeypatch)}
    for file in files:
        file.write_text("b")
        seen.add(_version_of(tmp_path, monkeypatch))
    assert len(seen) == 3
    (tmp_path / "notes.txt").write_text("no generator")
    (tmp_path / "layers.pyc").write_text("no source")
    assert _version_of(tmp_path, monkeypatch) in seen
