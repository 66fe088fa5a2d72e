"""The address of a service that is not the provider's own, from wherever the client library takes it.

It is a part of what tells one store from another, whether an option gave it or the environment.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from ..._shared.state.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPTIONS = ("endpoint", "endpoint_url", "aws_endpoint", "aws_endpoint_url", "azure_endpoint")
# The library lets this one win over any option.
_STRONGEST = "AWS_ENDPOINT_URL_S3"
_S3 = (_STRONGEST, "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_AZURE = ("AZURE_ENDPOINT", "AZURE_STORAGE_ENDPOINT")
_VARIABLES = MappingProxyType(
    {"s3": _S3, "s3a": _S3} | dict.fromkeys(("az", "azure", "abfs", "abfss", "adl"), _AZURE)
)


def endpoint_of(url: str, options: Mapping[str, object], environ: Mapping[str, str]) -> str:
    """Return the endpoint that requests go to, or "" for the provider's own.

    Raises ``invalid_request``, which never shows it, for one that could hold a password (it is a part of what
    the client says of each request), and for two that contradict each other.
    """
    given = next((str(options[name]) for name in _OPTIONS if options.get(name)), "")
    variables = _VARIABLES.get(url.partition("://")[0], ())
    strongest = environ.get(_STRONGEST, "") if _STRONGEST in variables else ""
    if given and strongest and given != strongest:
        problem = f"is given twice, by an option and by the environment variable {_STRONGEST}"
        raise _refused(problem, "keep one, or give the same in both")
    found = given or next((environ[name] for name in variables if environ.get(name)), "")
    if any(mark in found for mark in "@?#"):
        raise _refused("holds a query, a fragment or a user's name", "give scheme, host and port only")
    return found


def _refused(problem: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(
        what="the endpoint of an object store", problem=problem, remedy=remedy, option="endpoint"
    )
