"""The application: what it answers to whom, and what it refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from statekeep_core.server.http.bodies import Bodies

from core.tests.server.served import TASK, Answered, Served, run

ORDERS = {"kind": "AssetAddress", "name": "orders"}


def test_a_try_reads_what_it_wrote_byte_for_byte(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        body = b'{"key":"k","value":{"a":[1.5,20000000000000000000001]}}'
        written = await served.ask("/execution/v1/set", body, token)
        assert (written.status, written.document["version"]) == (200, 1)
        read = await served.ask("/execution/v1/get", {"key": "k"}, token)
        assert b'"value":{"a":[1.5,20000000000000000000001]}' in read.body
        absent = await served.ask("/execution/v1/get", {"key": "other"}, token)
        assert (absent.status, absent.document) == (200, {"kind": "Absent", "key": "other"})

    run(tmp_path, scenario)


def test_an_asset_write_shows_when_the_try_has_succeeded(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        answered = await served.ask("/execution/v1/start", {"task": TASK, "outlets": [ORDERS]}, served.worker)
        token, [grant] = answered.document["token"], answered.document["grants"]
        body = {"key": "watermark", "value": 7, "target": grant["asset_id"]}
        assert (await served.ask("/execution/v1/set", body, token)).document["version"] is None
        look = {"key": "watermark", "target": ORDERS}
        assert (await served.ask("/api/v1/get", look, served.operator)).document["kind"] == "Absent"
        await served.ask("/execution/v1/finish", {"succeeded": True}, token)
        assert (await served.ask("/api/v1/get", look, served.operator)).document["value"] == 7

    run(tmp_path, scenario)


def test_a_refusal_is_a_problem_document_with_the_errors_code_facts_and_status(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        await served.ask("/execution/v1/set", {"key": "k", "value": 1}, token)
        answered = await served.ask("/execution/v1/set", {"key": "k", "value": 2, "if_version": 99}, token)
        assert answered.status == 409
        assert answered.headers["content-type"] == "application/problem+json"
        document = answered.document
        assert document["code"] == "conflict"
        assert (
            document["facts"] == {"key": "'k'", "version": 1, "wanted": 99}
            or document["facts"]["version"] == 1
        )
        assert document["detail"].startswith("key")
        assert document["status"] == 409

    run(tmp_path, scenario)


def test_a_superseded_try_neither_reads_nor_writes(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        first = await served.started(lease_seconds=0.001)
        await asyncio.sleep(0.01)  # the lease, which is the store's to measure
        second = await served.started()
        for path, body in [("get", {"key": "k"}), ("set", {"key": "k", "value": 1}), ("heartbeat", {})]:
            answered = await served.ask(f"/execution/v1/{path}", body, first)
            assert (answered.status, answered.document["code"]) == (409, "superseded")
        assert (await served.ask("/execution/v1/get", {"key": "k"}, second)).document["kind"] == "Absent"

    run(tmp_path, scenario)


def test_no_worker_may_say_that_another_machines_try_is_gone(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        await served.started()
        body = {"task": TASK, "holds_lock": True}
        answered = await served.ask("/execution/v1/start", body, served.worker)
        assert (answered.status, answered.document["code"]) == (409, "try_running")

    run(tmp_path, scenario)


def test_a_repeated_request_id_takes_effect_once_and_another_request_under_it_is_refused(
    tmp_path: Path,
) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        body = {"key": "n", "by": 1}
        replies = [
            await served.ask("/execution/v1/increment", body, token, idempotency_key="one") for _ in range(3)
        ]
        assert {answered.body for answered in replies} == {replies[0].body}
        assert (await served.ask("/execution/v1/get", {"key": "n"}, token)).document["value"] == 1
        other = await served.ask("/execution/v1/increment", body | {"by": 2}, token, idempotency_key="one")
        assert (other.status, other.document["code"]) == (422, "invalid_request")

    run(tmp_path, scenario)


def test_what_a_try_has_given_up_changes_nothing_when_it_arrives(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()

        async def set_to(value: int, sending: str) -> Answered:
            body = {"key": "k", "value": value}
            return await served.ask("/execution/v1/set", body, token, **{"statekeep-sending": sending})

        assert (await set_to(2, "2; floor=2")).status == 200
        late = await set_to(1, "1")
        assert (late.status, late.document["code"]) == (409, "overtaken")
        assert late.document["facts"] == {"number": 1, "floor": 2}
        assert (await set_to(3, "3")).status == 200
        assert (await set_to(4, "a few")).document["code"] == "invalid_request"
        assert (await served.ask("/execution/v1/get", {"key": "k"}, token)).document["value"] == 3

    run(tmp_path, scenario)


def test_a_repeated_start_is_the_same_try_and_has_a_token(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        body = {"task": TASK}
        first, again = [
            await served.ask("/execution/v1/start", body, served.worker, idempotency_key="s")
            for _ in range(2)
        ]
        assert first.document["try_number"] == again.document["try_number"] == 1
        written = await served.ask("/execution/v1/set", {"key": "k", "value": 1}, again.document["token"])
        assert written.status == 200

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"key":"k","value":1,"unknown":1}', "unknown"),
        (b'{"key":"k"}', "value"),
        (b'{"key":7,"value":1}', "key"),
        (b'{"key":"k","value":null}', ""),
        (b'{"key":"k","value":1,"kind":"Delete"}', "another kind"),
        (b'{"key":"k","value":1', "JSON object"),
        (b"[1]", "JSON object"),
        (b"", "key"),
        (b'{"key":"k","value":1,"target":{"kind":"Nothing"}}', "Nothing"),
    ],
)
def test_what_the_protocol_does_not_know_is_refused_and_named(tmp_path: Path, body: bytes, said: str) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        answered = await served.ask("/execution/v1/set", body, token)
        assert answered.status == 422
        assert said in answered.document["detail"]
        assert (await served.ask("/execution/v1/list-entries", {}, token)).document["entries"] == []

    run(tmp_path, scenario)


@pytest.mark.parametrize("proof", [None, "", "statekeep_unknown", "a.b.c", "x", "é"])
def test_nobody_unknown_gets_in(tmp_path: Path, proof: str | None) -> None:
    async def scenario(served: Served) -> None:
        for path in ("/execution/v1/start", "/execution/v1/get", "/api/v1/list-tries", "/execution/v1/store"):
            answered = await served.ask(path, {"key": "k"}, proof)
            assert (answered.status, answered.document["code"]) == (401, "unauthenticated")
            assert answered.headers["www-authenticate"] == "Bearer"

    run(tmp_path, scenario)


def test_a_token_opens_its_own_door_only(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        other = {"kind": "TaskAddress", "dag_id": "etl", "run_id": "r", "task_id": "another"}
        for path, body in [
            ("/execution/v1/get", {"key": "k", "target": other}),
            ("/execution/v1/get", {"key": "k", "target": 1}),
            ("/execution/v1/start", {"task": other}),
            ("/execution/v1/disposals/fetch", {"backend_ids": []}),
            ("/api/v1/get", {"key": "k", "target": TASK}),
            ("/api/v1/list-tries", {}),
        ]:
            answered = await served.ask(path, body, token)
            assert answered.status == 403, (path, answered.document)

    run(tmp_path, scenario)


def test_a_workers_credential_starts_tries_and_sweeps_and_no_more(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        for path in ("/execution/v1/store", "/api/v1/store", "/api/v1/list-tries", "/api/v1/sweep-step"):
            assert (await served.ask(path, {}, served.worker)).status == 200
        for path, body in [("/api/v1/get", {"key": "k", "target": TASK}), ("/api/v1/list-assets", {})]:
            assert (await served.ask(path, body, served.worker)).status == 403
        assert (await served.ask("/execution/v1/get", {"key": "k"}, served.worker)).status == 401

    run(tmp_path, scenario)


def test_what_is_not_there_and_what_is_not_posted(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        assert (await served.ask("/nothing", {})).status == 404
        answered = await served.ask("/execution/v1/get", {}, method="GET")
        assert (answered.status, answered.headers["allow"]) == (405, "POST")
        assert (await served.ask("/health/live", {})).status == 405

    run(tmp_path, scenario)


def test_a_body_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-length", b"1001")]
        answered = await served.exchange("POST", "/execution/v1/set", headers, [])
        assert (answered.status, answered.document["code"]) == (413, "value_too_large")
        del headers[1]
        answered = await served.exchange("POST", "/execution/v1/set", headers, [b"x" * 600, b"x" * 600, b""])
        assert answered.status == 413

    run(tmp_path, scenario, bodies=Bodies(body_bytes=1_000))


def test_a_compressed_body_is_refused(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        answered = await served.ask("/execution/v1/set", b"\x1f\x8b", token, content_encoding="gzip")
        assert answered.status == 422

    run(tmp_path, scenario)


def test_past_the_limit_of_waiting_requests_it_is_unavailable_at_once(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        asked = [served.ask("/execution/v1/set", {"key": f"k{n}", "value": n}, token) for n in range(20)]
        answers = await asyncio.gather(*asked)
        refused = [answered for answered in answers if answered.status == 503]
        assert len(refused) == 17
        assert {answered.headers["retry-after"] for answered in refused} == {"1"}
        assert "nothing was changed" in refused[0].document["detail"]
        listed = await served.ask("/execution/v1/list-entries", {}, token)
        assert len(listed.document["entries"]) == 3

    run(tmp_path, scenario, waiting_limit=3)


def test_it_is_ready_until_it_leaves_or_its_store_is_gone(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        assert (await served.ask("/health/ready", method="GET")).status == 200
        assert (await served.ask("/health/live", method="GET")).status == 200
        served.app.health.leave()
        answered = await served.ask("/health/ready", method="GET")
        assert (answered.status, answered.document["problem"]) == (503, "it is shutting down")

    run(tmp_path, scenario)


def test_it_is_not_ready_when_its_store_cannot_be_used_and_only_the_log_says_which_and_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(served: Served) -> None:
        (tmp_path / "state.db").unlink()
        answered = await served.ask("/health/ready", method="GET")
        assert (answered.status, answered.document["problem"]) == (503, "the store cannot be used")
        [line] = [record.getMessage() for record in caplog.records if "is not ready" in record.getMessage()]
        assert "removed or replaced" in line
        assert str(tmp_path) in line
        assert (await served.ask("/health/live", method="GET")).status == 200

    run(tmp_path, scenario)


def test_a_client_that_goes_away_is_answered_nothing_and_holds_nothing(tmp_path: Path) -> None:
    bodies = Bodies(total_bytes=1_000)

    async def scenario(served: Served) -> None:
        token = await served.started()
        headers = [(b"authorization", f"Bearer {token}".encode())]
        for _ in range(5):
            with pytest.raises(ValueError, match="unpack"):  # no response at all
                await served.exchange("POST", "/execution/v1/set", headers, [b"x" * 400, None])
        assert (await served.ask("/execution/v1/set", {"key": "k", "value": 1}, token)).status == 200

    run(tmp_path, scenario, bodies=bodies)
