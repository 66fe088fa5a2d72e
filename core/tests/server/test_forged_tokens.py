"""Whatever is shown in place of a token is refused in the same words, or is that token."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from statekeep_core._shared.state.errors import UnauthenticatedError
from statekeep_core.metastore.signing_keys import SigningKey
from statekeep_core.server.tokens import TaskToken, Tokens, UnknownKeyError

KEY = SigningKey("one", b"1" * 32, 1)
TOKEN = TaskToken("ti", 7, 3, 1_000.0, ((5, True), (6, False)))
TEXT = Tokens([KEY]).issue(TOKEN)
HEAD, BODY, SIGNATURE = TEXT.split(".")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read(text: str) -> TaskToken | None:
    """Return what the token says; None when it is refused, in one of the two ways that there are."""
    try:
        return Tokens([KEY]).read(text)
    except (UnauthenticatedError, UnknownKeyError):
        return None


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def signed(claims: dict[str, Any], key: SigningKey = KEY, **headers: Any) -> str:
    return jwt.encode(claims, key.secret, algorithm="HS256", headers={"kid": key.key_id, **headers})


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 255))
def test_a_token_with_a_changed_character_is_refused_or_the_same(place: int, change: int) -> None:
    changed = TEXT[:place] + chr(ord(TEXT[place]) ^ change) + TEXT[place + 1 :]
    assert read(changed) in (None, TOKEN)
    # Only the spare bits at the end of the signature spell the same one.
    assert read(changed) is None or place == len(TEXT) - 1


@given(st.integers(0, len(TEXT) - 1))
def test_a_part_of_a_token_is_refused(length: int) -> None:
    assert read(TEXT[:length]) is None
    assert read(TEXT[length + 1 :]) is None


@given(st.text() | st.text(alphabet="ABCabc019-_.="))
@example("." * 60_000)
@example("a" * 10**6)
def test_any_text_is_refused(text: str) -> None:
    assert read(text) is None
    assert read(f"{HEAD}.{BODY}.{text}") is None
    assert read(f"{HEAD}.{text}.{SIGNATURE}") is None
    assert read(f"{text}.{BODY}.{SIGNATURE}") is None
    assert read(TEXT + text) in (None, TOKEN)
    assert read(TEXT + text) is None or not text


@given(JSON, JSON)
@example({"alg": "none"}, {})
@example({"alg": "HS256", "kid": None}, {})
@example({"alg": "HS256", "kid": ["one"]}, {})
@example({"alg": "HS256", "kid": "one", "crit": ["exp"], "exp": 1}, {})
@example({"alg": "HS256", "kid": "one", "b64": False, "crit": ["b64"]}, {})
@example({"alg": "HS256", "kid": "../one", "jku": "http://127.0.0.1", "jwk": {}, "x5u": ""}, {})
def test_heads_and_bodies_of_any_json_are_refused(head: Any, body: Any) -> None:
    for signature in ("", SIGNATURE, encoded(b"\0" * 32)):
        parts = (json.dumps(head).encode(), json.dumps(body).encode())
        assert read(f"{encoded(parts[0])}.{encoded(parts[1])}.{signature}") is None


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b"9"])
def test_parts_that_are_deep_or_long_are_refused(opening: bytes) -> None:
    part = encoded(opening * 5_000)
    assert read(f"{part}.{BODY}.{SIGNATURE}") is None
    assert read(f"{HEAD}.{part}.{SIGNATURE}") is None


@given(
    st.dictionaries(
        st.sampled_from(["sub", "instance_id", "try_number", "exp", "grants", "nbf", "aud"]), JSON
    )
)
@example({"sub": "ti", "instance_id": float("inf"), "try_number": 1, "exp": 1})
@example({"sub": "ti", "instance_id": 1, "try_number": 1, "exp": 10**400})
@example({"sub": "ti", "instance_id": 1, "try_number": 1, "exp": 1, "nbf": 10**12})
@example({"sub": "ti", "instance_id": 1, "try_number": 1, "exp": 1, "grants": [[1]]})
def test_odd_claims_under_a_good_signature_are_a_token_or_refused(claims: dict[str, Any]) -> None:
    token = read(signed(claims))
    assert token is None or all(type(each) is int for each in (token.instance_id, token.try_number))


def test_another_stores_key_under_the_same_name_is_refused() -> None:
    claims = jwt.decode(TEXT, KEY.secret, algorithms=["HS256"], options={"verify_exp": False})
    assert read(signed(claims, SigningKey("one", b"2" * 32, 1))) is None
    assert read(signed(claims, SigningKey("two", b"1" * 32, 1))) is None
    assert read(signed(claims)) == TOKEN


def test_one_token_is_not_remembered_in_many_spellings() -> None:
    tokens = Tokens([KEY])
    for padding in ("!", "\n", " ", "=", "==", "!" * 50_000):
        with pytest.raises(UnauthenticatedError):
            tokens.read(TEXT + padding)
    tokens.read(TEXT)
    assert list(tokens._verified) == [TEXT]
