"""The id that records keep beside a reference, by which they find the backend that can read it."""

from __future__ import annotations

from hashlib import sha256

from ..._shared.state.errors import InvalidRequestError

_OF_ENCRYPTED = "encrypted:"


def derived_backend_id(url: str, endpoint: str) -> str:
    """Return the id of the objects that are reached by this url and endpoint."""
    return f"object-store-{sha256(f'{url} {endpoint}'.encode()).hexdigest()[:32]}"


def check_backend_id(backend_id: str) -> None:
    """Raise ``invalid_request`` unless an object store can have the id.

    Where values are encrypted, an id is shown with a mark in front, which would come to stand there twice.
    """
    if not backend_id:
        raise InvalidRequestError(what="backend_id", problem="is empty", remedy="give an id, or None")
    if backend_id.startswith(_OF_ENCRYPTED):
        problem = f"begins with {_OF_ENCRYPTED!r}, which encryption puts in front by itself"
        remedy = f"give {backend_id.removeprefix(_OF_ENCRYPTED)}"
        raise InvalidRequestError(what="backend_id", problem=problem, remedy=remedy)
