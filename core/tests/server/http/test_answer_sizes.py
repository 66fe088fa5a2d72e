"""The most that a request is answered with is known before, for each kind of request."""

from __future__ import annotations

from typing import Any, get_origin, get_type_hints

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state import wire
from statekeep_core._shared.state.json_form import JsonForm
from statekeep_core.server.endpoints import ENDPOINTS
from statekeep_core.server.http.answer_sizes import MOST_BYTES, ROW_BYTES, SMALL_BYTES
from statekeep_core.server.openapi.message_schemas import messages_in
from statekeep_core.server.openapi.reply_kinds import REPLIES

GET = {"kind": "Get", "key": "k"}
SET = {"kind": "Set", "key": "k", "value": b"1"}
CLEAR = {"kind": "Clear"}
MIB = 1024 * 1024
ROW = ROW_BYTES
# Of these, an answer is large if much is asked for at once, and of no other kind.
LARGE: dict[type[Any], dict[str, Any]] = {
    m.Start: {"inlets": [{}] * 1_000},
    m.Clear: {},
    m.Batch: {"operations": [GET] * 1_000},
    m.ListEntries: {},
    m.ListHistory: {},
    m.FetchDisposals: {},
    m.Condemn: {"storage_keys": ["k"] * 1_000},
    m.DescribeStore: {"with_objects": True},
    m.ListTries: {"limit": 1_000},
    m.ListAssets: {},
}
# A list of what a write leaves in plain backends has one element, but for a clear's.
ONE_LEFT = (m.Set, m.Delete, m.Rewind)


def most_bytes(request: dict[str, Any], max_value_bytes: int = 100) -> int:
    return MOST_BYTES[request["kind"]](request, max_value_bytes)


def test_every_kind_of_request_is_reckoned() -> None:
    assert set(MOST_BYTES) == {endpoint.kind for endpoint in ENDPOINTS.values()}


def test_whatever_is_answered_with_a_list_is_reckoned_as_large() -> None:
    listing = {request for request, replies in REPLIES.items() if any(map(has_list, replies))}
    assert listing - set(ONE_LEFT) == set(LARGE)
    for request, asked in LARGE.items():
        assert most_bytes({"kind": request.__name__, **asked}) > SMALL_BYTES, request
    for request in REPLIES.keys() - LARGE.keys():
        assert most_bytes({"kind": request.__name__}) <= SMALL_BYTES, request


def has_list(reply: type[Any]) -> bool:
    hints = [get_type_hints(message) for message in (reply, *messages_in(reply))]
    return any(get_origin(of_message[name]) is tuple for of_message in hints for name in of_message)


@pytest.mark.parametrize(
    ("request_", "expected_bytes"),
    [
        (GET, ROW + 100),
        (SET, ROW),
        (CLEAR, ROW + 32 * MIB),
        ({"kind": "Batch", "operations": [GET, SET, GET]}, 3 * ROW + 200),
        ({"kind": "Batch", "operations": [SET] * 50}, 50 * ROW),
        ({"kind": "Batch", "operations": [SET, CLEAR, CLEAR]}, 3 * ROW + 32 * MIB),
        ({"kind": "Batch", "operations": [GET] * 1_000_000}, 1_000 * ROW + 32 * MIB),
        ({"kind": "Batch", "operations": 7}, 0),
        ({"kind": "Batch", "operations": [7, {"kind": []}]}, 2 * ROW),
        ({"kind": "Batch"}, 0),
        ({"kind": "ListEntries"}, 1_000 * ROW),
        ({"kind": "ListEntries", "with_values": True, "limit": 2}, 2 * (ROW + 100)),
        ({"kind": "ListHistory"}, 100 * (ROW + 100)),
        ({"kind": "ListHistory", "limit": 2**62}, 1_000 * (ROW + 100)),
        ({"kind": "ListHistory", "limit": -1}, 0),
        ({"kind": "ListHistory", "limit": "x"}, 0),
        ({"kind": "FetchDisposals", "limit": 10}, 10 * ROW),
        ({"kind": "ListAssets", "limit": None}, 0),
        ({"kind": "Start", "inlets": 7, "outlets": None}, 12 * 1024),
        ({"kind": "Condemn", "storage_keys": {}}, 0),
        ({"kind": "DescribeStore"}, ROW),
    ],
)
def test_what_may_be_answered_is_known_before(request_: dict[str, Any], expected_bytes: int) -> None:
    assert most_bytes(request_) == expected_bytes


def test_a_page_is_reckoned_by_its_values_or_by_what_is_read_for_it_at_most() -> None:
    asked = {"kind": "ListEntries", "with_values": True}
    assert most_bytes(asked, MIB) == 1_000 * ROW + 65 * MIB


def test_a_history_is_reckoned_by_its_values_or_by_the_limit_of_a_page() -> None:
    assert most_bytes({"kind": "ListHistory", "limit": 1_000}, MIB) == 1_000 * ROW + 17 * MIB


LONG = chr(0x1F600)
NAMES = m.AssetAddress(LONG * 1_500, LONG * 1_500)
OBJECT = m.External("\x01" * 4_096, "\x01" * 512, LONG * 539, NAMES, 2**63 - 1, b"d" * 32)
TASK = m.TaskAddress(LONG * 250, LONG * 250, LONG * 250, 2**31 - 1)
WRITER = m.Writer(LONG * 64, TASK, 2**63 - 1)
NUMBER = 2**63 - 1


@pytest.mark.parametrize(
    "row",
    [
        m.Entry(LONG * 512, b"", NUMBER, NUMBER, NUMBER, NUMBER, WRITER, True, OBJECT._replace(digest=None)),
        m.Change(LONG * 512, NUMBER, "set", NUMBER, None, WRITER, OBJECT._replace(digest=None)),
        m.Written(NUMBER, NUMBER, (OBJECT._replace(digest=None),)),
        m.Disposal(NUMBER, OBJECT._replace(digest=None)),
        m.TryRow(TASK, NUMBER, "superseded", NUMBER, NUMBER, NUMBER, "\x01" * 1_000, "\x01" * 1_000),
        m.AssetRow(NUMBER, NAMES.name, NAMES.uri, True, NUMBER, NUMBER),
    ],
    ids=lambda row: type(row).__name__,
)
def test_a_row_takes_no_more_than_is_reckoned_for_it(row: Any) -> None:
    assert len(JsonForm().encode(wire.to_plain(row))) <= ROW_BYTES
