"""Find a process by its arguments, and kill it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

PROC = Path("/proc")


def kill(pid: int) -> bool:
    """SIGKILL; whether the process was still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def find_process(arguments: Sequence[str]) -> int | None:
    """The process that was started with exactly these arguments after its interpreter's name."""
    wanted = " ".join(arguments)
    return next((pid for pid, given in running_processes() if given == wanted), None)


def running_processes() -> Iterator[tuple[int, str]]:
    """Every process that this user may look at, with its arguments after the first, joined by spaces."""
    if (PROC / "self").exists():
        for entry in PROC.iterdir():
            if entry.name.isdigit():
                yield int(entry.name), arguments_of(entry)
        return
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True
    )
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command.strip().partition(" ")[2]


def arguments_of(entry: Path) -> str:
    """The arguments of the process in this folder of /proc; nothing when it has just ended."""
    try:
        words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return " ".join(words[1:]).strip()
