"""With which status ``statekeep run`` exits, besides the command's own."""

from __future__ import annotations

SUCCEEDED = 0
FAILED = 1
USAGE = 64
LOST = 65
UNAVAILABLE = 69
INTERNAL = 70
TRY_RUNNING = 75
CONFLICT = 76
SUPERSEDED = 77
CONFIGURATION = 78
NOT_EXECUTABLE = 126
NOT_FOUND = 127
_SIGNALLED = 128

# What each means to whoever reads `statekeep run --help`. Those from sysexits.h mean what they mean there.
MEANINGS: tuple[tuple[str, str], ...] = (
    ("0", "the command succeeded, now or in an earlier run (which is said)"),
    (str(USAGE), "the command line or a request was wrong; nothing was run"),
    (str(UNAVAILABLE), "the store could not be used for too long, or until this was stopped; run it again"),
    (str(INTERNAL), "a fault of Statekeep itself"),
    (str(TRY_RUNNING), "another try of this task is running; nothing was run"),
    (str(CONFLICT), "the command succeeded, but its asset writes do not apply any more: the try has failed"),
    (str(SUPERSEDED), "another try has taken over while the command ran"),
    (str(CONFIGURATION), "a setting is wrong or the store cannot be used here; nothing was run"),
    (f"{NOT_EXECUTABLE}, {NOT_FOUND}", "the command cannot be executed, was not found"),
    ("128+N", "the command was ended by signal N"),
    ("other", "the command's own"),
)

_BY_CODE = {
    "unavailable": UNAVAILABLE,
    "internal_fault": INTERNAL,
    "try_running": TRY_RUNNING,
    "already_succeeded": SUCCEEDED,
    "conflict": CONFLICT,
    "superseded": SUPERSEDED,
    "try_finished": SUPERSEDED,
    "store_unusable": CONFIGURATION,
    "unsupported": CONFIGURATION,
    "invalid_settings": CONFIGURATION,
    "backend_mismatch": CONFIGURATION,
    "reference_missing": LOST,
    "reference_corrupt": LOST,
}


# The store does not know the try, or not as this supervisor's: it is another store than the one it began in.
_NOT_OF_A_WRITE = ("unauthenticated", "forbidden")


def of_refusal(code: str) -> int:
    """Return the status with which a run ends that the store refused to start or to finish."""
    return _BY_CODE.get(code, USAGE)


def of_unfinished(code: str) -> int:
    """Return the status of a run whose command has ended and whose end the store refused to record as it was.

    What is not about the try or the store is about an asset write that no longer applies: the store has
    recorded the failure then.
    """
    if code in _NOT_OF_A_WRITE:
        return UNAVAILABLE
    return _BY_CODE.get(code, CONFLICT)


def is_end_unknown(code: str) -> bool:
    """Return whether the store may take a try for running whose end it refused for this reason."""
    return of_unfinished(code) in (UNAVAILABLE, INTERNAL, CONFIGURATION)


def of_wait_status(wait_status: int) -> int:
    """Return the status for what ``waitpid`` said of the command: its own, or 128 + the signal's number."""
    import os

    code = os.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else _SIGNALLED - code


def of_signal(signal_number: int) -> int:
    """Return the status of a run that a signal ended."""
    return _SIGNALLED + signal_number
