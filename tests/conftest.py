"""Options and helpers of the whole test suite."""

import pathlib
import sys

import pytest

import tfx_retrieval  # noqa: F401  Chooses Keras 2 before any test imports TensorFlow.

# Tests share the modules of tests/support as `support.<name>`.
sys.path.insert(0, str(pathlib.Path(__file__).parent))


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the expected files anew instead of comparing with them",
    )


@pytest.fixture
def update_golden(request):
    """Whether expected files are to be written anew."""
    return request.config.getoption("--update-golden")
