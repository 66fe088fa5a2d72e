"""Credentials and tokens: who gets in, for how long, and who no longer does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from statekeep_core._shared.state.errors import InvalidRequestError, UnauthenticatedError, UnavailableError
from statekeep_core.metastore import credentials, signing_keys
from statekeep_core.policy import Work
from statekeep_core.server import access
from statekeep_core.server.access import add_credential, add_signing_key, digest_of, prepare

from core.tests.server.served import TASK, Served, run

AN_HOUR_SECONDS = 3_600


def test_the_first_start_makes_one_worker_credential_and_later_ones_none(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        await served.engine.transact(lambda work: work.tx.run("DELETE FROM credentials"))
        text = await served.engine.transact(prepare)
        caller = await served.access.caller_of(f"Bearer {text}")
        assert (caller.name, caller.role) == ("first", "worker")
        assert await served.engine.transact(prepare) is None

    run(tmp_path, scenario)


def test_the_store_keeps_no_credential(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        await served.ask("/execution/v1/store", {}, served.worker)

    run(tmp_path, scenario)
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"statekeep_" not in held


def test_a_revoked_credential_opens_nothing_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_FRESH_SECONDS", 0.0)

    async def scenario(served: Served) -> None:
        assert (await served.ask("/execution/v1/store", {}, served.worker)).status == 200
        assert await served.engine.transact(lambda work: credentials.revoke(work.tx, "w"))
        assert (await served.ask("/execution/v1/store", {}, served.worker)).status == 401
        assert (await served.ask("/execution/v1/store", {}, served.operator)).status == 200
        assert not await served.engine.transact(lambda work: credentials.revoke(work.tx, "nobody"))

    run(tmp_path, scenario)


@pytest.mark.parametrize("is_renewed", [False, True])
def test_a_try_that_the_store_has_started_or_renewed_gets_its_token_whatever_becomes_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_renewed: bool
) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started(lease_seconds=0.000_001)
        served.moved_seconds = AN_HOUR_SECONDS
        for age in ("_FRESH_SECONDS", "_TRUSTED_SECONDS"):
            monkeypatch.setattr(access, age, 0.0)
        answers = [served.engine.transact, _refused]  # who asks is still found; then it goes away
        monkeypatch.setattr(served.engine, "transact", lambda operation: answers.pop(0)(operation))
        path, body = ("heartbeat", {}) if is_renewed else ("start", {"task": TASK, "lease_seconds": 1})
        proof = token if is_renewed else served.worker
        answered = await served.ask(f"/execution/v1/{path}", body, proof)
        assert (answered.status, answers) == (200, [])
        known = served.access._known
        assert known is not None
        assert served.access._find(known, answered.document["token"])

    run(tmp_path, scenario)


async def _refused(_: Any) -> None:
    raise UnavailableError(what="the store", problem="it is away; nothing was changed", changed=False)


async def _never_answered(_: Any) -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("away", [_refused, _never_answered])
def test_while_the_store_is_away_who_was_known_not_long_ago_still_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: Callable[[Any], Awaitable[None]]
) -> None:
    for seconds in ("_FRESH_SECONDS", "_PATIENCE_SECONDS"):
        monkeypatch.setattr(access, seconds, 0.0)

    async def scenario(served: Served) -> None:
        assert (await served.access.caller_of(f"Bearer {served.worker}")).name == "w"
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(served.engine, "transact", away)
            assert (await served.access.caller_of(f"Bearer {served.worker}")).name == "w"
            meanwhile.setattr(access, "_TRUSTED_SECONDS", 0.0)
            if away is _refused:
                with pytest.raises(UnavailableError):
                    await served.access.caller_of(f"Bearer {served.worker}")

    run(tmp_path, scenario)


def test_a_credential_that_was_made_meanwhile_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_LOOK_AGAIN_SECONDS", 0.0)

    async def scenario(served: Served) -> None:
        assert (await served.ask("/execution/v1/store", {}, served.worker)).status == 200
        text = await served.engine.transact(lambda work: add_credential(work, "late", "worker", None))
        assert (await served.ask("/execution/v1/store", {}, text)).status == 200

    run(tmp_path, scenario)


def test_an_expired_credential_opens_nothing(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        text = await served.engine.transact(
            lambda work: add_credential(work, "short", "worker", AN_HOUR_SECONDS)
        )
        assert (await served.ask("/execution/v1/store", {}, text)).status == 200
        served.moved_seconds = AN_HOUR_SECONDS
        assert (await served.ask("/execution/v1/store", {}, text)).status == 401

    run(tmp_path, scenario)


def test_a_name_is_given_once(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        def add(work: Work) -> str:
            return add_credential(work, "w", "worker", None)

        with pytest.raises(InvalidRequestError, match="another name"):
            await served.engine.transact(add)
        await served.engine.transact(lambda work: credentials.revoke(work.tx, "w"))
        with pytest.raises(InvalidRequestError, match="another name"):
            await served.engine.transact(add)
        with pytest.raises(InvalidRequestError, match="letters"):
            await served.engine.transact(lambda work: add_credential(work, "a b", "worker", None))

    run(tmp_path, scenario)


def test_an_expired_token_is_renewed_by_a_heartbeat_and_good_for_nothing_else_but_the_end(
    tmp_path: Path,
) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        served.moved_seconds = AN_HOUR_SECONDS
        answered = await served.ask("/execution/v1/get", {"key": "k"}, token)
        assert (answered.status, answered.document["code"]) == (401, "unauthenticated")
        renewed = await served.ask("/execution/v1/heartbeat", {}, token)
        assert renewed.status == 200
        assert (await served.ask("/execution/v1/get", {"key": "k"}, renewed.document["token"])).status == 200
        assert (await served.ask("/execution/v1/finish", {"succeeded": True}, token)).status == 200

    run(tmp_path, scenario)


def test_a_fresh_token_is_not_renewed(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        assert (await served.ask("/execution/v1/heartbeat", {}, token)).document["token"] is None
        served.moved_seconds = 600
        assert (await served.ask("/execution/v1/heartbeat", {}, token)).document["token"]

    run(tmp_path, scenario)


def test_a_key_can_be_rotated_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_FRESH_SECONDS", "_LOOK_AGAIN_SECONDS", "_TRUSTED_SECONDS"):
        monkeypatch.setattr(access, name, 0.0)

    async def scenario(served: Served) -> None:
        old = await served.started()
        await served.engine.transact(add_signing_key)
        assert (await served.ask("/execution/v1/get", {"key": "k"}, old)).status == 200
        await served.ask("/execution/v1/finish", {"succeeded": True}, old)
        new = await served.started(rerun=True)
        assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
        await served.engine.transact(lambda work: signing_keys.remove_older(work.tx, work.tx.now.wall_us))
        assert (await served.ask("/execution/v1/get", {"key": "k"}, new)).status == 200
        refused = await served.ask("/execution/v1/get", {"key": "k"}, old)
        assert (refused.status, "signing key" in str(refused.document)) == (401, True)

    run(tmp_path, scenario)


def test_a_header_that_is_no_bearer_is_refused(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        for header in (None, "", "Bearer", "Bearer ", "Basic eA==", served.worker):
            with pytest.raises(UnauthenticatedError):
                await served.access.caller_of(header)

    run(tmp_path, scenario)


def test_a_digest_is_of_the_whole_text() -> None:
    assert digest_of("a") != digest_of("b")
    assert len(digest_of("\udcff")) == 32
