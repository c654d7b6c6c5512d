"""Data of the tuner's tests."""

import pytest


@pytest.fixture(scope="session")
def groups_transformed(tmp_path_factory):
    from support import groups

    return groups.transform_groups(tmp_path_factory.mktemp("groups"))
