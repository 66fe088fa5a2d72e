"""Assets, by name, by uri, or by both."""

import pickle

import pytest
from statekeep.asset import Asset
from statekeep.errors import InvalidRequestError


def test_a_single_argument_with_a_scheme_is_a_uri() -> None:
    assert Asset("orders") == Asset(name="orders")
    assert Asset("s3://lake/orders") == Asset(uri="s3://lake/orders")
    assert Asset("a://b", "c://d") == Asset(name="a://b", uri="c://d")


def test_an_asset_is_an_asset_of_its_own() -> None:
    asset = Asset("orders", "s3://lake/orders")
    assert Asset.of(asset) is asset
    assert Asset.of("orders") == Asset("orders")
    assert pickle.loads(pickle.dumps(asset)) == asset
    assert {asset: 1}[Asset("orders", "s3://lake/orders")] == 1


def test_an_asset_is_shown_by_its_name_or_else_its_uri() -> None:
    assert str(Asset("orders", "s3://lake/orders")) == "orders"
    assert str(Asset("s3://lake/orders")) == "s3://lake/orders"
    assert repr(Asset("orders")) == "Asset(name='orders', uri=None)"


@pytest.mark.parametrize(("name", "uri"), [(None, None), ("", None), (None, ""), ("a\n", None), ("a", 5)])
def test_what_names_no_asset_is_refused(name: str | None, uri: str | None) -> None:
    with pytest.raises(InvalidRequestError):
        Asset(name, uri)
