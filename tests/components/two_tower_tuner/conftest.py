"""Data of the tuner's tests."""

import pytest

import tfx_retrieval  # noqa: F401 - Chooses Keras 2 before a test module imports TFX.


@pytest.fixture(scope="session")
def groups_transformed(tmp_path_factory):
    from support import groups

    return groups.transform_groups(tmp_path_factory.mktemp("groups"))
