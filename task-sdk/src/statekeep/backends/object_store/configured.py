"""What the settings say of an object store, as the arguments of the backend's class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..._shared.state.errors import InvalidRequestError, StoreUnusableError
from ...backend_options import ObjectStore
from ...config import load_section, settings_error
from .address import SERVICE, parse_address
from .backend_id import check_backend_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...config import SettingsError

B = TypeVar("B")

# Those whose names are the client library's own.
_CLIENT_OPTIONS = (
    "endpoint",
    "region",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "account_name",
    "account_key",
    "service_account",
)


def all_configured(cls: Callable[..., B], environ: Mapping[str, str]) -> list[B]:
    """Make the backend that is written to, then one for each place that earlier values are read from.

    Raises ``SettingsError`` for what is wrong.
    """
    section = load_section(ObjectStore, environ)
    return [_made(cls, section, arguments) for arguments in _arguments(section)]


def _made(cls: Callable[..., B], section: ObjectStore, arguments: dict[str, Any]) -> B:
    try:
        return cls(**arguments)
    except (InvalidRequestError, StoreUnusableError) as error:
        own = "url" if arguments["url"] == section.url else "read_urls"
        option = str(error.facts.get("option", own))
        # One that the settings do not hold came from the environment of the client library.
        raise _wrong(section, option if option in section.sources else own, str(error)) from None


def _arguments(section: ObjectStore) -> list[dict[str, Any]]:
    if not section.url:
        raise _wrong(section, "url", "is not set; give one such as s3://my-bucket/statekeep")
    _check_url(section, "url", section.url)
    _check_id(section)
    own = {"url": section.url, "options": _options(section), "backend_id": section.backend_id or None}
    return [own | _policy(section), *(_for_reading(section, url) for url in section.read_urls)]


def _for_reading(section: ObjectStore, url: str) -> dict[str, Any]:
    is_service = _check_url(section, "read_urls", url) == SERVICE
    return {"url": url, "options": _options(section) if is_service else {}} | _policy(section)


def _policy(section: ObjectStore) -> dict[str, Any]:
    return {
        "threshold_bytes": section.threshold_bytes,
        "compression_level": section.compression_level or None,
        "connect_timeout_seconds": section.connect_timeout_seconds,
        "request_timeout_seconds": section.request_timeout_seconds,
        "max_retries": section.max_retries,
        "retry_timeout_seconds": section.retry_timeout_seconds,
        "part_bytes": section.part_bytes,
        "parallel_parts": section.parallel_parts,
    }


def _options(section: ObjectStore) -> dict[str, Any]:
    named = {name: section.values[name] for name in _CLIENT_OPTIONS if section.values[name]}
    for text in section.client_options:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():  # never shown: it may be a secret
            raise _wrong(section, "client_options", "holds an entry that is not NAME=VALUE")
        named[name.strip()] = value.strip()
    return named


def _check_url(section: ObjectStore, option: str, url: str) -> str:
    """Return the kind of store that a url names."""
    try:
        return parse_address(url).kind
    except InvalidRequestError as error:
        raise _wrong(section, option, str(error)) from None


def _check_id(section: ObjectStore) -> None:
    try:
        if section.backend_id:
            check_backend_id(section.backend_id)
    except InvalidRequestError as error:
        raise _wrong(section, "backend_id", f"{error.facts['problem']}; {error.facts['remedy']}") from None


def _wrong(section: ObjectStore, option: str, problem: str) -> SettingsError:
    return settings_error([(f"[object_store] {option}", section.sources[option], problem)])
