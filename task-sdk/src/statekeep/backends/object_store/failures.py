"""What a service answered, in the contract's errors and in words that say what is wrong."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import NamedTuple

from ..._shared.state.errors import InvalidRequestError, StatekeepError, StoreUnusableError, UnavailableError

_ALLOW = "grant what docs/how-to/use-s3.md lists"
_SCHEME = "correct its port, or give it as http:// if nothing needs to be encrypted on the way"
_REGION = "set the option region to the bucket's"
_CREDENTIALS = "set them as options, or in the environment that the worker runs in"
_CORRECT = "correct it, in the option or in the environment that the worker runs in"


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
        "InvalidAccessKeyId": _Cause("the access key id is unknown", _CORRECT),
        "SignatureDoesNotMatch": _Cause("the secret access key is wrong", _CORRECT),
        "ExpiredToken": _Cause("the credentials have expired", "renew them"),
        "InvalidToken": _Cause("the session token is not valid", _CORRECT),
        "RequestTimeTooSkewed": _Cause("this machine's clock is wrong", "set the clock, for instance by NTP"),
        "AccessDenied": _Cause("the credentials do not allow it, or there is no such bucket", _ALLOW),
        "AuthorizationHeaderMalformed": _Cause("the region is wrong", _REGION),
        "PermanentRedirect": _Cause("the bucket is in another region", _REGION),
        "AuthenticationFailed": _Cause("the account key or token is wrong", _CORRECT),
        "AuthorizationFailure": _Cause("the account key or token is wrong", _CORRECT),
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
        "BadScheme": _Cause(
            "its endpoint is not encrypted",
            "give an https:// endpoint, or allow_http=true among the client_options (in Python, options)",
        ),
        "Received redirect without LOCATION": _CODES["PermanentRedirect"],
        "InvalidContentType": _Cause("its endpoint does not speak TLS", _SCHEME),
        "invalid peer certificate": _Cause("its certificate is not trusted", "install its issuer's"),
    }
)
_RETRIES = re.compile(r"\bretries: (\d+),\s+max_retries: (\d+)")
# Of one object among many that were to be deleted. Its path is no key that anybody gave, and is not repeated.
_LEFT = re.compile(r"DeleteObjects request failed for key .*\(code: (\w+)\)")
# Of a url and options that no client could be made of: a sign of it, the option to blame, and what is wrong.
_UNOPENED = (
    ("Missing SecretAccessKey", "secret_access_key", "access_key_id is set, and secret_access_key is not"),
    ("Missing AccessKeyId", "access_key_id", "secret_access_key is set, and access_key_id is not"),
    ("Account must be specified", "account_name", "account_name is not set"),
    ("Invalid Access Key", "account_key", "account_key is not base64"),
    ("service account file", "service_account", "the file that service_account names cannot be read"),
)
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>|^x-ms-error-code: (\w+)", re.MULTILINE)
_MESSAGE = re.compile(r"<Message>([^<\n]{1,200})")
_PASSING_STATUSES = frozenset({408, 425, 429})
_URL = re.compile(
    r"[a-z0-9+.-]+://\S+"
)  # of a request; its endpoint may hold a password, its query a signature
_SILENCES = MappingProxyType(
    {
        "tls handshake eof": "the connection was cut before anything was encrypted; "
        "if its endpoint does not speak TLS, give it as http://",
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
    left = _LEFT.search(said)
    if left is not None:
        return _undeleted(where, left[1])
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


def unopened(where: str, said: str) -> InvalidRequestError:
    """Return the error for a url and options that no client could be made of.

    Its fact ``option`` names the one to correct.
    """
    problem, option, remedy = said.partition("\n")[0].rstrip(".")[:200], "url", "correct its url and options"
    for sign, blamed, known in _UNOPENED:
        if sign in said:
            problem, option, remedy = known, blamed, f"set {blamed} rightly"
    what = f"the object store {where} cannot be opened:"
    return InvalidRequestError(what=what, problem=problem, remedy=remedy, option=option)


def _undeleted(where: str, code: str) -> StatekeepError:
    if code == "AccessDenied":
        return _unusable(where, "the credentials do not allow deleting objects", _ALLOW)
    return UnavailableError(what=where, problem=f"it answered {code} to deleting objects")


def _was_given_up_at_once(said: str) -> bool:
    retries = _RETRIES.search(said)
    return "kind: Timeout" in said and retries is not None and int(retries[1]) < int(retries[2])


def _unusable(where: str, problem: str, remedy: str) -> StoreUnusableError:
    return StoreUnusableError(what=where, problem=problem, remedy=remedy)


def _code(said: str) -> str:
    found = _CODE.search(said)
    return "" if found is None else found[1] or found[2]


def _message(said: str) -> str:
    found = _MESSAGE.search(said)
    return "" if found is None else f"({found[1]})"


def _silence(said: str) -> str:
    known = next((words for sign, words in _SILENCES.items() if sign in said), "")
    return known or _URL.sub("(url)", said.partition("\n")[0])[:200]
