"""What operations make of one entry."""

import pytest
from statekeep_core._shared.state.errors import ConflictError
from statekeep_core._shared.state.messages import Entry
from statekeep_core.metastore.operation import Operation
from statekeep_core.metastore.replay import Replay

BASE = Entry("k", b"5", 7, 1)


@pytest.mark.parametrize(
    ("base", "operations", "value", "change"),
    [
        (None, [], None, None),
        (BASE, [], b"5", None),
        (None, [Operation("k", "delete")], None, None),
        (BASE, [Operation("k", "delete")], None, "delete"),
        (BASE, [Operation(None, "clear")], None, "clear"),
        (BASE, [Operation("k", "set", b"5")], b"5", "set"),
        (BASE, [Operation("k", "set_max", b"5")], b"5", None),
        (BASE, [Operation("k", "set_max", b"6")], b"6", "set"),
        (None, [Operation("k", "set_max", b"-1")], b"-1", "set"),
        (BASE, [Operation("k", "increment", b"0")], b"5", "set"),
        (BASE, [Operation(None, "clear"), Operation("k", "increment", b"1")], b"1", "set"),
        (BASE, [Operation("k", "delete"), Operation(None, "clear")], None, "delete"),
    ],
)
def test_an_entry_after_its_operations(
    base: Entry | None, operations: list[Operation], value: bytes | None, change: str | None
) -> None:
    replay = Replay("k", base).take_all(operations)
    assert (replay.value, replay.change) == (value, change)
    entry = replay.entry()
    assert (entry is None) == (value is None)
    assert entry is None or entry.version == (7 if change is None else None)


@pytest.mark.parametrize(
    ("base", "operations", "asked", "version"),
    [
        (BASE, [], Operation("k", "set", b"1", if_version=6), 7),
        (None, [], Operation("k", "set", b"1", if_version=6), None),
        (BASE, [], Operation("k", "set", b"1", if_absent=True), 7),
        (BASE, [Operation("k", "set", b"2")], Operation("k", "set", b"1", if_version=7), None),
        (None, [Operation("k", "set", b"2")], Operation("k", "set", b"1", if_absent=True), None),
    ],
)
def test_a_condition_that_does_not_hold_tells_what_stands(
    base: Entry | None, operations: list[Operation], asked: Operation, version: int | None
) -> None:
    with pytest.raises(ConflictError) as caught:
        Replay("k", base).take_all(operations).judge(asked)
    assert (caught.value.facts["key"], caught.value.facts["version"]) == ("k", version)


@pytest.mark.parametrize(
    ("base", "operations", "asked"),
    [
        (BASE, [], Operation("k", "set", b"1", if_version=7)),
        (BASE, [Operation("k", "set_max", b"1")], Operation("k", "set", b"1", if_version=7)),
        (None, [], Operation("k", "set", b"1", if_absent=True)),
        (BASE, [Operation("k", "delete")], Operation("k", "set", b"1", if_absent=True)),
        (BASE, [Operation("k", "set", b"1")], Operation("k", "set", b"2")),
    ],
)
def test_a_condition_that_holds_is_silent(
    base: Entry | None, operations: list[Operation], asked: Operation
) -> None:
    Replay("k", base).take_all(operations).judge(asked)
