"""The url that a backend is given: what kind of store it names, and the references that lie under it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from ..._shared.state.errors import InvalidRequestError
from .layout import ENTRIES_ROOT, Origin, check_store_id, is_object_path, object_path
from .path_names import is_name

LOCAL, MEMORY, SERVICE = "local", "memory", "service"

# What S3 leaves of its 1,024 bytes when the longest path is taken off.
MAX_PREFIX_BYTES = 512

_SERVICE_SCHEMES = frozenset({"s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "https"})


class Address(NamedTuple):
    """A url in its one spelling, without a slash at the end; ``folder`` is what a local one names."""

    url: str
    kind: str
    folder: str

    def reference_to(self, path: str) -> str:
        """Return the reference of an object."""
        return f"{self.url}/{path}"

    def path_of(self, reference: str, origin: Origin | None, *, moved: bool = False) -> str:
        """Return the path of a reference; raise ``invalid_request`` when it is none of this store.

        A reference is never followed as it stands: it must be, character for character, what
        :meth:`reference_to` made of an object's path, and of the path of its origin when that is known.

        With ``moved``, the objects were once written under other urls, and a reference may begin with one of
        these. Only its origin says then where it leads, which is below this url.
        """
        start = f"{self.url}/"
        if not reference.startswith(start) and moved and origin is not None:
            return self._path_of_moved(reference, origin)
        path = reference.removeprefix(start)
        root = path.partition("/")[0]
        if not reference.startswith(start) or root == ENTRIES_ROOT:
            raise self._refused("lies outside of it, or is no reference at all")
        check_store_id(root)
        if origin is None and not _is_path(path):
            raise self._refused("is that of no object")
        if origin is not None and path != object_path(root, origin):
            raise self._refused("is not that of its key")
        return path

    def _path_of_moved(self, reference: str, origin: Origin) -> str:
        below_root = object_path("", origin)
        url, _, root = reference.removesuffix(below_root).rpartition("/")
        if not reference.endswith(below_root) or not _is_address(url):
            raise self._refused("is not that of its key, or no reference at all")
        check_store_id(root)
        return object_path(root, origin)

    def _refused(self, problem: str) -> InvalidRequestError:
        remedy = "the record was altered, or belongs to another backend"
        return InvalidRequestError(what=f"a reference given to {self.url}", problem=problem, remedy=remedy)


def parse_address(url: str) -> Address:
    """Return the address of a url; raise ``invalid_request``, which never shows the url.

    A url may hold a password where none belongs, so the message must not repeat it.
    """
    try:
        split = urlsplit(url) if type(url) is str else None
    except ValueError:
        split = None
    if split is None or not split.scheme:
        raise _refused("is no url", "give one such as s3://bucket/prefix or file:///folder")
    if split.query or split.fragment or "@" in split.netloc:
        problem = "holds a query, a fragment or a user's name"
        raise _refused(problem, "give bucket and prefix only; credentials are options")
    return _of_kind(split.scheme, split.netloc, split.path.rstrip("/"))


def _of_kind(scheme: str, place: str, path: str) -> Address:
    if scheme == "memory":
        if place or path:
            raise _refused("names a place in memory", "give memory://")
        return Address("memory://", MEMORY, "")
    _check_prefix(path)
    if scheme == "file":
        folder = unquote(path)
        if place or not folder:
            raise _refused("names no absolute folder", "give file:///folder, with three slashes")
        return Address(f"file://{quote(folder)}", LOCAL, folder)
    if scheme not in _SERVICE_SCHEMES:
        remedy = "give an s3://, gs://, az://, https://, file:// or memory:// url"
        raise _refused(f"has the unknown scheme {scheme!r}", remedy)
    if not place:
        raise _refused("names no bucket", f"give {scheme}://bucket/prefix")
    return Address(f"{scheme}://{place}{path}", SERVICE, "")


def _check_prefix(path: str) -> None:
    if any(part in ("", ".", "..") for part in unquote(path).split("/")[1:]):
        raise _refused("has an empty part, '.' or '..' in its path", "give the path without them")
    size_bytes = len(path.encode())
    if size_bytes > MAX_PREFIX_BYTES:
        problem = f"has a path of {size_bytes:,} bytes, over the limit of {MAX_PREFIX_BYTES}"
        raise _refused(problem, "give a shorter prefix")


def _is_path(path: str) -> bool:
    return all(is_name(part) for part in path.split("/")) and is_object_path(path)


def _is_address(url: str) -> bool:
    """Whether a url is one that references are made of: in its one spelling."""
    try:
        return parse_address(url).url == url
    except InvalidRequestError:
        return False


def _refused(problem: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(what="the url of an object store", problem=problem, remedy=remedy)
