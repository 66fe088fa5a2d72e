"""The thread that uses a store: nobody else does, and nobody waits for ever."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import InternalFaultError, StoreUnusableError, UnavailableError
from statekeep._shared.state.wire import Plain, to_plain
from statekeep.client.store_client import call
from statekeep.client.store_thread import StoreThread

CLAIMS = m.TryClaims(1, 1)


class WatchedStore:
    """A store that notes who uses it, and answers a group when the test lets it."""

    def __init__(self) -> None:
        self.path = Path("nowhere")
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.is_asked = threading.Event()
        self.groups: list[int] = []
        self.users = {threading.current_thread()}
        self.fault: Exception | None = None

    def handle_group(self, calls: Sequence[tuple[Plain, str, Plain]]) -> list[Plain]:
        self.users.add(threading.current_thread())
        self.is_asked.set()
        assert self.may_answer.wait(20)
        self.groups.append(len(calls))
        if self.fault is not None:
            raise self.fault
        return [to_plain(m.Written(len(self.groups)))] * len(calls)

    def close(self) -> None:
        self.users.add(threading.current_thread())
        if self.fault is not None:
            raise self.fault


def open_watched() -> tuple[StoreThread, WatchedStore]:
    opened: list[WatchedStore] = []

    def open_store() -> WatchedStore:
        opened.append(WatchedStore())
        return opened[0]

    return StoreThread(open_store), opened[0]


def test_the_store_is_opened_used_and_closed_in_one_thread_which_is_no_callers() -> None:
    client, store = open_watched()
    assert call(client, CLAIMS, m.Set("k", b"1")) == m.Written(1)
    client.close()
    assert len(store.users) == 1
    assert threading.current_thread() not in store.users


def test_what_waits_while_a_group_is_answered_is_the_next_group() -> None:
    client, store = open_watched()
    store.may_answer.clear()
    replies: list[Plain] = []
    for number in range(10):
        client.submit(to_plain(CLAIMS), to_plain(m.Set("k", b"1")), str(number), on_reply=replies.append)
        assert store.is_asked.wait(20)  # with the first
    store.may_answer.set()
    client.close()
    assert store.groups == [1, 9]
    assert len(replies) == 10


def test_a_store_that_cannot_be_opened_is_said_where_it_was_wanted() -> None:
    def fail() -> WatchedStore:
        raise StoreUnusableError(what="the store", problem="is odd", remedy="look at it")

    with pytest.raises(StoreUnusableError, match="is odd"):
        StoreThread(fail)


def test_what_comes_after_the_end_is_refused_and_nobody_waits_for_it() -> None:
    client, _store = open_watched()
    client.close()
    client.close()
    with pytest.raises(UnavailableError, match="was closed"):
        call(client, CLAIMS, m.Set("k", b"1"))


def test_a_fault_of_the_store_is_an_answer_and_one_in_closing_it_is_raised() -> None:
    client, store = open_watched()
    store.fault = ZeroDivisionError("odd")
    with pytest.raises(InternalFaultError, match="ZeroDivisionError"):
        call(client, CLAIMS, m.Set("k", b"1"))
    with pytest.raises(ZeroDivisionError):
        client.close()


def test_a_signal_handler_that_raises_ends_the_waiting_and_not_what_is_waited_for() -> None:
    was_interrupted = threading.Event()

    def interrupt(number: int, where: object) -> None:
        if not was_interrupted.is_set():
            was_interrupted.set()
            raise KeyboardInterrupt

    def interrupt_when_asked() -> None:
        assert store.is_asked.wait(20)
        while not was_interrupted.wait(
            0.01
        ):  # one that comes just before the lock is waited for does not wake
            signal.pthread_kill(main, signal.SIGUSR1)

    client, store = open_watched()
    store.may_answer.clear()
    main = threading.main_thread().ident or 0
    previous = signal.signal(signal.SIGUSR1, interrupt)
    interrupting = threading.Thread(target=interrupt_when_asked)
    interrupting.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call(client, CLAIMS, m.Set("k", b"1"))
        interrupting.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    store.may_answer.set()
    assert call(client, CLAIMS, m.Set("k", b"2")) == m.Written(2)
    client.close()
