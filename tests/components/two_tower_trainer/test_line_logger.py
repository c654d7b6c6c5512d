import logging

import pytest

from tfx_retrieval.components.two_tower_trainer.line_logger import LineLogger


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="printed")
    return lambda: [record.getMessage() for record in caplog.records]


def test_lines_are_logged_when_they_are_complete(lines):
    stream = LineLogger(logging.getLogger("printed"))
    assert stream.write("one\n\n  two") == 10
    assert lines() == ["one"]
    print(" more", file=stream)
    assert lines() == ["one", "two more"]


def test_keras_lines_of_an_epoch_become_one(lines):
    stream = LineLogger(logging.getLogger("printed"))
    print("Epoch 2/5", file=stream)
    print(
        "310/310 - 7s - mean_loss: 5.7822 - loss: 3520.0891 - regularization_loss: 0.0000e+00"
        " - total_loss: 3520.0891 - val_mean_loss: 6.1 - 7s/epoch - 23ms/step",
        file=stream,
    )
    assert lines() == ["epoch 2/5: mean_loss 5.7822, val_mean_loss 6.1, 7 s"]


def test_keras_line_without_a_mean_is_shown_whole(lines):
    stream = LineLogger(logging.getLogger("printed"))
    print("3/3 - 1s - loss: 2.5000 - 1s/epoch - 400ms/step", file=stream)
    assert lines() == ["epoch 1/1: loss: 2.5000, 1 s"]
