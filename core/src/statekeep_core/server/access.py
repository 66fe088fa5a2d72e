"""Who asks: the holder of a credential, or a try with its token."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from statekeep_core._shared.state.errors import InvalidRequestError, StatekeepError, UnauthenticatedError
from statekeep_core.metastore import credentials, signing_keys

from .caller import Caller
from .tokens import TaskToken, Tokens, UnknownKeyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from statekeep_core._shared.state.wire import Plain
    from statekeep_core.metastore.credentials import CredentialRecord
    from statekeep_core.metastore.signing_keys import SigningKey
    from statekeep_core.policy import Work

    from .engine import Engine

DEFAULT_TOKEN_SECONDS = 900.0
# So long a revoked credential may still be taken, and an unknown one is looked for again.
_FRESH_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 1.0
# Asked for this late, it is read again beforehand, so that under load nobody waits for it.
_READ_AHEAD_SECONDS = 2.5
# A store that does not tell by then is away, and what is known is taken for so long.
_PATIENCE_SECONDS = 1.0
_TRUSTED_SECONDS = 60.0
# What the credential of the first start is called.
FIRST = "first"
_PREFIX = "statekeep_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SECRET_BYTES = 32


class _Known(NamedTuple):
    credentials: dict[bytes, CredentialRecord]
    tokens: Tokens
    keys: tuple[SigningKey, ...]
    read_at: float


def add_credential(work: Work, name: str, role: str, lifetime_seconds: float | None) -> str:
    """Make a credential and return its text, which is nowhere else. Raises :class:`InvalidRequestError`."""
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            what=f"name of a credential {name!r:.80}",
            problem="is not 1 to 64 letters, digits, dots, hyphens and underscores",
            remedy="give it another name",
        )
    text = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    lifetime_us = None if lifetime_seconds is None else int(lifetime_seconds * 1_000_000)
    expires_at = None if lifetime_us is None else work.tx.now.wall_us + lifetime_us
    credentials.add(work.tx, name, digest_of(text), role, expires_at)
    return text


def add_signing_key(work: Work) -> None:
    """Make a key that signs from now on. Tokens of the older keys are good until those are removed."""
    signing_keys.make(work.tx)


def prepare(work: Work) -> str | None:
    """Make what a first start needs: a signing key, and a credential for a worker, whose text is returned.

    None when there was a credential before.
    """
    if not signing_keys.every(work.tx):
        add_signing_key(work)
    if credentials.every(work.tx):
        return None
    return add_credential(work, FIRST, credentials.WORKER, None)


def digest_of(text: str) -> bytes:
    """Return what the store keeps of a credential. It is 256 random bits, which need no slow digest."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


class Access:
    """Tells who asks, by what the store knows; reads that again every few seconds, when somebody asks."""

    def __init__(
        self,
        engine: Engine,
        *,
        token_seconds: float = DEFAULT_TOKEN_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._token_seconds = token_seconds
        self._now = now
        self._known: _Known | None = None
        self._reading: asyncio.Task[_Known] | None = None

    async def caller_of(self, authorization: str | None) -> Caller:
        """Return who shows this ``Authorization`` header. Raises :class:`UnauthenticatedError`."""
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise UnauthenticatedError(
                problem="the request has no credential", remedy="set [api] credential to one of this server's"
            )
        known = await self._fresh(_FRESH_SECONDS)
        caller = self._find(known, text.strip())
        if caller is None:
            known = await self._fresh(_LOOK_AGAIN_SECONDS, insists=True)
            caller = self._find(known, text.strip())
        if caller is None:
            raise _unknown(text.strip())
        return caller

    def check_token_age(self, token: TaskToken) -> None:
        """Raise :class:`UnauthenticatedError` when the token has expired."""
        if self._now() >= token.expires_at_seconds:
            raise UnauthenticatedError(
                problem="the task's token has expired", remedy="renew it with a heartbeat"
            )

    async def first_token(self, started: Plain) -> str:
        """Return the token of a try that has just started."""
        grants = tuple((grant["asset_id"], grant["writable"]) for grant in started["grants"])
        return await self._issued(started["ti_id"], started["instance_id"], started["try_number"], grants)

    async def renewed_token(self, token: TaskToken) -> str | None:
        """Return a new token for the same try; None while more than half of the old one's time is left."""
        if token.expires_at_seconds - self._now() > self._token_seconds / 2:
            return None
        return await self._issued(token.ti_id, token.instance_id, token.try_number, token.grants)

    async def _issued(self, ti_id: str, instance_id: int, try_number: int, grants: tuple[Any, ...]) -> str:
        known = await self._keys_for_what_is_committed()
        expires_at = self._now() + self._token_seconds
        return known.tokens.issue(TaskToken(ti_id, instance_id, try_number, expires_at, grants))

    async def _keys_for_what_is_committed(self) -> _Known:
        """Return what the store knows, or what it knew when the request came if it is away meanwhile.

        A refusal now would tell of a try that has started that nothing was changed.
        """
        try:
            return await self._fresh(_FRESH_SECONDS)
        except StatekeepError:
            if self._known is None:
                raise
            return self._known

    def _find(self, known: _Known, text: str) -> Caller | None:
        if text.startswith(_PREFIX):
            record = known.credentials.get(digest_of(text))
            if record is None or not record.is_live(int(self._now() * 1_000_000)):
                return None
            return Caller(record.name, record.role)
        try:
            return Caller(token=known.tokens.read(text))
        except UnknownKeyError:
            return None

    async def _fresh(self, seconds: float, *, insists: bool = False) -> _Known:
        """Return what the store knows, read so long ago at most.

        While it is away, what it knew not long ago will do, unless somebody ``insists``.
        """
        known = self._known
        age_seconds = _TRUSTED_SECONDS if known is None else time.monotonic() - known.read_at
        if known is not None and age_seconds < seconds:
            if age_seconds >= _READ_AHEAD_SECONDS:
                self._being_read()
            return known
        reading = self._being_read()
        if known is None or insists or age_seconds >= _TRUSTED_SECONDS:
            return await asyncio.shield(reading)
        await asyncio.wait([reading], timeout=_PATIENCE_SECONDS)
        return self._known or known

    def _being_read(self) -> asyncio.Task[_Known]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read())
            self._reading.add_done_callback(_take_note)
        return self._reading

    async def _read(self) -> _Known:
        read_at = time.monotonic()
        records, keys = await self._engine.transact(
            lambda work: (credentials.every(work.tx), tuple(signing_keys.every(work.tx)))
        )
        before = self._known
        # The same keys keep the same object, and with it what it has verified.
        tokens = before.tokens if before is not None and before.keys == keys else Tokens(keys)
        self._known = _Known({record.digest: record for record in records}, tokens, keys, read_at)
        return self._known


def _unknown(text: str) -> UnauthenticatedError:
    if text.startswith(_PREFIX):
        return UnauthenticatedError(
            problem="the credential is unknown, revoked or expired",
            remedy="set [api] credential to one that `statekeep server credentials list` shows",
        )
    return UnauthenticatedError(
        problem="what was shown is no credential, and no try's token that a key of this server has signed",
        remedy="start the task again if its signing key was removed; else give [api] credential in full",
    )


def _take_note(reading: asyncio.Task[_Known]) -> None:
    """Look at an error that nobody waits for: what was known is good for a while, and is read again."""
    if not reading.cancelled():
        reading.exception()
