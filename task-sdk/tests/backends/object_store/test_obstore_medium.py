"""The client library is asked for when it is needed, and never after a fork."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import pytest
from backends.stored_object import GENERATION, task
from statekeep.backends import ObjectStoreBackend
from statekeep.errors import InvalidRequestError, StoreUnusableError, UnavailableError


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(StoreUnusableError, match=r"pip install 'statekeep\[objectstore\]'"):
        ObjectStoreBackend("s3://bucket")


def test_an_option_that_the_store_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="nonsense"):
        ObjectStoreBackend("s3://bucket", options={"nonsense": "1"})


@pytest.mark.parametrize(
    "options",
    [
        {"allow_http": True},
        {"http1_only": "true"},
        {"proxy_url": "http://127.0.0.1:1"},
        {"timeout": "5s", "read_timeout": "1s"},
        {"user_agent": "x", "default_headers": {"a": "b"}},
    ],
)
def test_the_clients_own_options_are_among_the_options(options: dict[str, object]) -> None:
    # The library panics when it meets one among the store's, past every handler of errors.
    ObjectStoreBackend("s3://bucket", options=options)


def test_a_plain_web_server_is_no_object_store() -> None:
    with pytest.raises(InvalidRequestError, match="neither S3"):
        ObjectStoreBackend("https://www.example.org/objects")


def test_what_the_store_misses_is_said() -> None:
    with pytest.raises(InvalidRequestError, match="account_name is not set"):
        ObjectStoreBackend("az://container/p")


_FORKING = """
import os, signal, sys
from statekeep import TaskScope
from statekeep.backends import ObjectStoreBackend
backend = ObjectStoreBackend(sys.argv[1])
scope = TaskScope("d", "r", "t")
backend.set(scope, "k", "1")
child = os.fork()
if child == 0:
    signal.alarm(20)  # a call that hangs ends here
    try:
        print(backend.get(scope, "k"), flush=True)
    except Exception as error:
        print(error, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


def _printed_by_fork(url: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", _FORKING, url],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    ).stdout


def test_in_a_forked_child_a_service_is_refused_instead_of_waiting_for_ever() -> None:
    printed = _printed_by_fork("memory://")
    assert "does not survive a fork" in printed
    assert printed.endswith("\n0\n")


def test_in_a_forked_child_local_files_go_on(tmp_path: object) -> None:
    assert _printed_by_fork(f"file://{tmp_path}") == "1\n0\n"


def test_a_deleted_object_that_the_service_does_not_know_is_no_error() -> None:
    ObjectStoreBackend("memory://").delete(task(), "never set")


def test_an_answer_that_the_library_panics_at_is_an_error_like_any_other() -> None:
    error = "<Error><Key>asked by nobody</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
    body = f"<?xml version='1.0'?><DeleteResult>{error}</DeleteResult>"
    answer = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n{body}"

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer.encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        options = {"endpoint": endpoint, "region": "x", "access_key_id": "a", "secret_access_key": "b"}
        backend = ObjectStoreBackend("s3://bucket", store_id="s", max_retries=0, options=options)
        with pytest.raises(UnavailableError, match="did not understand"):
            backend.delete_objects([(task(), f"k~{GENERATION}")])
        server.join()
