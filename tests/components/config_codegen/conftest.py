"""The shop, transformed once for all tests of generated trainers."""

import pytest


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    from support import shop

    return shop.transform_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def dense_shop(tmp_path_factory):
    from support import shop

    rows = shop.shop_rows(64, 1, gaps=False)
    return shop.transform_shop(tmp_path_factory.mktemp("dense_shop"), rows, shop.SHAPES)
