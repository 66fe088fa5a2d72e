"""An asset is one thing under its name, its uri and its id."""

import pytest
from statekeep_core._shared.state.errors import AssetInactiveError, InvalidRequestError
from statekeep_core._shared.state.messages import AssetAddress, Grant
from statekeep_core.metastore import assets
from statekeep_core.metastore.assets import AssetRecord
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import at

BOTH = AssetAddress("flights", "s3://lake/flights")
NAME = AssetAddress("flights")
URI = AssetAddress(uri="s3://lake/flights")


def declare(tx: Transaction, address: AssetAddress, *, new_asset: bool = False) -> AssetRecord:
    return assets.declare(tx, address, new_asset=new_asset)


def test_declaring_makes_an_asset_once(tx: Transaction) -> None:
    assert declare(tx, BOTH) == declare(tx, BOTH) == declare(tx, NAME) == declare(tx, URI)
    assert declare(tx, AssetAddress("planes")).asset_id != declare(tx, BOTH).asset_id


@pytest.mark.parametrize("first", [NAME, URI])
def test_an_asset_gets_its_other_half_from_the_first_address_with_both(
    tx: Transaction, first: AssetAddress
) -> None:
    asset_id = declare(tx, first).asset_id
    completed = AssetRecord(asset_id, BOTH.name, BOTH.uri)
    assert declare(tx, BOTH) == completed
    assert declare(tx, NAME) == declare(tx, URI) == completed


def test_halves_of_different_assets_do_not_make_one(tx: Transaction) -> None:
    declare(tx, NAME)
    declare(tx, URI)
    declare(tx, AssetAddress("planes", "s3://lake/planes"))
    for mixed in (BOTH, AssetAddress("flights", "s3://lake/planes"), AssetAddress("planes", "s3://other")):
        with pytest.raises(InvalidRequestError, match="two different assets"):
            declare(tx, mixed)


@pytest.mark.parametrize(
    "address", [AssetAddress(), AssetAddress(""), AssetAddress("a\n"), AssetAddress(uri="")]
)
def test_what_names_no_asset_is_refused(tx: Transaction, address: AssetAddress) -> None:
    with pytest.raises(InvalidRequestError):
        declare(tx, address)


@pytest.mark.parametrize("address", [BOTH, NAME, URI])
def test_an_inactive_asset_is_not_declared_by_accident(tx: Transaction, address: AssetAddress) -> None:
    old = declare(tx, BOTH)
    assets.deactivate(tx, old.asset_id)
    with pytest.raises(AssetInactiveError, match="flights"):
        declare(tx, address)
    new = declare(tx, address, new_asset=True)
    assert new.asset_id != old.asset_id
    assert declare(tx, address) == new


def test_an_inactive_assets_uri_is_not_taken_by_accident(tx: Transaction) -> None:
    old = declare(tx, URI)
    assets.deactivate(tx, old.asset_id)
    named = declare(tx, NAME)
    with pytest.raises(AssetInactiveError, match="s3://lake/flights"):
        declare(tx, BOTH)
    assert declare(tx, BOTH, new_asset=True) == named._replace(uri=BOTH.uri)


def test_the_asset_that_was_deactivated_last_is_the_one_that_is_meant(tx: Transaction) -> None:
    first = declare(tx, BOTH)
    assets.deactivate(tx, first.asset_id)
    at(tx, 1)
    second = declare(tx, BOTH, new_asset=True)
    assets.deactivate(tx, second.asset_id)
    found = assets.find_inactive(tx, NAME)
    assert found == second._replace(is_active=False)


def test_an_inactive_assets_name_can_be_taken_and_then_it_stays_inactive(tx: Transaction) -> None:
    old = declare(tx, BOTH)
    assets.deactivate(tx, old.asset_id)
    declare(tx, URI, new_asset=True)
    inactive = assets.by_id(tx, old.asset_id)
    assert inactive is not None
    with pytest.raises(InvalidRequestError, match="has its uri now"):
        assets.restore(tx, inactive)


@pytest.mark.parametrize(
    ("record", "label"),
    [
        (AssetRecord(7, "flights", "s3://lake"), "flights"),
        (AssetRecord(7, None, "s3://lake"), "s3://lake"),
        (AssetRecord(7, None, None), "#7"),
    ],
)
def test_an_asset_is_called_by_its_name_first(record: AssetRecord, label: str) -> None:
    assert record.label == label


def test_a_grant_to_write_is_never_taken_back(tx: Transaction, instance_id: int, asset_id: int) -> None:
    assert assets.granted(tx, instance_id, 1, asset_id) is None
    for writable, expected in ((False, False), (True, True), (False, True)):
        assets.grant(tx, instance_id, 1, asset_id, writable)
        assert assets.granted(tx, instance_id, 1, asset_id) is expected
    assert assets.grants(tx, instance_id, 1) == (Grant(asset_id, "flights", None, True),)
    assert assets.grants(tx, instance_id, 2) == ()
