"""Where key lists come from: a file that others cannot read, a command, an environment variable.

Nothing here says what was read, not even in part: what looks malformed may be a key with a slip of the pen.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from .refusals import keys_unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT_BYTES = 65_536  # hundreds of keys
_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_GROUP_WRITE_AND_OTHERS = stat.S_IWGRP | stat.S_IRWXO


def file_text(path: str) -> str:
    """Return what a key file holds; raise ``store_unusable`` when it cannot be read, or others can."""
    what = f"key file {path}"
    try:
        # A fifo without a writer would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        remedy = "check the path, and as which user the worker runs"
        raise keys_unusable(what, str(error.strerror), remedy) from None
    try:
        # Of what was opened, not of what the path names by now.
        _check_status(what, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(_LIMIT_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _LIMIT_BYTES:
        problem = f"it is longer than {_LIMIT_BYTES:,} bytes"
        raise keys_unusable(what, problem, "name the file that holds the keys")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise keys_unusable(what, "it is not UTF-8", "write one ID:KEY a line, the key as base64") from None


def _check_status(what: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise keys_unusable(what, "it is no regular file", "name the file that holds the keys")
    refusal = permission_refusal(status.st_mode, status.st_uid, os.geteuid())
    if refusal is not None:
        raise keys_unusable(what, *refusal)


def permission_refusal(mode: int, owner: int, user: int) -> tuple[str, str] | None:
    """Return what is wrong with a key file's permissions and what to do about it; None when nothing is.

    The user's own file is closed to group and others. A file of root's, as orchestrators mount secrets, may
    be readable by the group: the group is how the user may read it at all.
    """
    shown = f"{stat.S_IMODE(mode):04o}"
    if owner not in (user, 0):
        return (
            f"it belongs to user {owner}, who could replace the keys",
            f"chown it to user {user} or to root",
        )
    if owner == user and mode & _GROUP_AND_OTHERS:
        return f"its mode is {shown}, so others than its owner have access", "chmod it to 0600 or 0400"
    if mode & _GROUP_WRITE_AND_OTHERS:
        return f"its mode is {shown}, so others than its group have access", "chmod it to 0440 or 0400"
    return None


def command_text(command: str, environ: Mapping[str, str]) -> str:
    """Return what a command prints, run without a shell; neither it nor its output appears in an error."""
    from ..._shared.settings.sources import UnreadableError, command_output  # 4 ms, for a command only

    try:
        return command_output(command, environ)
    except UnreadableError as error:
        what, remedy = "the setting for encryption keys", "run the command by hand, as the worker's user"
        raise keys_unusable(what, str(error), remedy) from None


def variable_text(variable: str, environ: Mapping[str, str]) -> str:
    """Return what an environment variable holds; raise ``store_unusable`` when it is not set."""
    text = environ.get(variable, "")
    if not text:
        remedy = "set it to ID:KEY, the key as base64 of 32 random bytes"
        raise keys_unusable(f"environment variable {variable}", "it is not set", remedy)
    return text
