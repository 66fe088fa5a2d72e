"""What the settings say of encryption: the backend that is wrapped, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..._shared.state.errors import StatekeepError
from ...backend_options import Encryption
from ...config import load_section, settings_error
from ..loading import load_backends
from .keys import EncryptionKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..._shared.state.backend import BaseStateBackend
    from ...config import SettingsError

_WAYS = ("keys", "keys_path", "keys_command")


class Configured(NamedTuple):
    """What an encrypted backend is made of. Of ``wrapped``, the first is written to."""

    wrapped: tuple[BaseStateBackend, ...]
    keys: EncryptionKeys
    allow_plaintext: bool


def configured_encryption(environ: Mapping[str, str]) -> Configured:
    """Return what ``[encryption]`` says; raise ``SettingsError``, which holds no key."""
    section = load_section(Encryption, environ)
    keys = _keys(section, environ)
    wrapped = load_backends(
        section.wrapped, option="[encryption] wrapped", source=section.sources["wrapped"], environ=environ
    )
    return Configured(wrapped, keys, section.allow_plaintext)


def _keys(section: Encryption, environ: Mapping[str, str]) -> EncryptionKeys:
    given = [name for name in _WAYS if section.values[name]]
    if not given:
        raise _wrong(section, "keys", "is not set, nor is keys_path or keys_command; give one of the three")
    if len(given) > 1:
        raise _wrong(section, given[0], f"is set, and so is {' and '.join(given[1:])}; keep one")
    try:
        return _read(section, environ)
    except StatekeepError as error:
        raise _wrong(section, given[0], str(error)) from None


def _read(section: Encryption, environ: Mapping[str, str]) -> EncryptionKeys:
    if section.keys_path:
        return EncryptionKeys.from_file(section.keys_path)
    if section.keys_command:
        return EncryptionKeys.from_command(section.keys_command, environ)
    return EncryptionKeys.from_text(section.keys)


def _wrong(section: Encryption, option: str, problem: str) -> SettingsError:
    return settings_error([(f"[encryption] {option}", section.sources[option], problem)])
