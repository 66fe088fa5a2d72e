"""Every operation, asked by everybody: who is answered, who is refused, and that a token opens one door."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core.metastore import credentials
from statekeep_core.metastore.credentials import OPERATOR, WORKER
from statekeep_core.server import access
from statekeep_core.server.access import Access, add_credential
from statekeep_core.server.endpoints import ENDPOINTS, Endpoint

from core.tests.server.served import Served

STATE = (m.Get, m.Set, m.Delete, m.Clear, m.Increment, m.SetMax, m.Batch, m.ListEntries, m.ListHistory)
OF_PEOPLE = (m.Rewind, m.ListAssets, m.FindAsset, m.Deactivate, m.Restore)
ASSETS = {name: {"kind": "AssetAddress", "name": name} for name in ("inlet", "outlet", "theirs", "earlier")}
AN_HOUR_SECONDS = 3_600.0
STORAGE_KEY = "k~" + "a" * 26

# A request of each kind that is answered when its caller may ask; the target is added where it has one.
BODIES: dict[type[Any], dict[str, Any]] = {
    m.Heartbeat: {},
    m.Finish: {"succeeded": True},
    m.AddGrant: {"asset": ASSETS["theirs"]},
    m.Get: {"key": "k"},
    m.Set: {"key": "k", "value": 1},
    m.Delete: {"key": "k"},
    m.Clear: {},
    m.Increment: {"key": "n", "by": 1},
    m.SetMax: {"key": "n", "value": 1},
    m.ListEntries: {},
    m.ListHistory: {},
    m.FetchDisposals: {"backend_ids": ["b"]},
    m.AcknowledgeDisposals: {"object_ids": []},
    m.Condemn: {"storage_keys": [STORAGE_KEY]},
    m.SweepStep: {},
    m.DescribeStore: {},
    m.ListTries: {},
    m.ListAssets: {},
    m.FindAsset: {"asset": ASSETS["outlet"]},
    m.Deactivate: {"asset": ASSETS["earlier"]},
    m.Restore: {"asset": ASSETS["earlier"]},
}
NOBODY = ("no proof", "made up", "forged", "of another store", "revoked", "expired credential")
TRIES = ("current try", "expired token", "superseded try", "finished try")


def task(name: str) -> dict[str, Any]:
    return {"kind": "TaskAddress", "dag_id": "who", "run_id": "r", "task_id": name}


class House:
    """A store with something behind every door, and the proofs of everybody who might knock."""

    def __init__(self, served: Served, runner: asyncio.Runner) -> None:
        self.served = served
        self._runner = runner
        self._names = map(str, itertools.count())
        self.start(outlets=list(ASSETS.values()))
        self.asset_ids = {
            row["name"]: row["asset_id"]
            for row in self.ask("/api/v1/list-assets", {}, served.operator)[1]["assets"]
        }
        for asset_id in self.asset_ids.values():
            self.ask("/api/v1/set", {"key": "n", "value": 1, "target": asset_id}, served.operator)

    def run(self, scenario: Any) -> Any:
        return self._runner.run(scenario)

    def ask(self, path: str, body: Any, proof: str | None) -> tuple[int, Any]:
        answered = self.run(self.served.ask(path, body, proof))
        return answered.status, answered.document

    def start(self, name: str = "", **options: Any) -> str:
        body = {"task": task(name or next(self._names)), "lease_seconds": 0.000_001, **options}
        status, started = self.ask("/execution/v1/start", body, self.served.worker)
        assert status == 200, started
        return str(started["token"])

    def proof(self, who: str) -> str | None:
        """Return a fresh proof of somebody; a try is one of its own task each time."""
        name, grants = next(self._names), {"inlets": [ASSETS["inlet"]], "outlets": [ASSETS["outlet"]]}
        match who:
            case "no proof":
                return None
            case "made up":
                return "statekeep_" + "a" * 43
            case "forged":
                return self.start(name)[:-5] + "aaaaa"
            case "of another store":
                return self.other_stores_token
            case "worker" | "operator":
                return str(getattr(self.served, who))
            case "revoked" | "expired credential":
                return self.credentials[who]
        token = self.start(name, **grants)
        if who == "superseded try":
            self.start(name)
        if who == "finished try":
            self.ask("/execution/v1/finish", {"succeeded": False}, token)
        return token

    async def furnish(self, other: Served) -> None:
        """Make the proofs that are no good any more, or here."""
        add = self.served.engine.transact
        lost = await add(lambda work: add_credential(work, "lost", OPERATOR, None))
        await add(lambda work: credentials.revoke(work.tx, "lost"))
        short = await add(lambda work: add_credential(work, "short", WORKER, 0.0))
        self.credentials = {"revoked": lost, "expired credential": short}
        self.other_stores_token = await other.started()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with asyncio.Runner() as runner:
        served, other = (Served(tmp_path_factory.mktemp("served")) for _ in range(2))
        for each in (served, other):
            runner.run(each.__aenter__())
        house = House(served, runner)
        runner.run(house.furnish(other))
        yield house
        for each in (served, other):
            runner.run(each.__aexit__())


def expected(endpoint: Endpoint, who: str) -> int:
    """Return the status of what is answered: the table that this file is about."""
    kind = endpoint.request
    if who in NOBODY:
        return 401
    if who == "operator":
        return 401 if not endpoint.is_for_people and _is_of_a_try(kind) else 200
    if who == "worker":
        if endpoint.is_for_people:
            return 403 if kind in (*STATE, *OF_PEOPLE) else 200
        return 401 if _is_of_a_try(kind) else 200
    if who == "expired token":
        return 200 if kind in (m.Heartbeat, m.Finish) else 401
    if endpoint.is_for_people or not _is_of_a_try(kind):
        return 403
    if who == "current try" or (who == "finished try" and kind is m.Finish):
        return 200
    return 409


def _is_of_a_try(kind: type[Any]) -> bool:
    return kind in (*STATE, m.Heartbeat, m.Finish, m.AddGrant)


def body_of(house: House, endpoint: Endpoint) -> dict[str, Any]:
    kind = endpoint.request
    outlet = house.asset_ids["outlet"]
    if kind is m.Start:
        return {"task": task("started-by-anybody"), "rerun": True, "lease_seconds": 0.000_001}
    if kind is m.Rewind:
        history = house.ask("/api/v1/list-history", {"target": outlet}, house.served.operator)[1]
        change = next(each for each in history["changes"] if each["change"] == "set")
        return {"key": change["key"], "version": change["version"], "target": outlet}
    if kind is m.Batch:
        return {"operations": [{"kind": "Get", "key": "k", **_target(outlet, endpoint)}]}
    return BODIES[kind] | ({} if kind not in STATE else _target(outlet, endpoint))


def _target(asset_id: int, endpoint: Endpoint) -> dict[str, Any]:
    needs_one = endpoint.is_for_people or endpoint.request is m.ListHistory
    return {"target": asset_id} if needs_one else {}


@pytest.mark.parametrize("who", [*NOBODY, *TRIES, "worker", "operator"])
def test_every_operation_is_for_those_that_it_is_for(house: House, who: str) -> None:
    wrong = []
    for path, endpoint in ENDPOINTS.items():
        body, proof = body_of(house, endpoint), house.proof(who)
        if who == "expired token":
            house.served.moved_seconds = AN_HOUR_SECONDS
        status, document = house.ask(path, body, proof)
        house.served.moved_seconds = 0.0
        if status != expected(endpoint, who):
            wrong.append((path, status, expected(endpoint, who), document))
    assert not wrong


def test_whose_credential_is_no_good_is_not_told_why(house: House) -> None:
    told = {
        house.ask("/execution/v1/get", {"key": "k"}, house.proof(who))[1]["detail"]
        for who in ("made up", "revoked", "expired credential")
    }
    assert len(told) == 1


READS = ({"path": "get", "key": "k"}, {"path": "list-entries"}, {"path": "list-history"})
WRITES = (
    *({"path": "set", "key": "n", "value": 2}, {"path": "delete", "key": "n"}, {"path": "clear"}),
    *({"path": "increment", "key": "n", "by": 1}, {"path": "set-max", "key": "n", "value": 9}),
)


@pytest.mark.parametrize("request_", [*READS, *WRITES], ids=lambda request: request["path"])
@pytest.mark.parametrize("applies_now", [False, True])
def test_a_token_opens_its_own_door_only(house: House, request_: dict[str, Any], applies_now: bool) -> None:
    token = house.start("mine", inlets=[ASSETS["earlier"]], rerun=True)
    token = house.start("mine", inlets=[ASSETS["inlet"]], outlets=[ASSETS["outlet"]], rerun=True)
    house.start("not mine", rerun=True)
    body = {name: value for name, value in request_.items() if name != "path"}
    is_write = request_ in WRITES
    if is_write and applies_now:
        body["apply_now"] = True
    doors: list[tuple[Any, int]] = [
        (task("not mine"), 403),
        (task("nobody's"), 403),
        (house.asset_ids["inlet"], 403 if is_write else 200),
        (house.asset_ids["outlet"], 200),
        (house.asset_ids["theirs"], 403),
        (house.asset_ids["earlier"], 403),  # the try before had it
        (10**9, 403),  # there is none, and who asks learns nothing of that
        (-1, 403),
        (ASSETS["theirs"], 422),
        (ASSETS["outlet"], 422),
    ]
    for target, status in doors:
        alone = house.ask(f"/execution/v1/{request_['path']}", body | {"target": target}, token)
        assert alone[0] == status, (target, alone[1])
        if request_["path"].startswith("list-"):
            continue
        kind = next(
            each.request.__name__ for each in ENDPOINTS.values() if each.operation == request_["path"]
        )
        inside = {"kind": kind, **body, "target": target}
        before = _state(house)
        batch = [{"kind": "Set", "key": "own", "value": 1}, inside]
        among_others = house.ask("/execution/v1/batch", {"operations": batch}, token)
        assert among_others[0] == status, (target, among_others[1])
        assert status == 200 or _state(house) == before


def _state(house: House) -> Any:
    def everything(work: Any) -> list[Any]:
        tables = ("task_entries", "asset_entries", "asset_history", "staged_operations")
        return [list(work.tx.rows(f"SELECT * FROM {table}")) for table in tables]

    return house.run(house.served.engine.transact(everything))


def test_what_the_token_lists_as_granted_is_not_what_grants_it(house: House) -> None:
    token = house.start()
    issued = house.run(_issued_with_more(house, token))
    status, document = house.ask(
        "/execution/v1/set", {"key": "n", "value": 2, "target": house.asset_ids["theirs"]}, issued
    )
    assert (status, document["code"]) == (403, "asset_not_declared")


async def _issued_with_more(house: House, token: str) -> str:
    """Return a token of this store's own, for a try that says to have more than it has."""
    served: Access = house.served.access
    known = await served._fresh(access._FRESH_SECONDS)
    read = known.tokens.read(token)
    return known.tokens.issue(replace(read, grants=((house.asset_ids["theirs"], True),)))
