"""The generators' version changes with their source and with nothing else."""

import re

import tfx_retrieval
from tfx_retrieval.components.config_codegen import version


def _version_of(folder, monkeypatch):
    folders = {
        "tfx_retrieval.components.config_codegen": folder,
        "tfx_retrieval.config": folder / "config",
    }
    monkeypatch.setattr(version.resources, "files", folders.__getitem__)
    return version.generator_version.__wrapped__()


def test_names_the_package_version_and_a_digest():
    pattern = re.escape(tfx_retrieval.__version__) + r"\+[0-9a-f]{12}"
    assert re.fullmatch(pattern, version.generator_version())


def test_changes_with_every_generator_template_and_width(tmp_path, monkeypatch):
    names = ("layers.py", "templates/trainer.py.jinja", "config/widths.py")
    files = [tmp_path / name for name in names]
    for file in files[1:]:
        file.parent.mkdir()
    for file in files:
        file.write_text("a")
    seen = {_version_of(tmp_path, monkeypatch)}
    for file in files:
        file.write_text("b")
        seen.add(_version_of(tmp_path, monkeypatch))
    assert len(seen) == 4
    (tmp_path / "notes.txt").write_text("no generator")
    (tmp_path / "layers.pyc").write_text("no source")
    assert _version_of(tmp_path, monkeypatch) in seen
