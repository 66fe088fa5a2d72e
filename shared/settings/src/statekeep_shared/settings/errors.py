"""What is wrong with settings: one fault per bad option, one error that carries them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Fault(NamedTuple):
    """One thing that is wrong, where, and what to do about it. Never holds a sensitive value."""

    option: str
    """`[section] name`, or as much of it as is known; for a file that cannot be read, the file."""
    source: str
    """Where the value was given: the variable, the file, the command line."""
    problem: str

    def __str__(self) -> str:
        return f"{self.option} ({self.source}): {self.problem}"


class SettingsError(Exception):
    """Settings were refused. Carries every fault that was found, not only the first; nothing was loaded."""

    code = "invalid_settings"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(dict.fromkeys(faults))
        count = len(self.faults)
        heading = "1 setting is wrong" if count == 1 else f"{count} settings are wrong"
        super().__init__("\n".join([f"{heading}:", *(f"  {fault}" for fault in self.faults)]))
