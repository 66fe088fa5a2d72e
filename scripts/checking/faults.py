"""A fault, and how a check ends: a line per fault on standard output, a status for the caller."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, in one line: where, what, and what a person does about it."""

    kind: str
    place: str
    wrong: str
    remedy: str

    @property
    def advice(self) -> str:
        """What the reader of the line is to do."""
        return self.remedy

    @property
    def line(self) -> str:
        """The fault as it is printed; always a single line, whatever it quotes."""
        return " ".join(f"{self.place}: {self.wrong} [{self.kind}]; {self.advice}".split())


def report(faults: Sequence[Fault], subject: str) -> int:
    """Print the faults, or that there is none, and return the exit status: 1 with faults, 0 without."""
    for fault in faults:
        print(fault.line)
    if faults:
        print(f"{subject}: {len(faults)} fault{'s' if len(faults) > 1 else ''}")
        return 1
    print(f"{subject}: no fault")
    return 0
