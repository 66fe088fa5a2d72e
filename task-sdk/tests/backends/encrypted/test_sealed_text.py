"""The format: what is sealed opens whole, at its own address, under its own key, or not at all."""

from __future__ import annotations

import json
import tracemalloc
from base64 import b64decode
from collections.abc import Callable
from string import ascii_letters, digits

import pytest
from backends.master_keys import keys, material
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import example, given, settings
from hypothesis import strategies as st
from statekeep.backends import EncryptionKeys
from statekeep.backends.encrypted import sealed_text
from statekeep.backends.encrypted.sealed_text import (
    DamagedTextError,
    NewerFormatError,
    NotSealedError,
    UnknownKeyError,
    nonce_of,
    random_nonce,
    seal,
    unseal,
)
from statekeep.errors import InvalidValueError

KEYS = keys("k1")
HERE = b'["entry","task","d","r","t",-1,"k"]'
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
LARGE_CHARACTERS = 8 << 20
PIECE = sealed_text._PIECE


def sealed(value: str, origin: bytes = HERE, key_id: str = "k1") -> str:
    return seal(value, keys(key_id).first, origin, random_nonce())


@given(TEXTS)
@example("")
def test_what_was_sealed_opens_as_the_same_text(value: str) -> None:
    assert unseal(sealed(value), KEYS, HERE) == value


@pytest.mark.parametrize("letter", ["a", "é", "\u20ac", "\U0001f600"])
@pytest.mark.parametrize("beside", [-1, 0, 1])
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_text_of_several_pieces_opens_whatever_is_cut_where(letter: str, beside: int, pieces: int) -> None:
    value = "x" + letter * (pieces * PIECE + beside - 1)
    assert unseal(sealed(value), KEYS, HERE) == value


def test_a_ciphertext_is_json_text_and_a_third_longer_than_the_value() -> None:
    text = sealed("x" * 3_000_000)
    assert json.loads(text).startswith("statekeep-encrypted-1:k1:")
    assert 4_000_000 < len(text) < 4_000_100


def test_the_format_is_aes_256_gcm_as_anyone_can_open_it() -> None:
    header, _, body = json.loads(sealed('"value"')).rpartition(":")
    data = b64decode(body)
    derived = HKDFExpand(SHA256(), 32, b"statekeep encryption 1\0" + HERE).derive(material("k1"))
    associated = b'"' + header.encode() + b":" + HERE
    assert AESGCM(derived).decrypt(data[:12], data[12:], associated) == b'"value"'


