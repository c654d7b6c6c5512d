"""Files that are no config at all."""

import pytest

from tfx_retrieval.config import read_feature_config, read_model_config
from tfx_retrieval.config.json_text import MAX_FILE_BYTES
from tfx_retrieval.errors import InputError


def problem_of(path):
    with pytest.raises(InputError) as caught:
        read_model_config(path)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("content", "where", "received", "expected"),
    [
        (b"", "", "an empty file", "a JSON object"),
        (b" \n\t ", "", "an empty file", "a JSON object"),
        (b"\xff\xfe{\x00}\x00", "", "byte 0xff at offset 0", "text in UTF-8"),
        (b'{"name": "caf\xe9"}', "", "byte 0xe9 at offset 13", "text in UTF-8"),
        (b"{\n 'a': 1}", ": line 2, column 2", "\"'a': 1}\"", "property name enclosed in double"),
        (b'{"epochs": 3,}', ": line 1, column 14", '"}"', "property name enclosed in double"),
        (b'{"epochs": 3', ": line 1, column 13", "the end of the text", "expecting ',' delimiter"),
        (b'{"epochs": }', ": line 1, column 12", '"}"', "expecting value"),
        (b"{} {}", ": line 1, column 4", '"{}"', "extra data"),
        (b"[" * 200_000, "", "nested too deep", "a dozen levels"),
        (b'{"a":' * 50_000, "", "nested too deep", "a dozen levels"),
        (b"x" * (MAX_FILE_BYTES + 1), "", "a larger file", "a file of at most 4,194,304 bytes"),
    ],
)
def test_content(tmp_path, content, where, received, expected):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    problem = problem_of(path)
    assert problem.where == f"{path}{where}"
    assert received in problem.received
    assert expected in problem.expected


def test_no_file(tmp_path):
    problem = problem_of(tmp_path / "missing.json")
    assert (problem.where, problem.received) == (f"{tmp_path}/missing.json", "no such file")


def test_directory(tmp_path):
    problem = problem_of(tmp_path)
    assert (problem.received, problem.expected) == ("a directory", "a file")


def test_path_that_no_file_can_have():
    assert "NUL" in str(problem_of("a\0b")) or "null" in str(problem_of("a\0b"))


def test_file_that_may_not_be_opened(tmp_path):
    path = tmp_path / ("n" * 300)
    problem = problem_of(path)
    assert problem.received == "File name too long"


def test_byte_order_mark_is_read_over(tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(b'\xef\xbb\xbf{"epochs": 7}')
    assert read_model_config(path).epochs == 7


def test_problem_names_the_file(tmp_path):
    path = tmp_path / "features.json"
    path.write_text('{"query": 1}', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_feature_config(str(path))
    assert [problem.where for problem in caught.value.problems] == [
        f"{path}: $.query",
        f"{path}: $.candidate",
    ]
