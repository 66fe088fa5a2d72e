"""The paths of requests over HTTP."""

from __future__ import annotations

import re

import pytest
from statekeep_shared.state import messages as m
from statekeep_shared.state.message import Message
from statekeep_shared.state.routes import operation_of


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("Get", "get"),
        ("SetMax", "set-max"),
        ("FetchDisposals", "disposals/fetch"),
        ("DescribeStore", "store"),
    ],
)
def test_an_operation_is_named_after_its_request(kind: str, operation: str) -> None:
    assert operation_of(kind) == operation


def test_no_two_kinds_share_a_path() -> None:
    kinds = [cls.__name__ for cls in Message.__subclasses__() if cls.__module__ == m.__name__]
    operations = {operation_of(kind) for kind in kinds}
    assert len(operations) == len(kinds)
    assert all(re.fullmatch("[a-z/-]+", operation) for operation in operations)
