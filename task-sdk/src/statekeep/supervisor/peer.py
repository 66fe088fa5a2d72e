"""Who is at the other end of a Unix socket, as the kernel says."""

from __future__ import annotations

import os
import socket
import struct
import sys

_LINUX_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred, unix(7)
_MACOS_CREDENTIALS = struct.Struct("Ii")  # version, uid: the head of struct xucred, unix(4)
_MACOS_LOCAL_LEVEL, _MACOS_LOCAL_PEERCRED, _MACOS_XUCRED_BYTES = 0, 1, 76


def is_same_user(connection: socket.socket) -> bool:
    """Return whether the peer runs as the same user as this process."""
    return _peer_user_id(connection) == os.geteuid()


def _peer_user_id(connection: socket.socket) -> int:
    if sys.platform == "linux":
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _LINUX_CREDENTIALS.size)
        return int(_LINUX_CREDENTIALS.unpack(raw)[1])
    raw = connection.getsockopt(_MACOS_LOCAL_LEVEL, _MACOS_LOCAL_PEERCRED, _MACOS_XUCRED_BYTES)
    return int(_MACOS_CREDENTIALS.unpack_from(raw)[1])
