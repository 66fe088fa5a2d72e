"""The client of API servers, where no server is needed to see what it does."""

import json
import socket
from typing import Any

import pytest
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
        self.sendings: list[Any] = []
        self.bodies: list[Any] = []

    def exchange(self, path: str, headers: Any, body: bytes) -> Answer:
        self.sendings.append(headers.get("Statekeep-Sending"))
        self.bodies.append(json.loads(body))
        answer = self._answers.pop(0)
        if answer is None:
            raise NoAnswerError("cut", may_have_arrived=True)
        if isinstance(answer, str):
            answer = (answer, {})
        if type(answer) is tuple:
            problem = json.dumps({"code": answer[0], "facts": answer[1]}).encode()
            return Answer(409, {"content-type": "application/problem+json"}, problem)
        return Answer(200, {}, JsonForm().encode(to_plain(answer)))

    def go_on(self) -> None:
        pass


def asking_with(started: m.Started, patience_seconds: float = 60.0) -> Any:
    """What asks servers, when it has started a try."""
    asking = HttpClient(
        ["http://s"], "c", patience_seconds=patience_seconds, answer_seconds=1.0, say=lambda _: None
    )._asking
    start: Any = Scripted(started)
    asking.ask(start, WORKER, to_plain(m.Start(m.TaskAddress("d", "r", "t"))), "s")
    return asking


@pytest.mark.parametrize("credential", ["statekeep_\u2026", "a\nb", "a\x00", "\udcff", "a\x7f", "é"])
def test_a_credential_that_cannot_be_sent_is_refused_in_words_that_do_not_show_it(credential: str) -> None:
    refused = client(credential).ask(WORKER, DESCRIBE, "r")
    assert refused["code"] == "unauthenticated"
    assert refused["facts"] == {
        "problem": "the credential has a character that none has",
        "remedy": "set [api] credential to one that `statekeep server credentials add` made",
    }


def test_a_request_that_cannot_be_sent_is_an_answer_and_keeps_nobody_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sending = client(port=listening.getsockname()[1])
        replies: list[Plain] = []
        for _ in range(2):
            sending.submit(WORKER, DESCRIBE, "\u2026", on_reply=replies.append)
        assert sending.ask(WORKER, DESCRIBE, "\u2026")["code"] == "internal_fault"
        sending.close()
    assert [reply["code"] for reply in replies] == ["internal_fault"] * 2


def test_what_is_asked_after_the_end_is_refused() -> None:
    closed = client()
    closed.submit(WORKER, DESCRIBE, "r", on_reply=lambda _: None)
    closed.close()
    assert closed.ask(WORKER, DESCRIBE, "r")["code"] == "unavailable"


def test_an_outcome_that_was_unknown_stays_so_over_a_renewal_of_the_token() -> None:
    started = m.Started(1, "ti", 2, 60.0, token="t")
    renewed = m.LeaseRenewed(60.0, "u")
    asking = asking_with(started)
    scripted: Any = Scripted(None, "unauthenticated", renewed, "superseded")
    reply = asking.ask(scripted, TRY, to_plain(m.Get("k")), "r")
    assert (reply["code"], reply["is_first_answer"]) == ("superseded", False)


STARTED = m.Started(1, "ti", 2, 60.0, token="t")
WRITTEN = m.Written(1)


def test_each_repetition_has_a_number_of_its_own_and_gives_up_those_before() -> None:
    asking = asking_with(STARTED)
    connection = Scripted(WRITTEN, None, None, WRITTEN, WRITTEN)
    for key in "abc":
        assert asking.ask(connection, TRY, to_plain(m.Set(key, b"1")), "r")["kind"] == "Written"
    assert connection.sendings == ["1", "2", "3; floor=3", "4; floor=4", "5"]


def test_what_a_task_was_told_to_be_unknown_is_given_up_by_the_next_change_that_is_done() -> None:
    asking = asking_with(STARTED, patience_seconds=0.0)
    connection = Scripted(None, m.Absent("k"), "conflict", WRITTEN, WRITTEN)
    assert asking.ask(connection, TRY, to_plain(m.Set("k", b"1")), "r")["code"] == "unavailable"
    asking.ask(connection, TRY, to_plain(m.Get("k")), "s")
    for request in (m.Set("k", b"2", if_absent=True), m.Increment("n", b"1"), m.Set("k", b"3")):
        asking.ask(connection, TRY, to_plain(request), "t")
    assert connection.sendings == ["1", None, "2; floor=2", "3; floor=2", "4"]


def test_a_sending_that_a_sibling_has_given_up_goes_out_again_at_once() -> None:
    asking = asking_with(STARTED, patience_seconds=0.0)
    connection = Scripted(("overtaken", {"floor": 40}), ("overtaken", {"floor": 44}), WRITTEN)
    assert asking.ask(connection, TRY, to_plain(m.Set("k", b"1")), "r")["kind"] == "Written"
    assert connection.sendings == ["1", "41", "45"]


def test_a_server_that_did_nothing_makes_nobody_give_anything_up() -> None:
    asking = asking_with(STARTED)
    connection = Scripted(("unavailable", {"changed": False}), WRITTEN)
    asking.ask(connection, TRY, to_plain(m.Set("k", b"1")), "r")
    assert connection.sendings == ["1", "2"]


def test_only_what_a_try_changes_is_numbered() -> None:
    asking = asking_with(STARTED)
    connection = Scripted(m.Absent("k"), m.LeaseRenewed(60.0), WRITTEN, m.Finished("succeeded"))
    for request in (m.Get("k"), m.Heartbeat()):
        asking.ask(connection, TRY, to_plain(request), "r")
    operator = to_plain(m.OperatorClaims("o"))
    asking.ask(connection, operator, to_plain(m.Set("k", b"1", m.TaskAddress("d", "r", "t"))), "s")
    asking.ask(connection, TRY, to_plain(m.Finish(succeeded=True)), "t")
    assert connection.sendings == [None] * 4


def test_what_is_at_its_default_is_not_sent() -> None:
    """An older server refuses a field that it does not know, whatever stands there."""
    asking = asking_with(STARTED)
    connection = Scripted(WRITTEN, WRITTEN)
    for request in (m.Set("k", b"1"), m.Set("k", b"1", if_absent=True)):
        asking.ask(connection, TRY, to_plain(request), "r")
    plain = {"kind": "Set", "key": "k", "value": 1}
    assert connection.bodies == [plain, plain | {"if_absent": True}]
