"""Keys are read in every form that people write them in; what is wrong is said without showing any of it."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest
from backends.master_keys import material, written
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st
from statekeep import config
from statekeep.backends import EncryptionKeys
from statekeep.backends.encrypted.keys import DEFAULT_VARIABLE
from statekeep.errors import StoreUnusableError

KEY = material("k1")


@pytest.mark.parametrize(
    "text",
    [
        b64encode(KEY).decode(),
        b64encode(KEY).decode().rstrip("="),
        urlsafe_b64encode(KEY).decode(),
        KEY.hex(),
        KEY.hex().upper(),
        f"  {KEY.hex()}\t",
    ],
)
def test_a_key_is_read_as_base64_of_either_alphabet_and_as_hex(text: str) -> None:
    keys = EncryptionKeys.from_text(f"k1:{text}\n")
    assert keys.first.derive(b"p", b"o") == EncryptionKeys({"k1": KEY}).first.derive(b"p", b"o")


@given(st.binary(min_size=32, max_size=32).filter(lambda key: len(set(key)) >= 8))
def test_every_key_of_32_bytes_is_read_in_both_encodings(key: bytes) -> None:
    for text in (b64encode(key).decode(), urlsafe_b64encode(key).decode().rstrip("="), key.hex()):
        assert EncryptionKeys.from_text(f"a:{text}").first._material == key


def test_several_keys_stand_on_lines_or_between_commas_and_the_first_encrypts() -> None:
    text = f"# the current one, since June\n{written('2026-06')}\n\n  {written('a')} , {written('b')},\n"
    keys = EncryptionKeys.from_text(text)
    assert [key.key_id for key in keys] == ["2026-06", "a", "b"]
    assert keys.first.key_id == "2026-06"
    assert keys.find("b") is not None
    assert keys.find("c") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no key"),
        ("# nothing\n ,\n", "there is no key"),
        (KEY.hex(), "entry 1 is not ID:KEY"),
        (f"{written('a')}\nb", "entry 2 is not ID:KEY"),
        (f"a:{KEY.hex()[:-2]}", "the key of entry 1 has 31 bytes instead of 32"),
        (f"a:{b64encode(KEY + KEY).decode()}", "the key of entry 1 has 64 bytes instead of 32"),
        ("a:", "the key of entry 1 has 0 bytes instead of 32"),
        ("a:not base64!", "the key of entry 1 is neither base64 nor hex"),
        ("a:geheimé", "the key of entry 1 is neither base64 nor hex"),
        (f":{KEY.hex()}", "the id of entry 1 has other characters, or too many"),
        (f"a b:{KEY.hex()}", "the id of entry 1 has other characters, or too many"),
        (f"{'a' * 65}:{KEY.hex()}", "the id of entry 1 has other characters, or too many"),
        (f"{written('a')},{written('b', 'a')}", "the id a stands there twice"),
        (f"a:{'00' * 32}", "the key of entry 1 is not random"),
        (
            f"a:{'0123456789abcdef' * 4}"[:66].replace("89abcdef", "01234567"),
            "the key of entry 1 is not random",
        ),
    ],
)
def test_each_slip_of_the_pen_has_its_own_message(text: str, problem: str) -> None:
    with pytest.raises(StoreUnusableError, match=re.escape(f"the file cannot be used: {problem}")):
        EncryptionKeys.from_text(text, source="the file")


@pytest.mark.parametrize(
    "text",
    [
        KEY.hex(),
        f"{KEY.hex()}:a",  # swapped
        f"{b64encode(KEY).decode()}:a",
        f"a:{KEY.hex()[:-3]}",
        f"a:{b64encode(KEY).decode()[:-3]}",
        f"a={KEY.hex()}",
        f"{written('a')},{written('b', 'a')}",
        f"a:{KEY.hex()} b:{KEY.hex()}",
    ],
)
def test_no_message_shows_key_material(text: str) -> None:
    with pytest.raises(StoreUnusableError) as caught:
        EncryptionKeys.from_text(text)
    said = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caught.value.facts}"
    secrets = (KEY.hex()[:12], b64encode(KEY).decode()[:12], b64encode(material("b")).decode()[:12])
    assert not [secret for secret in secrets if secret in said]
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_keys_given_as_bytes_are_checked_alike() -> None:
    for keys in ({}, {"a": b"short"}, {"": KEY}, {"a": bytes(32)}):
        with pytest.raises(StoreUnusableError):
            EncryptionKeys(keys)


def test_nothing_shows_a_key() -> None:
    keys = EncryptionKeys({"k1": KEY})
    assert (repr(keys), str(keys)) == ("EncryptionKeys(k1)",) * 2
    assert (repr(keys.first), f"{keys.first}") == ("MasterKey('k1')",) * 2
    assert repr(list(keys)) == "[MasterKey('k1')]"


def test_a_derived_key_is_hkdf_expand_and_another_for_each_purpose_and_address() -> None:
    first = EncryptionKeys({"k1": KEY}).first
    assert first.derive(b"p", b"o") == HKDFExpand(SHA256(), 32, b"p\0o").derive(KEY)
    others = [first.derive(b"q", b"o"), first.derive(b"p", b"r"), first.derive(b"", b"po")]
    assert len({first.derive(b"p", b"o"), *others}) == 4


def test_keys_come_from_a_file_a_command_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{written('k1')}\n")
    file.chmod(0o600)
    environ = {"STATEKEEP__ENCRYPTION__KEYS": written("k1"), "MINE": written("k2"), "PATH": "/usr/bin:/bin"}
    found = [
        EncryptionKeys.from_file(file),
        EncryptionKeys.from_file(str(file)),
        EncryptionKeys.from_command(f"cat '{file}'", environ),
        EncryptionKeys.from_environment(environ=environ),
    ]
    assert {key.derive(b"p", b"o") for keys in found for key in keys} == {
        EncryptionKeys({"k1": KEY}).first.derive(b"p", b"o")
    }
    assert EncryptionKeys.from_environment("MINE", environ).first.key_id == "k2"


def test_the_variable_for_keys_is_no_option_that_settings_would_refuse() -> None:
    config.load({"STATEKEEP_CONFIG": "", DEFAULT_VARIABLE: written("k1")})


def test_without_an_environment_given_it_is_the_processs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEKEEP__ENCRYPTION__KEYS", written("k1"))
    assert EncryptionKeys.from_environment().first.key_id == "k1"
    assert EncryptionKeys.from_command("sh -c 'echo $STATEKEEP__ENCRYPTION__KEYS'").first.key_id == "k1"
