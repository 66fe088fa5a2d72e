"""Objects of a service, or in memory, through obstore (Rust's ``object_store``)."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from ..._shared.state.errors import (
    StoreUnusableError,
    UnavailableError,
    UnsupportedError,
)
from ...config import process_environment
from .address import MEMORY
from .endpoints import endpoint_of
from .failures import UnansweredError, failure, is_missing_bucket, unopened
from .medium import Listed, ObjectAbsentError, ObjectExistsError
from .patience import MAX_PAUSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from .address import Address
    from .patience import Patience

_LIST_PAGE = 1_000
_STREAM_BYTES = 1 << 20
_LONGEST_TRANSFER = timedelta(hours=1)
# What the library raises, past every `except Exception`, when a service answers what it did not think of. The
# class can be imported from nowhere.
_PANIC = "PanicException"
# The library takes these apart from a store's own options, and panics when it meets one among them.
_CLIENT_OPTIONS = frozenset(
    [
        "allow_http",
        "allow_invalid_certificates",
        "connect_timeout",
        "default_content_type",
        "default_headers",
        "http1_only",
        "http2_keep_alive_interval",
        "http2_keep_alive_timeout",
        "http2_keep_alive_while_idle",
        "http2_only",
        "pool_idle_timeout",
        "pool_max_idle_per_host",
        "proxy_url",
        "proxy_ca_certificate",
        "proxy_excludes",
        "randomize_addresses",
        "read_timeout",
        "root_certificate",
        "timeout",
        "user_agent",
    ]
)


class ObstoreMedium:
    """One bucket and prefix. Its store is opened at once, which sends nothing yet."""

    is_async = True
    creates_in_parts = False

    # process-wide, because the client library's threads are: they do not live on in a forked child, where
    # every call would wait for them for ever.
    _used_in_process: ClassVar[int | None] = None

    def __init__(
        self,
        address: Address,
        options: Mapping[str, Any],
        patience: Patience,
        *,
        part_bytes: int,
        parallel_parts: int,
    ) -> None:
        self._obstore = load_obstore()
        self._where = address.url
        self._part_bytes = part_bytes
        self._parallel_parts = parallel_parts
        #: The service's address when it is not the provider's own.
        self.endpoint = endpoint_of(address.url, options, process_environment())
        self._store = self._opened(address, dict(options), patience)

    def put(self, path: str, body: bytes | Iterable[bytes], create: bool) -> None:
        with self._upload_kept(), self._translated():
            self._obstore.put(self._store, path, body, **self._put_options(body, create))

    async def aput(self, path: str, body: bytes | Iterable[bytes], create: bool) -> None:
        with self._upload_kept(), self._translated():
            await self._obstore.put_async(self._store, path, body, **self._put_options(body, create))

    def exists(self, path: str) -> bool:
        try:
            with self._translated():
                self._obstore.head(self._store, path)
        except ObjectAbsentError:
            return False
        return True

    async def aexists(self, path: str) -> bool:
        try:
            with self._translated():
                await self._obstore.head_async(self._store, path)
        except ObjectAbsentError:
            return False
        return True

    def open(self, path: str) -> _Stream:
        with self._translated():
            return _Stream(self, self._obstore.get(self._store, path))

    async def aopen(self, path: str) -> _Stream:
        with self._translated():
            return _Stream(self, await self._obstore.get_async(self._store, path))

    def read_start(self, path: str, most_bytes: int) -> bytes:
        with self._translated():
            return bytes(self._obstore.get_range(self._store, path, start=0, end=most_bytes))

    def delete(self, paths: Sequence[str]) -> None:
        try:
            with self._translated():
                self._obstore.delete(self._store, list(paths))
        except ObjectAbsentError:  # some services refuse to delete what is absent, and stop there
            for path in paths if len(paths) > 1 else ():
                self.delete([path])

    async def adelete(self, paths: Sequence[str]) -> None:
        try:
            with self._translated():
                await self._obstore.delete_async(self._store, list(paths))
        except ObjectAbsentError:  # some services refuse to delete what is absent, and stop there
            for path in paths if len(paths) > 1 else ():
                await self.adelete([path])

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        with self._translated():
            for page in self._obstore.list(self._store, folder, chunk_size=_LIST_PAGE):
                yield [Listed(found["path"], found["size"], found["last_modified"]) for found in page]

    def paths_below(self, folder: str) -> list[str]:
        with self._translated():
            found = self._obstore.list(self._store, folder, chunk_size=_LIST_PAGE).collect()
        return [str(one["path"]) for one in found]

    async def apaths_below(self, folder: str) -> list[str]:
        with self._translated():
            found = await self._obstore.list(self._store, folder, chunk_size=_LIST_PAGE).collect_async()
        return [str(one["path"]) for one in found]

    def remove_leftovers(self) -> None:
        """Nothing: parts of an upload that was never completed are removed by the bucket's own rules."""

    def _put_options(self, body: bytes | Iterable[bytes], create: bool) -> dict[str, Any]:
        if isinstance(body, bytes):
            return {"mode": "create" if create else "overwrite", "use_multipart": False}
        return {"chunk_size": self._part_bytes, "max_concurrency": self._parallel_parts}

    def _opened(self, address: Address, options: dict[str, Any], patience: Patience) -> Any:
        if address.kind == MEMORY:
            return self._obstore.store.MemoryStore()
        client = {
            "connect_timeout": timedelta(seconds=patience.connect_seconds),
            "read_timeout": timedelta(seconds=patience.answer_seconds),
            "timeout": _LONGEST_TRANSFER,  # of a whole object; a silent service is given up long before
            "allow_http": self.endpoint.startswith("http://"),
            **{name: options.pop(name) for name in _CLIENT_OPTIONS & options.keys()},
        }
        retries = {
            "max_retries": patience.max_retries,
            "retry_timeout": timedelta(seconds=patience.retry_seconds),
            "backoff": {"max_backoff": timedelta(seconds=min(MAX_PAUSE_SECONDS, patience.retry_seconds))},
        }
        try:
            if self._obstore.parse_scheme(address.url) == "http":
                raise ValueError("it is neither S3 nor Google's nor Azure's")
            return self._obstore.store.from_url(
                address.url, client_options=client, retry_config=retries, **options
            )
        except (self._obstore.exceptions.BaseError, TypeError, ValueError) as error:
            raise unopened(address.url, str(error)) from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise the errors of the medium, or the contract's, in place of the library's."""
        self._refuse_after_fork()
        errors = self._obstore.exceptions
        try:
            yield
        except errors.AlreadyExistsError:
            raise ObjectExistsError from None
        except FileNotFoundError as error:
            if is_missing_bucket(str(error)):
                raise failure(self._where, str(error)) from None
            raise ObjectAbsentError from None
        except (errors.BaseError, OSError) as error:
            raise failure(self._where, str(error)) from None
        except BaseException as error:  # a panic is no Exception, and its class has a name only
            if type(error).__name__ != _PANIC:
                raise
            problem = "the client library did not understand its answer"
            raise UnavailableError(what=self._where, problem=problem) from None

    @contextmanager
    def _upload_kept(self) -> Iterator[None]:
        try:
            yield
        except (
            ObjectAbsentError
        ):  # of parts that were aborted, or completed by a request whose answer was lost
            problem = "it does not know the upload any more; the outcome is unknown"
            raise UnansweredError(what=self._where, problem=problem) from None

    def _refuse_after_fork(self) -> None:
        own = os.getpid()
        if ObstoreMedium._used_in_process is None:
            ObstoreMedium._used_in_process = own
        elif ObstoreMedium._used_in_process != own:
            problem = "the client does not survive a fork; start child processes by 'spawn' or 'forkserver'"
            raise UnsupportedError(what=f"{self._where} in a forked process", problem=problem)


class _Stream:
    """An object that is being read, a mebibyte or more at a time."""

    def __init__(self, medium: ObstoreMedium, result: Any) -> None:
        self._medium = medium
        self._pieces = result.stream(min_chunk_size=_STREAM_BYTES)

    def read(self) -> bytes | None:
        with self._medium._translated():  # noqa: SLF001 -- a part of the same medium
            return next(self._pieces, None)

    async def aread(self) -> bytes | None:
        with self._medium._translated():  # noqa: SLF001 -- a part of the same medium
            return await anext(self._pieces, None)

    def close(self) -> None:
        """Nothing: the connection is let go of with the stream."""


def load_obstore() -> ModuleType:
    """Return the client library; raise ``store_unusable``, which names the extra, when it is absent."""
    try:
        import obstore
        import obstore.store
    except ImportError as error:
        raise StoreUnusableError(
            what="an object store",
            problem="obstore is not installed",
            remedy="pip install 'statekeep[objectstore]'",
        ) from error
    return obstore
