"""The socket of a task process: it closes its own descriptor and no other."""

from __future__ import annotations

import os
import socket

from statekeep.channel.client_socket import ClientSocket


def test_its_descriptor_is_closed_with_it() -> None:
    opened = ClientSocket()
    number = opened.fileno()
    assert opened.is_own
    opened.close()
    opened.close()
    assert not opened.is_own
    with socket.socket() as next_one:
        assert next_one.fileno() == number


def test_a_descriptor_that_somebody_closed_is_no_error() -> None:
    opened = ClientSocket()
    os.close(opened.fileno())
    assert not opened.is_own
    opened.close()


def test_a_descriptor_that_somebody_else_has_by_now_stays_open() -> None:
    opened = ClientSocket()
    with socket.socket() as other:
        os.dup2(other.fileno(), opened.fileno())
        number = opened.fileno()
        assert not opened.is_own
        opened.close()
        assert os.path.sameopenfile(number, other.fileno())
        os.close(number)
