"""What an answer means, from a server or from whatever stands in its place."""

from __future__ import annotations

import json

import pytest
from statekeep._shared.state.errors import (
    InternalFaultError,
    InvalidRequestError,
    StatekeepError,
    UnavailableError,
    error_from,
)
from statekeep._shared.state.json_form import JsonForm
from statekeep._shared.state.wire import plain_refusal
from statekeep.client.answers import reply_of, with_request_id
from statekeep.client.server_connection import Answer, NoAnswerError

PROBLEM = {"content-type": "application/problem+json; charset=utf-8"}
FORM = JsonForm()


def test_a_reply_is_its_message() -> None:
    body = b'{"kind":"Absent","key":"k"}'
    assert reply_of(Answer(200, {}, body), FORM, "u") == {"kind": "Absent", "key": "k"}


def test_a_problem_is_a_refusal_with_its_code_and_facts() -> None:
    body = json.dumps({"code": "conflict", "facts": {"key": "k", "version": 5}, "new": 1}).encode()
    assert reply_of(Answer(409, PROBLEM, body), FORM, "u") == {
        "kind": "Refusal",
        "code": "conflict",
        "facts": {"key": "k", "version": 5},
        "is_first_answer": True,
    }


@pytest.mark.parametrize(
    "answer",
    [
        Answer(502, {"content-type": "text/html"}, b"<h1>Bad Gateway</h1>"),
        Answer(503, PROBLEM, b"not JSON"),
        Answer(504, PROBLEM, b'{"title":"a proxy that has problem documents, too"}'),
        Answer(429, {}, b""),
        Answer(200, {}, b'{"kind":"Abs'),
        Answer(200, {}, b'{"status":"ok"}'),
        Answer(200, {}, b'{"kind":1}'),
    ],
)
def test_what_a_proxy_says_leaves_open_whether_the_request_took_effect(answer: Answer) -> None:
    with pytest.raises(NoAnswerError) as unknown:
        reply_of(answer, FORM, "u")
    assert unknown.value.may_have_arrived


@pytest.mark.parametrize("status", [301, 400, 404])
def test_what_is_no_server_of_ours_is_said_to_be_none(status: int) -> None:
    reply = reply_of(Answer(status, {"content-type": "text/html"}, b"hello"), FORM, "http://u")
    assert reply["code"] == "store_unusable"
    assert "http://u" in reply["facts"]["what"]


@pytest.mark.parametrize(
    "error",
    [InternalFaultError(problem="KeyError"), UnavailableError(what="the server", problem="it is busy")],
)
def test_a_fault_names_the_request_for_whoever_reads_the_log(error: StatekeepError) -> None:
    told = with_request_id(plain_refusal(error), "5c0e")
    assert str(error_from(told["code"], told["facts"])) == f"{error} (request 5c0e)"


def test_what_the_caller_can_mend_does_not() -> None:
    refused = plain_refusal(InvalidRequestError(what="w", problem="p", remedy="r"))
    assert with_request_id(refused, "5c0e") == refused
    reply = {"kind": "Written", "version": 1}
    assert with_request_id(reply, "5c0e") == reply
