"""The plain form of messages: a row per message, and what a receiver refuses."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from statekeep_shared.state import messages as m
from statekeep_shared.state.errors import ConflictError, InvalidRequestError
from statekeep_shared.state.json_form import JsonForm
from statekeep_shared.state.message import Message
from statekeep_shared.state.wire import from_plain, raise_if_refused, refusal_of, to_plain, without_defaults

VENDORED_WIRE: Any = import_module("statekeep._shared.state.wire")
VENDORED_ERRORS: Any = import_module("statekeep._shared.state.errors")

TASK = m.TaskAddress("dag", "run", "task", 3)
ASSET = m.AssetAddress("orders", "s3://warehouse/orders")
GRANT = m.Grant(7, "orders", None, True)
WRITER = m.Writer("worker-1", TASK, 2)
EXTERNAL = m.External("s3://b/o", "object-store-1", "k~g", TASK, 7, b"d" * 32)
IN_PLACE = m.External("/files/k", "mine.Files", "k", ASSET, 7)
ENTRY = m.Entry("k", b'{"a":1}', 5, 7, 1_700_000_000_000_000, 1_800_000_000_000_000, WRITER, True, EXTERNAL)
TRY = m.TryRow(TASK, 2, "failed", 1, 2, 137, "killed", "host:1")
ASSET_ROW = m.AssetRow(7, "orders", None, True, 3, 1)

# One row per message, with every field set to something that is not its default.
ROWS: list[Any] = [
    TASK,
    ASSET,
    GRANT,
    WRITER,
    EXTERNAL,
    m.Start(
        TASK,
        (ASSET,),
        (ASSET, m.AssetAddress(uri="u")),
        "host:1",
        True,
        True,
        True,
        True,
        5.5,
        "0",
        ("1", "2"),
    ),
    m.Started(1, "ti", 2, 60.0, (GRANT,), "failed", 1_000, "token", "store"),
    m.Heartbeat(30.0),
    m.LeaseRenewed(30.0, "token"),
    m.Finish(False, 137, "killed"),
    m.Finished("succeeded", 4),
    m.AddGrant(ASSET, True),
    m.Context(TASK, "ti", 2, (GRANT,), 1_000, "store", "a.B", ("a.C",), "00-ab-cd-01"),
    m.Hello(2),
    m.Get("k", 7),
    m.Set("k", b"1", TASK, 60.0, 5, True, True, EXTERNAL),
    m.Delete("k", ASSET, 5, True),
    m.Clear(TASK, True, True),
    m.Increment("k", b"1", 7, "never", True),
    m.SetMax("k", b"1", 7, 60, True),
    m.Batch(
        (m.Get("k"), m.Set("k", b"1"), m.Delete("k"), m.Clear(), m.Increment("k", b"1"), m.SetMax("k", b"1"))
    ),
    m.ListEntries(7, "p", "a", 10, True),
    m.ListHistory(7, "k", 10, 5),
    ENTRY,
    m.Absent("k"),
    m.Written(5, 1, (IN_PLACE,)),
    m.BatchDone((ENTRY, m.Absent("k"), m.Written(5))),
    m.Entries((ENTRY,), "k"),
    m.Change("k", 5, "set", 1, b"1", WRITER, EXTERNAL),
    m.History((m.Change("k", 5, "delete", 1),), 5),
    m.DescribeStore(True),
    m.ObjectsOfBackend("object-store-1", 3, 2, 1),
    m.StoreDescription("store", 1_000, 3, (m.ObjectsOfBackend("object-store-1"),)),
    m.FetchDisposals(("object-store-1",), (TASK, ASSET), 10, True),
    m.Disposal(4, EXTERNAL),
    m.Disposals((m.Disposal(4, EXTERNAL),)),
    m.AcknowledgeDisposals((4, 5)),
    m.Condemn(("k~g",), True),
    m.Condemned(("k~g",)),
    m.SweepStep("cursor", True),
    m.Swept(1, 2, 3, "cursor"),
    m.FindAsset(ASSET),
    m.Rewind(ASSET, "k", 5),
    m.ListTries("dag", "run", "task", 3, 10),
    TRY,
    m.Tries((TRY,)),
    m.ListAssets(True, 10),
    ASSET_ROW,
    m.Assets((ASSET_ROW,)),
    m.Deactivate(ASSET),
    m.Restore(ASSET),
    m.Done(),
    m.Refusal("conflict", {"key": "k", "version": 5, "wanted": None}, False),
    m.TryClaims(1, 2),
    m.WorkerClaims("worker"),
    m.OperatorClaims("person"),
]
FIELDS = [(row, name) for row in ROWS for name in row._fields]


def _name(item: Any) -> str:
    return item if isinstance(item, str) else type(item).__name__


def test_no_message_lacks_its_row() -> None:
    assert {type(row) for row in ROWS} == set(Message.__subclasses__())


@pytest.mark.parametrize(("row", "field"), FIELDS, ids=_name)
def test_a_row_leaves_no_field_at_its_default(row: Any, field: str) -> None:
    assert getattr(row, field) != row._field_defaults.get(field, "no default")


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_message_comes_back_from_its_plain_form(row: Any) -> None:
    assert to_plain(row)["kind"] == type(row).__name__
    back = from_plain(to_plain(row))
    assert type(back) is type(row)
    assert back == row


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_message_crosses_to_the_vendored_copy_and_back(row: Any) -> None:
    theirs = VENDORED_WIRE.from_plain(to_plain(row))
    assert type(theirs) is not type(row)
    assert from_plain(VENDORED_WIRE.to_plain(theirs)) == row


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_field_of_a_newer_sender_is_refused_in_a_request_and_ignored_in_a_reply(row: Any) -> None:
    newer = {**to_plain(row), "if_tag": "x"}
    with pytest.raises(InvalidRequestError, match="if_tag"):
        from_plain(newer)
    assert from_plain(newer, ignore_unknown=True) == row


def test_an_unknown_field_deep_inside_a_request_is_refused_too() -> None:
    plain = to_plain(m.Batch((m.Set("k", b"1"),)))
    plain["operations"][0]["if_tag"] = "x"
    with pytest.raises(InvalidRequestError, match="if_tag"):
        from_plain(plain)


@pytest.mark.parametrize(("row", "field"), FIELDS, ids=_name)
def test_a_field_that_is_missing_takes_its_default_or_is_named(row: Any, field: str) -> None:
    plain = to_plain(row)
    del plain[field]
    if field in row._field_defaults:
        assert getattr(from_plain(plain), field) == row._field_defaults[field]
    else:
        with pytest.raises(InvalidRequestError, match=f"{type(row).__name__} lacks the field '{field}'"):
            from_plain(plain)


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_what_says_nothing_but_defaults_can_be_left_out(row: Any) -> None:
    assert from_plain(without_defaults(to_plain(row))) == row
    bare = row._replace(**row._field_defaults)
    assert without_defaults(to_plain(bare)).keys() - {"kind"} == set(row._fields) - set(row._field_defaults)
    assert from_plain(without_defaults(to_plain(bare))) == bare


def test_a_message_without_its_kind_is_said_to_lack_it() -> None:
    task = {"dag_id": "d", "run_id": "r", "task_id": "t"}
    with pytest.raises(InvalidRequestError, match="Start has a dict without a kind in the field 'task'"):
        from_plain({"kind": "Start", "task": task})


def test_defaults_deep_inside_a_request_can_be_left_out_too() -> None:
    batch = m.Batch((m.Set("k", b"1", if_absent=True), m.Get("k")))
    plain = without_defaults(to_plain(batch))
    assert [operation.keys() - {"kind"} for operation in plain["operations"]] == [
        {"key", "value", "if_absent"},
        {"key"},
    ]
    assert from_plain(plain) == batch


@pytest.mark.parametrize(("row", "field"), FIELDS, ids=_name)
def test_a_field_of_another_type_is_named(row: Any, field: str) -> None:
    plain = {**to_plain(row), field: 1j}
    with pytest.raises(InvalidRequestError, match=f"{type(row).__name__} has .* '{field}'"):
        from_plain(plain)


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (m.Get("k"), "key", 1),
        (m.Get("k"), "target", True),
        (m.Set("k", b"1"), "value", "1"),
        (m.Set("k", b"1"), "if_version", 1.0),
        (m.Set("k", b"1"), "if_absent", 1),
        (m.Set("k", b"1"), "retention", True),
        (m.Batch(()), "operations", [{"kind": "Start", **to_plain(m.Start(TASK))}]),
        (m.Batch(()), "operations", ["k"]),
        (m.Start(TASK), "task", ["dag", "run", "task"]),
    ],
    ids=_name,
)
def test_types_are_exact(message: Any, field: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=field):
        from_plain({**to_plain(message), field: value})


@pytest.mark.parametrize(
    "plain", [{}, {"kind": "Nothing"}, {"kind": 1}, {"kind": None}, {"kind": "_plain_value"}]
)
def test_a_kind_that_is_not_known_is_refused(plain: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="which this version does not know"):
        from_plain(plain)


def test_a_refusal_is_raised_as_the_readers_own_class() -> None:
    refusal = VENDORED_WIRE.refusal_of(VENDORED_ERRORS.ConflictError(key="k", version=5, wanted=4))
    arrived = from_plain(VENDORED_WIRE.to_plain(refusal))
    with pytest.raises(ConflictError, match="key k stands at version 5, not at 4") as caught:
        raise_if_refused(arrived)
    assert refusal_of(caught.value) == arrived


def test_a_reply_that_is_no_refusal_is_handed_on() -> None:
    assert raise_if_refused(ENTRY) is ENTRY


def test_a_fact_may_be_called_kind() -> None:
    refusal = m.Refusal("not_found", {"kind": "asset", "what": "it"})
    assert from_plain(to_plain(refusal)) == refusal


@pytest.mark.parametrize("plain", [[], "Get", None, {}, {"kind": 7}, {"kind": {}}])
def test_what_is_no_message_is_refused_in_words(plain: Any) -> None:
    with pytest.raises(InvalidRequestError, match="kind"):
        from_plain(plain)


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_message_crosses_as_json_and_back(row: Any) -> None:
    form = JsonForm()
    assert from_plain(form.decode(form.encode(to_plain(row)))) == row


def test_a_refusal_that_is_not_the_first_answer_is_raised_as_one() -> None:
    with pytest.raises(ConflictError) as raised:
        raise_if_refused(m.Refusal("conflict", {"key": "k"}, is_first_answer=False))
    assert not raised.value.is_first_answer
    assert refusal_of(raised.value) == m.Refusal("conflict", {"key": "k"}, is_first_answer=False)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**4000])
def test_a_number_that_no_database_holds_is_refused_alone_and_in_a_list(number: int) -> None:
    for plain in (
        {"kind": "Get", "key": "k", "target": number},
        {"kind": "AcknowledgeDisposals", "object_ids": [1, number]},
    ):
        with pytest.raises(InvalidRequestError, match="64 bits"):
            from_plain(plain)
    assert from_plain({"kind": "AcknowledgeDisposals", "object_ids": [2**63 - 1]}).object_ids == (2**63 - 1,)
