"""With which status the command exits, besides `statekeep run`, and how `--help` says so."""

from __future__ import annotations

from ..supervisor import exit_status

# Python itself ends with 1, 2 or 120 and a shell with 126 and more; sysexits.h begins at 64. Whoever
# compares with 3 never takes a crash for an absent key.
ABSENT = 3
OUTPUT_LOST = 74  # EX_IOERR

_ALWAYS = {
    0: "it is done",
    exit_status.USAGE: "it was refused; the message says why",
    exit_status.UNAVAILABLE: "the store or the supervisor does not answer",
    exit_status.INTERNAL: "a fault of Statekeep itself",
    OUTPUT_LOST: "standard output is closed or took not all of it",
    exit_status.CONFIGURATION: "a setting is wrong or the store cannot be used here",
    130: "it was interrupted",
    141: "nobody reads its output",
}
_IN_A_TASK = {exit_status.SUPERSEDED: "the task's try has ended, or another has taken over"}
_CONFLICT = {
    exit_status.CONFLICT: "nothing was written: another version stands, or the asset was deactivated"
}
_ABSENT = {ABSENT: "there is no such key, and no --default"}
_NO_SUCH_TASK = {exit_status.USAGE: "it was refused, or there is no such task or asset; the message says why"}

_VALUE_LOST = {exit_status.LOST: "the value's object is gone or is not what was written; nothing was printed"}
_VALUES_LOST = {
    exit_status.LOST: "with --values: an object is gone or is not what was written; the others are shown",
    exit_status.FAILED: "with --values: a backend failed; the values of others are shown",
}
_UNUSABLE = {exit_status.FAILED: "a backend failed; what is wrong is said"}
_LEFT = {
    exit_status.FAILED: "something could not be removed, or has been due for more than a day and no backend "
    "here can;\n       what that is is said, and what was removed is gone"
}
_WRONG = {exit_status.FAILED: "check: something is wrong with the store; what that is is said"}
_STOPPED = {0: "it is done; a server: it was told to stop, and has answered what it had"}


def _shown(meanings: dict[int, str]) -> str:
    return "\n".join(["exit status:", *(f"  {status:<5}{meanings[status]}" for status in sorted(meanings))])


OF_GETTING = _shown(_ALWAYS | _IN_A_TASK | _NO_SUCH_TASK | _VALUE_LOST | _ABSENT)
OF_WRITING = _shown(_ALWAYS | _IN_A_TASK | _NO_SUCH_TASK | _CONFLICT)
OF_READING = _shown(_ALWAYS | _IN_A_TASK | _NO_SUCH_TASK | _VALUES_LOST)
OF_ENTRIES = _shown(_ALWAYS | _IN_A_TASK | _NO_SUCH_TASK | _VALUE_LOST | _ABSENT | _CONFLICT)
OF_LISTING = _shown(_ALWAYS)
OF_CHECKING = _shown(_ALWAYS | _UNUSABLE)
OF_SWEEPING = _shown(_ALWAYS | _LEFT)
# Of what the core adds.
OF_STORES = _shown(_ALWAYS | _WRONG)
OF_SERVING = _shown(_ALWAYS | _STOPPED)
