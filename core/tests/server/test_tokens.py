"""Tokens say what they were issued with, and nothing that was changed on the way."""

from __future__ import annotations

from dataclasses import replace

import jwt
import pytest
from statekeep_core._shared.state.errors import UnauthenticatedError
from statekeep_core.metastore.signing_keys import SigningKey
from statekeep_core.server.tokens import TaskToken, Tokens, UnknownKeyError

KEY = SigningKey("one", b"1" * 32, 1)
OTHER = SigningKey("two", b"2" * 32, 2)
TOKEN = TaskToken("ti", 7, 3, 1_000.0, ((5, True), (6, False)))


def test_a_token_says_what_it_was_issued_with() -> None:
    tokens = Tokens([KEY])
    assert tokens.read(tokens.issue(TOKEN)) == TOKEN
    assert tokens.read(tokens.issue(TOKEN)) == TOKEN


def test_it_is_a_jwt_with_the_instance_as_its_subject() -> None:
    text = Tokens([KEY]).issue(TOKEN)
    claims = jwt.decode(text, KEY.secret, algorithms=["HS256"], options={"verify_exp": False})
    assert claims["sub"] == "ti"
    assert claims["exp"] == 1_000
    assert claims["grants"] == [[5, True], [6, False]]


def test_a_try_with_many_grants_has_a_short_token() -> None:
    tokens = Tokens([KEY])
    many = replace(TOKEN, grants=tuple((number, True) for number in range(10_000)))
    text = tokens.issue(many)
    assert len(text) < 1_000
    assert tokens.read(text) == replace(many, grants=())


def test_the_first_key_signs_and_each_proves() -> None:
    old, both = Tokens([KEY]), Tokens([OTHER, KEY])
    assert both.read(old.issue(TOKEN)) == TOKEN
    with pytest.raises(UnknownKeyError):
        old.read(both.issue(TOKEN))


def test_what_was_changed_or_made_up_is_refused() -> None:
    tokens = Tokens([KEY])
    head, body, signature = tokens.issue(TOKEN).split(".")
    forged = jwt.encode({"sub": "ti", "exp": 1}, b"3" * 32, algorithm="HS256", headers={"kid": "one"})
    unsigned = jwt.encode({"sub": "ti", "exp": 1}, "", algorithm="none", headers={"kid": "one"})
    other_algorithm = jwt.encode(
        {"sub": "ti", "exp": 1}, KEY.secret * 2, algorithm="HS512", headers={"kid": "one"}
    )
    lacking = jwt.encode({"sub": "ti", "exp": 1}, KEY.secret, algorithm="HS256", headers={"kid": "one"})
    for text in (
        f"{head}.{body[:-2]}AA.{signature}",
        f"{head}.{body}.",
        forged,
        unsigned,
        other_algorithm,
        lacking,
        "x",
        "..",
        "a.b.c",
    ):
        with pytest.raises((UnauthenticatedError, UnknownKeyError)):
            tokens.read(text)


def test_what_was_verified_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statekeep_core.server.tokens._REMEMBERED_TOKENS", 2)
    tokens = Tokens([KEY])
    texts = [tokens.issue(replace(TOKEN, try_number=number)) for number in range(5)]
    assert [tokens.read(text).try_number for text in texts] == [0, 1, 2, 3, 4]
    assert list(tokens._verified) == texts[-2:]
