"""Files are written whole or not at all."""

import os
import pathlib
import resource
import signal

import pytest

from tfx_retrieval.cli import files
from tfx_retrieval.errors import InputError


def test_writes_all_files_and_makes_folders(tmp_path: pathlib.Path) -> None:
    first, second = tmp_path / "a" / "features.json", tmp_path / "a" / "b" / "model.json"

    written = files.write_files({first: "é\n", second: "2\n"}, overwrite=False)

    assert written == [first, second]
    assert first.read_bytes() == "é\n".encode()
    assert second.read_text() == "2\n"
    assert sorted(path.name for path in first.parent.iterdir()) == ["b", "features.json"]


def test_refuses_other_content_and_then_writes_nothing(tmp_path: pathlib.Path) -> None:
    new, present = tmp_path / "features.json", tmp_path / "model.json"
    present.write_text("mine")

    with pytest.raises(InputError, match=r"model\.json\n.*other content\n.*--force"):
        files.write_files({new: "1", present: "2"}, overwrite=False)

    assert not new.exists()
    assert present.read_text() == "mine"


def test_same_content_needs_no_force_and_is_left_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.json"
    path.write_text("same")
    os.utime(path, (1, 1))

    assert files.write_files({path: "same"}, overwrite=False) == []
    assert path.stat().st_mtime == 1


def test_force_replaces(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.json"
    path.write_text("old")

    files.write_files({path: "new"}, overwrite=True)

    assert path.read_text() == "new"


def test_names_a_folder_in_the_way_even_with_force(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.json"
    path.mkdir()

    with pytest.raises(InputError, match="a folder"):
        files.write_files({path: "new"}, overwrite=True)


def test_a_file_where_a_folder_should_be_is_wrong_input(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match=r"file/model\.json\n.*/file, which is a file"):
        files.write_file(tmp_path / "file" / "model.json", "new")
    with pytest.raises(
        InputError, match=r"expected a folder, or a place for one, but got .*/file,"
    ):
        files.make_folder(tmp_path / "file")


def test_an_error_while_writing_leaves_no_temporary_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        files.write_file(tmp_path / "model.json", "\udcff")

    assert list(tmp_path.iterdir()) == []


def test_files_are_as_readable_as_others(tmp_path: pathlib.Path) -> None:
    usual = tmp_path / "usual"
    usual.write_text("")

    files.write_file(tmp_path / "model.json", "new")

    assert (tmp_path / "model.json").stat().st_mode == usual.stat().st_mode


def test_a_full_disk_is_named_by_the_file_that_did_not_fit(tmp_path: pathlib.Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(OSError, match=r"trainer\.py"):
            files.write_file(tmp_path / "trainer.py", "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
