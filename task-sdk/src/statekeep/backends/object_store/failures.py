"""What a service answered, in the contract's errors and in words that say what is wrong."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import NamedTuple

from ..._shared.state.errors import StatekeepError, StoreUnusableError, UnavailableError

_ALLOW = "grant what docs/how-to/use-s3.md lists"
_REGION = "set the option region to the bucket's"
_CREDENTIALS = "set them as options, or in the environment that the worker runs in"


class _Cause(NamedTuple):
    problem: str
    remedy: str


class UnansweredError(UnavailableError):
    """A request met silence, and the client did not repeat it: it may have taken effect.

    That is so of creating an object, and of deleting several: the client repeats the others by itself.
    """


# By the code in a service's answer, which says more than the status.
_CODES = MappingProxyType(
    {
        "NoSuchBucket": _Cause("the bucket does not exist", "create it, or correct the url"),
        "ContainerNotFound": _Cause("the container does not exist", "create it, or correct the url"),
        "InvalidAccessKeyId": _Cause("the access key id is unknown", _CREDENTIALS),
        "SignatureDoesNotMatch": _Cause("the secret access key is wrong", _CREDENTIALS),
        "ExpiredToken": _Cause("the credentials have expired", "renew them"),
        "InvalidToken": _Cause("the session token is not valid", _CREDENTIALS),
        "RequestTimeTooSkewed": _Cause("this machine's clock is wrong", "set the clock, for instance by NTP"),
        "AccessDenied": _Cause("the credentials do not allow it, or there is no such bucket", _ALLOW),
        "AuthorizationHeaderMalformed": _Cause(
            "the region is wrong", "set the option region to the bucket's"
        ),
        "PermanentRedirect": _Cause(
            "the bucket is in another region", "set the option region to the bucket's"
        ),
        "AuthenticationFailed": _Cause("the account key or token is wrong", _CREDENTIALS),
        "AuthorizationFailure": _Cause("the account key or token is wrong", _CREDENTIALS),
        "AuthorizationPermissionMismatch": _Cause(
            "the credentials do not allow it", "grant reading and writing"
        ),
    }
)
# By what the client says when nothing was answered that has a code.
_PHRASES = MappingProxyType(
    {
        "169.254.": _Cause("there are no credentials", _CREDENTIALS),
        "metadata.google": _Cause("there are no credentials", _CREDENTIALS),
        "The specified bucket does not exist": _CODES["NoSuchBucket"],
        "BadScheme": _Cause("its endpoint is not encrypted", "use https, or set allow_http"),
        "Received redirect without LOCATION": _CODES["PermanentRedirect"],
        "invalid peer certificate": _Cause("its certificate is not trusted", "install its issuer's"),
    }
)
_RETRIES = re.compile(r"\bretries: (\d+),\s+max_retries: (\d+)")
_STATUS = re.compile(r"status code: (\d{3})")
# The last is that of one object among many that were to be deleted.
_CODE = re.compile(r"<Code>(\w+)</Code>|^x-ms-error-code: (\w+)|\(code: (\w+)\)", re.MULTILINE)
_MESSAGE = re.compile(r"<Message>([^<\n]{1,200})")
_PASSING_STATUSES = frozenset({408, 425, 429})
_URL = re.compile(
    r"[a-z0-9+.-]+://\S+"
)  # of a request; its endpoint may hold a password, its query a signature
_SILENCES = MappingProxyType(
    {
        "dns error": "its host name is not known",
        "TimedOut": "it did not answer in time",
        "ConnectionRefused": "the connection was refused",
        "ConnectionReset": "the connection was cut",
        "IncompleteMessage": "the connection was cut",
    }
)


def is_missing_bucket(said: str) -> bool:
    """Whether "not found" was said of the bucket: that is no absent object, and never None."""
    return any(sign in said for sign in ("NoSuchBucket", "ContainerNotFound", "specified bucket does not"))


def failure(where: str, said: str) -> StatekeepError:
    """Return the error for what an object store's client said; ``where`` is the backend's url.

    The text itself is not repeated: it can hold a signature, and is pages long.
    """
    code = _code(said)
    cause = _CODES.get(code) or next((known for sign, known in _PHRASES.items() if sign in said), None)
    if cause is not None:
        return _unusable(where, cause.problem, cause.remedy)
    status = _STATUS.search(said)
    if status is None:
        cls = UnansweredError if _was_given_up_at_once(said) else UnavailableError
        return cls(what=where, problem=_silence(said))
    answered = " ".join(part for part in (f"it answered {status[1]}", code, _message(said)) if part)
    if int(status[1]) >= 500 or int(status[1]) in _PASSING_STATUSES:
        return UnavailableError(what=where, problem=answered)
    return _unusable(where, answered, "check the url, the endpoint and the credentials")


def _was_given_up_at_once(said: str) -> bool:
    retries = _RETRIES.search(said)
    return "kind: Timeout" in said and retries is not None and int(retries[1]) < int(retries[2])


def _unusable(where: str, problem: str, remedy: str) -> StoreUnusableError:
    return StoreUnusableError(what=where, problem=problem, remedy=remedy)


def _code(said: str) -> str:
    found = _CODE.search(said)
    return "" if found is None else found[1] or found[2] or found[3]


def _message(said: str) -> str:
    found = _MESSAGE.search(said)
    return "" if found is None else f"({found[1]})"


def _silence(said: str) -> str:
    known = next((words for sign, words in _SILENCES.items() if sign in said), "")
    return known or _URL.sub("(url)", said.partition("\n")[0])[:200]
