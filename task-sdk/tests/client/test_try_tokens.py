"""Tokens are kept by their try, and no reply that is passed on has one."""

from __future__ import annotations

from statekeep._shared.state import messages as m
from statekeep._shared.state.wire import Plain, to_plain
from statekeep.client.try_tokens import TryTokens

WORKER = to_plain(m.WorkerClaims("w"))


def claims(try_number: int) -> Plain:
    return to_plain(m.TryClaims(1, try_number))


def started(try_number: int, token: str | None) -> Plain:
    return to_plain(m.Started(1, "ti", try_number, 30.0, token=token))


def test_a_started_trys_token_is_kept_and_not_passed_on() -> None:
    tokens = TryTokens()
    assert tokens.of(claims(1)) is None
    assert tokens.learn(WORKER, started(1, "secret"))["token"] is None
    assert tokens.of(claims(1)) == ("secret", 30.0)
    assert tokens.of(claims(2)) is None


def test_a_renewed_token_takes_its_place_and_none_leaves_it() -> None:
    tokens = TryTokens()
    tokens.learn(WORKER, started(1, "old"))
    assert tokens.learn(claims(1), to_plain(m.LeaseRenewed(20.0, "new")))["token"] is None
    assert tokens.of(claims(1)) == ("new", 20.0)
    tokens.learn(claims(1), to_plain(m.LeaseRenewed(20.0)))
    assert tokens.of(claims(1)) == ("new", 20.0)


def test_other_replies_pass_as_they_are() -> None:
    reply = to_plain(m.Entry("token", b'"token"', 1, 7))
    assert TryTokens().learn(claims(1), reply) == reply


def test_the_tokens_of_the_last_tries_are_kept() -> None:
    tokens = TryTokens()
    for number in range(1, 101):
        tokens.learn(WORKER, started(number, f"token-{number}"))
    assert tokens.of(claims(1)) is None
    assert tokens.of(claims(100)) == ("token-100", 30.0)
