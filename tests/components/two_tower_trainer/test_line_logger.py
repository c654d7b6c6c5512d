"""Printed lines become log records; Keras' lines of an epoch become one."""

import logging

import pytest

from tfx_retrieval.components.two_tower_trainer.line_logger import LineLogger


@pytest.fixture
def logged(caplog):
    def write(*texts):
        with caplog.at_level(logging.INFO), LineLogger(logging.getLogger("test")) as stream:
            for text in texts:
                assert stream.write(text) == len(text)
        return [record.message for record in caplog.records]

    return write


def test_lines_are_put_together_from_pieces(logged):
    assert logged("one ", "line\nand ", "", "another\n\n  \n", "rest") == [
        "one line",
        "and another",
        "rest",
    ]


def test_epochs_take_one_line(logged):
    keras = "4/4 - 2s - loss: 1.5 - val_loss: 1.25 - 2s/epoch - 504ms/step"
    assert logged("Epoch 2/3\n", f"{keras}\n") == ["epoch 2/3: loss 1.5, val_loss 1.25, 2 s"]


def test_percent_signs_are_text(logged):
    assert logged("100% of %s\n") == ["100% of %s"]


def test_stream_is_writable_text():
    stream = LineLogger(logging.getLogger("test"))
    assert stream.writable()
    assert not stream.isatty()
