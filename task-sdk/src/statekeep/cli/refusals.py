"""With which status the command exits for an error."""

from __future__ import annotations

from .._shared.settings import SettingsError
from .._shared.state.errors import StatekeepError
from ..supervisor import exit_status


def status_of(error: Exception) -> int:
    """Return the exit status for an error: by its cause if it was raised on purpose, else that of a fault."""
    if isinstance(error, (StatekeepError, SettingsError)):
        return exit_status.of_refusal(error.code)
    return exit_status.INTERNAL
