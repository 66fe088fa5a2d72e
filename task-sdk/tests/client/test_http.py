"""The client of API servers, where no server is needed to see what it does."""

import json
import socket
from typing import Any

from statekeep._shared.state import messages as m
from statekeep._shared.state.json_form import JsonForm
from statekeep._shared.state.wire import Plain, to_plain
from statekeep.client.http import HttpClient
from statekeep.client.server_connection import Answer, NoAnswerError

WORKER = to_plain(m.WorkerClaims("w"))
TRY = to_plain(m.TryClaims(1, 2))
DESCRIBE = to_plain(m.DescribeStore())


def client(credential: str = "c", port: int = 9) -> HttpClient:
    return HttpClient(
        [f"http://127.0.0.1:{port}"], credential, patience_seconds=0.0, answer_seconds=1.0, say=lambda _: None
    )


class Scripted:
    """A connection whose answers are known beforehand; None: it breaks when the request was sent."""

    url = "http://server"

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def exchange(self, path: str, headers: Any, body: bytes) -> Answer:
        answer = self._answers.pop(0)
        if answer is None:
            raise NoAnswerError("cut", may_have_arrived=True)
        if isinstance(answer, str):
            problem = json.dumps({"code": answer, "facts": {}}).encode()
            return Answer(409, {"content-type": "application/problem+json"}, problem)
        return Answer(200, {}, JsonForm().encode(to_plain(answer)))

    def go_on(self) -> None:
        pass


def test_a_credential_that_cannot_be_sent_is_an_answer_and_keeps_nobody_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        unsendable = client("statekeep_\u2026", listening.getsockname()[1])
        replies: list[Plain] = []
        for _ in range(2):
            unsendable.submit(WORKER, DESCRIBE, "r", on_reply=replies.append)
        assert unsendable.ask(WORKER, DESCRIBE, "r")["code"] == "internal_fault"
        unsendable.close()
    assert [reply["code"] for reply in replies] == ["internal_fault"] * 2


def test_what_is_asked_after_the_end_is_refused() -> None:
    closed = client()
    closed.submit(WORKER, DESCRIBE, "r", on_reply=lambda _: None)
    closed.close()
    assert closed.ask(WORKER, DESCRIBE, "r")["code"] == "unavailable"


def test_an_outcome_that_was_unknown_stays_so_over_a_renewal_of_the_token() -> None:
    started = m.Started(1, "ti", 2, 60.0, token="t")
    renewed = m.LeaseRenewed(60.0, "u")
    asking = HttpClient(
        ["http://s"], "c", patience_seconds=60.0, answer_seconds=1.0, say=lambda _: None
    )._asking
    start = to_plain(m.Start(m.TaskAddress("d", "r", "t")))
    asking.ask(Scripted(started), WORKER, start, "s")  # type: ignore[arg-type]  # what it uses of one
    scripted: Any = Scripted(None, "unauthenticated", renewed, "superseded")
    reply = asking.ask(scripted, TRY, to_plain(m.Get("k")), "r")
    assert (reply["code"], reply["is_first_answer"]) == ("superseded", False)
