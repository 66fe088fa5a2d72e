"""Task tokens: what a try shows instead of a credential. Each opens one task instance's door, for a while."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jwt

from statekeep_core._shared.state.errors import UnauthenticatedError
from statekeep_core._shared.state.messages import TryClaims
from statekeep_core._shared.state.wire import to_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from statekeep_core._shared.state.wire import Plain
    from statekeep_core.metastore.signing_keys import SigningKey

_ALGORITHM = "HS256"
# A token travels in a header. Which assets a try may use is the store's to say, in the statement that writes;
# what a token lists is what was granted when the try started, for whoever reads a token.
_MOST_GRANTS_LISTED = 100
_REMEMBERED_TOKENS = 10_000
# As this issues them. Decoders pass over what is no base64, so one token could be spelled in endless ways,
# and each would be remembered.
_SPELLING = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")
_LONGEST_CHARACTERS = 8_192


class UnknownKeyError(Exception):
    """A token was signed with a key that is not among these: another server's newer one, or a removed one."""


@dataclass(frozen=True)
class TaskToken:
    """What a token says. ``grants`` are pairs of an asset's id and whether it may be written."""

    ti_id: str
    instance_id: int
    try_number: int
    expires_at_seconds: float
    grants: tuple[tuple[int, bool], ...] = ()

    @cached_property
    def claims(self) -> Plain:
        """The claims with which its try asks the store; whoever has them changes nothing in them."""
        return to_plain(TryClaims(self.instance_id, self.try_number))


class Tokens:
    """Signs tokens with the first of these keys, and verifies those that any of them has signed."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._signing = keys[0]
        self._secrets = {key.key_id: key.secret for key in keys}
        # Verifying takes 40 us, looking up here less than one. Full, it forgets the oldest.
        self._verified: dict[str, TaskToken] = {}

    def issue(self, token: TaskToken) -> str:
        """Return a token's text."""
        claims: dict[str, Any] = {
            "sub": token.ti_id,
            "instance_id": token.instance_id,
            "try_number": token.try_number,
            "exp": int(token.expires_at_seconds),
        }
        if len(token.grants) <= _MOST_GRANTS_LISTED:
            claims["grants"] = token.grants
        return jwt.encode(
            claims, self._signing.secret, algorithm=_ALGORITHM, headers={"kid": self._signing.key_id}
        )

    def read(self, text: str) -> TaskToken:
        """Return what a token says, whether or not it has expired.

        Raises :class:`UnauthenticatedError` for what is none, and :class:`UnknownKeyError`.
        """
        known = self._verified.get(text)
        if known is not None:
            return known
        token = self._verify(text)
        if len(self._verified) >= _REMEMBERED_TOKENS:
            self._verified.pop(next(iter(self._verified)))
        self._verified[text] = token
        return token

    def _verify(self, text: str) -> TaskToken:
        if len(text) > _LONGEST_CHARACTERS or not _SPELLING.fullmatch(text):
            raise _not_issued()
        try:
            secret = self._secrets.get(str(jwt.get_unverified_header(text).get("kid")))
            if secret is None:
                raise UnknownKeyError
            claims = jwt.decode(
                text,
                secret,
                algorithms=[_ALGORITHM],  # and no other that the token may name
                options={"require": ["sub", "exp"], "verify_exp": False},
            )
            grants = tuple((int(asset_id), bool(writable)) for asset_id, writable in claims.get("grants", ()))
            return TaskToken(
                claims["sub"],
                int(claims["instance_id"]),
                int(claims["try_number"]),
                float(claims["exp"]),
                grants,
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError):
            raise _not_issued() from None


def _not_issued() -> UnauthenticatedError:
    return UnauthenticatedError(
        problem="the token was not issued by this store", remedy="start the task again"
    )
