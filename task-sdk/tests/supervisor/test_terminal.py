"""Tasks at a terminal: they can read from it, and Ctrl-C and Ctrl-Z go to them."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from statekeep_command import THE_TASK, Statekeep

pytestmark = pytest.mark.slow

CTRL_C, CTRL_Z = b"\x03", b"\x1a"


class Session:
    """An interactive shell at a terminal of its own; ``supervised`` is how it runs a script as the task."""

    def __init__(self, statekeep: Statekeep) -> None:
        self._seen = b""
        self.process_id, self._terminal = pty.fork()
        if self.process_id == 0:
            os.chdir(statekeep.folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], statekeep.environ | {"PS1": ""})

    def supervise(self, script: str, *, options: tuple[str, ...] = (), after: str = "") -> None:
        words = " ".join([sys.executable, "-m", "statekeep", "run", *THE_TASK, *options, "--", "sh", "-c"])
        self.send(f"{words} '{script}'{after}\n".encode())

    def send(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def wait_for(self, text: str) -> None:
        """Wait until the terminal has shown this since the last wait."""
        while text.encode() not in self._seen:
            self._seen += os.read(self._terminal, 4096)
        self._seen = self._seen.partition(text.encode())[2]

    def close(self) -> None:
        os.close(self._terminal)
        os.waitpid(self.process_id, 0)


@contextmanager
def shell(statekeep: Statekeep) -> Iterator[Session]:
    session = Session(statekeep)
    try:
        yield session
    finally:
        session.close()


# The shell echoes what is typed, so that what a script prints is spelled otherwise than in the script.


def test_a_task_reads_from_the_terminal_and_the_shell_gets_it_back(statekeep: Statekeep) -> None:
    with shell(statekeep) as session:
        session.supervise("echo rea''dy; read line; echo got-$line")
        session.wait_for("ready")
        session.send(b"word\n")
        session.wait_for("got-word")
        session.send(b"echo back-$?-$((40 + 2))\n")
        session.wait_for("back-0-42")


def test_ctrl_c_ends_the_task_and_no_retry_follows(statekeep: Statekeep) -> None:
    with shell(statekeep) as session:
        session.supervise("echo rea''dy; exec sleep 60", options=("--retries=3",))
        session.wait_for("ready")
        session.send(CTRL_C)
        session.wait_for("ended by signal 2 (SIGINT)")
        session.send(b"echo status-$?-$((40 + 2))\n")
        session.wait_for("status-130-42")
    assert statekeep.statuses() == ["failed"]


def test_a_script_around_it_has_the_terminal_afterwards(statekeep: Statekeep) -> None:
    supervised = f"{sys.executable} -m statekeep run {' '.join(THE_TASK)} -- sh -c 'read line'"
    (statekeep.folder / "script").write_text(f"{supervised}\nread word; echo got-$word\n")
    with shell(statekeep) as session:
        session.send(b"sh script\n")
        session.send(b"first\n")
        session.send(b"second\n")
        session.wait_for("got-second")


def test_a_task_that_handles_ctrl_c_goes_on(statekeep: Statekeep) -> None:
    with shell(statekeep) as session:
        session.supervise('trap "echo cau""ght" INT; echo rea""dy; read line || read line; echo got-$line')
        session.wait_for("ready")
        session.send(CTRL_C)
        session.wait_for("caught")
        session.send(b"word\n")
        session.wait_for("got-word")
        session.send(b"echo status-$?-$((40 + 2))\n")
        session.wait_for("status-0-42")
    assert statekeep.statuses() == ["succeeded"]


def test_ctrl_z_stops_the_job_and_fg_continues_it(statekeep: Statekeep) -> None:
    with shell(statekeep) as session:
        session.supervise("echo rea''dy; read line; echo got-$line")
        session.wait_for("ready")
        session.send(CTRL_Z)
        session.wait_for("Stopped")
        session.send(b"fg\n")
        session.wait_for("statekeep run")
        session.send(b"word\n")
        session.wait_for("got-word")


def test_a_job_in_the_background_leaves_the_terminal_to_the_shell(statekeep: Statekeep) -> None:
    with shell(statekeep) as session:
        session.supervise("echo rea''dy; read line; echo got-$line", after=" &")
        session.send(b"echo shell-$((40 + 2))\n")
        session.wait_for("shell-42")
        session.send(b"while ! jobs | grep -q Stop; do sleep 0.01; done; echo stop''ped\n")
        session.wait_for("stopped")
        session.send(b"fg\n")
        session.wait_for("statekeep run")
        session.send(b"word\n")
        session.wait_for("got-word")
