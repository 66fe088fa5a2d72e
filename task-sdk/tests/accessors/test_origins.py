"""One asset has one home, however it was declared."""

from __future__ import annotations

import pytest
from statekeep import AssetScope, TaskScope
from statekeep._shared.state.messages import AssetAddress, TaskAddress
from statekeep.accessors.origins import canonical, scope_of, shown

TASK = TaskAddress("etl", "r", "load")


@pytest.mark.parametrize(
    ("address", "own", "scope", "words"),
    [
        (TASK, TASK, TaskScope("etl", "r", "load"), "etl/r/load"),
        (
            TASK._replace(map_index=0),
            TASK._replace(map_index=0),
            TaskScope("etl", "r", "load", 0),
            "etl/r/load[0]",
        ),
        (
            AssetAddress("orders", "s3://x"),
            AssetAddress("orders"),
            AssetScope(name="orders"),
            "asset orders",
        ),
        (
            AssetAddress(None, "s3://x"),
            AssetAddress(None, "s3://x"),
            AssetScope(uri="s3://x"),
            "asset s3://x",
        ),
        (AssetAddress("", "s3://x"), AssetAddress(""), AssetScope(name=""), "asset "),
    ],
)
def test_an_address_has_one_canonical_form_one_scope_and_one_name(
    address: TaskAddress | AssetAddress, own: object, scope: object, words: str
) -> None:
    assert canonical(address) == own
    assert scope_of(address) == scope
    assert shown(address) == words
