"""Deeds as the messages that ask for them, and replies as what a history records of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from statekeep._shared.state import messages as m
from statekeep._shared.state.wire import Plain

from tests.histories.deeds import OK, Answer, Deed, Step

DAG, RUN = "histories", "r"


class OpenTry(NamedTuple):
    """A try that was started, and what it needs to ask for more. It may be over by now."""

    task: str
    try_number: int
    token: str
    asset_ids: Mapping[str, int]


def address(task: str) -> m.TaskAddress:
    return m.TaskAddress(DAG, RUN, task)


def start(task: str, assets: tuple[str, ...], deed: Deed) -> m.Start:
    return m.Start(
        address(task),
        outlets=tuple(m.AssetAddress(name) for name in assets),
        supervisor=deed.client,
        rerun=deed.rerun,
        fresh=deed.fresh,
        lease_seconds=deed.lease_seconds,
        holder=deed.holder,
        holds_lock_of=(deed.proof,) if deed.proof else (),
    )


def opened(task: str, reply: Plain) -> OpenTry:
    """Return the try that a reply says was started."""
    asset_ids = {grant["name"]: grant["asset_id"] for grant in reply["grants"]}
    return OpenTry(task, reply["try_number"], reply["token"], asset_ids)


def state(steps: tuple[Step, ...], of_try: OpenTry | None, *, is_list: bool = False) -> Any:
    """Return the message that asks for steps; as an operator does when there is no try."""
    if is_list:
        target, _ = _place(steps[0].cell, of_try)
        return m.ListEntries(target, with_values=True)
    each = tuple(_step(step, of_try) for step in steps)
    return each[0] if len(each) == 1 else m.Batch(each)


def history(asset: str) -> m.ListHistory:
    return m.ListHistory(m.AssetAddress(asset), limit=1000)


def _step(step: Step, of_try: OpenTry | None) -> Any:
    target, key = _place(step.cell, of_try)
    value = (step.value or "").encode()
    now = step.apply_now and of_try is not None
    match step.kind:
        case "get":
            return m.Get(key, target)
        case "delete":
            return m.Delete(key, target, step.if_version, now)
        case "clear":
            return m.Clear(target, apply_now=now)
        case "increment":
            return m.Increment(key, value, target, apply_now=now)
        case "set_max":
            return m.SetMax(key, value, target, apply_now=now)
    return m.Set(key, value, target, if_version=step.if_version, if_absent=step.if_absent, apply_now=now)


def _place(cell: str, of_try: OpenTry | None) -> tuple[m.Target, str]:
    scope, name, key = cell.split("/", 2)
    if of_try is None:
        return m.AssetAddress(name) if scope == "asset" else address(name), key
    return of_try.asset_ids[name] if scope == "asset" else None, key


def told(deed: Deed, reply: Plain | None) -> Deed:
    """Return the deed with what its reply says."""
    if reply is None:
        return deed
    if deed.outcome != OK:
        facts = reply["facts"]
        failed_step = int(facts.get("operation_number", 1)) - 1
        return deed._replace(code=reply["code"], shown=facts.get("version"), failed_step=failed_step)
    match reply["kind"]:
        case "Started":
            return deed._replace(try_number=reply["try_number"])
        case "History":
            return _with_history(deed, reply["changes"])
        case "BatchDone":
            return deed._replace(answers=tuple(_answer(each) for each in reply["replies"]))
        case "Entries":
            found = {entry["key"]: _answer(entry) for entry in reply["entries"]}
            keys = [step.cell.split("/", 2)[2] for step in deed.steps]
            return deed._replace(answers=tuple(found.get(key, Answer()) for key in keys))
        case "Entry" | "Absent" | "Written":
            return deed._replace(answers=(_answer(reply),))
    return deed


def _with_history(deed: Deed, changes: list[Plain]) -> Deed:
    steps = tuple(Step("get", f"{deed.task}/{change['key']}") for change in changes)
    return deed._replace(steps=steps, answers=tuple(_answer(change) for change in changes), task="")


def _answer(reply: Plain) -> Answer:
    value = reply.get("value")
    return Answer(
        None if not value else bytes(value).decode(),
        reply.get("version"),
        reply.get("removed", 0),
        _writer(reply.get("writer")),
    )


def _writer(writer: Plain | None) -> str | None:
    if writer is None:
        return None
    task, number = writer.get("task"), writer.get("try_number")
    return writer["principal"] if task is None else f"{task['task_id']}#{number}"