@settings(max_examples=300)
@given(st.data())
def test_a_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    text = sealed(data.draw(TEXTS))
    altered = bytearray(text.encode())
    place = data.draw(st.integers(0, len(altered) - 1))
    altered[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((DamagedTextError, NotSealedError, UnknownKeyError, NewerFormatError)):
        unseal(altered.decode("latin-1"), keys("k1", "k2", "k0"), HERE)


@pytest.mark.parametrize("value", ["", "1", "12", "123"])  # every length of base64's padding
def test_every_other_character_at_every_place_of_a_ciphertext_is_refused(value: str) -> None:
    text = sealed(value)
    accepted = [
        (place, other)
        for place in range(len(text))
        for other in ascii_letters + digits + '+/=" :\n-_é'
        if other != text[place] and _opens(text[:place] + other + text[place + 1 :])
    ]
    assert accepted == []


@given(st.data())
def test_a_ciphertext_that_was_cut_or_lengthened_is_refused(data: st.DataObject) -> None:
    text = sealed(data.draw(TEXTS))
    place = data.draw(st.integers(0, len(text) - 1))
    more = data.draw(st.text("A=z \n", max_size=8))
    assert not _opens(text[:place])
    assert place == len(text) - 1 or not _opens(text[:place] + '"')
    if more:
        assert not _opens(text[:place] + more + text[place:])


@pytest.mark.parametrize("place", [0, 1])
def test_a_piece_of_a_long_ciphertext_that_was_left_out_or_exchanged_is_refused(place: int) -> None:
    text = sealed("x" * 3 * PIECE)
    start = text.rindex(":") + 1 + place * PIECE
    first, second = text[start : start + PIECE], text[start + PIECE : start + 2 * PIECE]
    assert not _opens(text.replace(first, ""))
    assert not _opens(text[:start] + second + first + text[start + 2 * PIECE :])


def test_padding_in_the_middle_of_a_long_ciphertext_is_refused() -> None:
    text = sealed("x" * 3 * PIECE)
    end_of_piece = text.rindex(":") + 1 + PIECE
    assert not _opens(text[: end_of_piece - 1] + "=" + text[end_of_piece:])


def test_a_ciphertext_opens_at_its_own_address_only() -> None:
    with pytest.raises(DamagedTextError):
        unseal(sealed("1"), KEYS, HERE.replace(b'"k"', b'"l"'))


def test_a_key_of_the_same_id_is_another_key() -> None:
    impostor = seal("1", _key_named("k1", "k2").first, HERE, random_nonce())
    with pytest.raises(DamagedTextError, match="another master key of the same id"):
        unseal(impostor, KEYS, HERE)


def test_a_key_id_that_was_exchanged_is_refused_even_if_both_keys_are_there() -> None:
    with pytest.raises(DamagedTextError):
        unseal(sealed("1").replace("k1:", "k2:"), keys("k1", "k2"), HERE)
    renamed = sealed("1").replace("k1:", "k2:")
    with pytest.raises(DamagedTextError):  # the same material, so that only the associated data tells
        unseal(renamed, _key_named("k2", "k1"), HERE)


def test_what_lacks_its_key_or_is_of_another_format_says_so() -> None:
    with pytest.raises(UnknownKeyError, match="k9"):
        unseal(sealed("1", key_id="k9"), KEYS, HERE)
    with pytest.raises(NewerFormatError, match="2"):
        unseal(sealed("1").replace("encrypted-1", "encrypted-2"), KEYS, HERE)
    for text in ("1", '"text"', "", "{}"):
        with pytest.raises(NotSealedError):
            unseal(text, KEYS, HERE)


def test_two_writes_of_one_value_differ_where_overwriting_is_allowed() -> None:
    assert sealed("1") != sealed("1")


def test_a_nonce_for_writing_once_depends_on_all_that_is_written_and_where() -> None:
    key = KEYS.first
    assert nonce_of("1", key, HERE) == nonce_of("1", key, HERE)
    others = [nonce_of("2", key, HERE), nonce_of("1", key, b"there"), nonce_of("1", keys("k2").first, HERE)]
    assert len({nonce_of("1", key, HERE), *others}) == 4
    assert {len(nonce) for nonce in others} == {12}


@pytest.mark.parametrize("at", [0, PIECE])
def test_text_that_has_no_utf_8_is_refused(at: int) -> None:
    with pytest.raises(InvalidValueError, match="lone surrogate"):
        sealed("x" * at + "\ud800")


def test_memory_stays_within_a_small_multiple_of_the_value() -> None:
    value = "x" * LARGE_CHARACTERS
    text, sealing = _with_peak(lambda: sealed(value))
    opened, opening = _with_peak(lambda: unseal(text, KEYS, HERE))
    assert opened == value
    assert sealing < 3 * LARGE_CHARACTERS
    assert opening < 2.5 * LARGE_CHARACTERS


def _with_peak(job: Callable[[], str]) -> tuple[str, int]:
    tracemalloc.start()
    try:
        return job(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _opens(text: str) -> bool:
    try:
        unseal(text, KEYS, HERE)
    except (DamagedTextError, NotSealedError, UnknownKeyError, NewerFormatError):
        return False
    return True


def _key_named(key_id: str, name: str) -> EncryptionKeys:
    return EncryptionKeys({key_id: material(name)})
