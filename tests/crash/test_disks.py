"""A full disk and a read-only one: real ones, mounted where only the test's processes see them."""

from __future__ import annotations

import functools
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.workplace import PATIENCE_SECONDS, ROOT, Workplace

pytestmark = pytest.mark.slow

# A namespace of mounts, by a user namespace where anybody may have one, else by root's right.
_WAYS_TO_MOUNT = (("unshare", "--user", "--map-root-user", "--mount"), ("unshare", "--mount"))
_STATEKEEP = (sys.executable, "-m", "statekeep")
_RUN = (
    *_STATEKEEP,
    "run",
    "--dag",
    "d",
    "--run",
    "r",
    "--task",
    "t",
    "--outlet",
    "table",
)


@functools.cache
def way_to_mount() -> tuple[str, ...] | None:
    """Return the command that gives a shell mounts of its own, or None where nobody may have them."""
    for way in _WAYS_TO_MOUNT:
        try:
            done = subprocess.run(
                [*way, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
            )
        except FileNotFoundError:
            return None
        if done.returncode == 0:
            return way
    return None


Shell = Callable[[str], int]


@pytest.fixture
def shell(workplace: Workplace) -> Shell:
    """Runs a script in the place, where it may mount things; returns its status."""
    way = way_to_mount()
    if way is None:
        # In CI nothing may be skipped.
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("nobody may mount a disk here: it needs Linux, and root or user namespaces")

    def run(script: str) -> int:
        with (workplace.path / "said").open("a") as said:
            done = subprocess.run(
                [*way, "sh", "-euc", script],
                env=workplace.environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        return done.returncode

    workplace.store_path.parent.mkdir()
    return run


def mounted(place: Workplace, size: str) -> str:
    return f"mount -t tmpfs -o size={size} tmpfs {place.store_path.parent}"


def running(*command: str) -> str:
    return shlex.join([*_RUN, "--", *command])


def test_a_task_that_fills_the_disk_loses_nothing_and_goes_on_when_there_is_room(
    workplace: Workplace, shell: Shell
) -> None:
    workplace.environ["STATEKEEP__WORKERS__LEASE_SECONDS"] = "1"
    report, copy = workplace.path / "report", workplace.path / "copy"
    disk = workplace.store_path.parent
    task = running(sys.executable, "-m", "tests.crash.fill_disk", str(disk), str(report))
    assert shell(f"{mounted(workplace, '600k')}; {task}; cp -r {disk} {copy}") == 0, workplace.said()
    facts = json.loads(report.read_text())
    assert facts["kept"] == facts["acknowledged"]
    assert facts["error"] == "UnavailableError"
    assert "its disk is full" in facts["refusal"]
    assert facts["refused_left_nothing"]
    assert facts["counted"][0] == facts["counted"][1]
    # The lease ran out meanwhile, or nearly; nobody took over, and the try is a success.
    disk.rmdir()
    copy.rename(disk)
    assert printed(workplace, "tries", "list").count("succeeded") == 1


def test_an_end_that_a_full_disk_refuses_is_recorded_when_there_is_room(
    workplace: Workplace, shell: Shell
) -> None:
    disk = workplace.store_path.parent
    balloon = disk / "balloon"
    fill = f"until ! head -c 4096 /dev/zero >> {balloon} 2>/dev/null; do :; done"
    # A job that succeeds with the disk so full that not even a page fits.
    task = running("sh", "-c", f"{sys.executable} -m statekeep state set k 1; {fill}")
    said = workplace.path / "said"
    # Bounded, so that nothing waits for ever when the test has failed.
    waiting = f"for _ in $(seq 2000); do grep -q 'could not be recorded' {said} && break; sleep 0.01; done"
    relief = f"({waiting}; rm {balloon}) &"
    script = f"{mounted(workplace, '600k')}; {relief} {task}; cp -r {disk} {workplace.path / 'copy'}"
    assert shell(script) == 0, workplace.said()
    disk.rmdir()
    (workplace.path / "copy").rename(disk)
    assert printed(workplace, "tries", "list").count("succeeded") == 1
    assert "its disk is full" in workplace.said()


def test_a_disk_too_small_for_a_store_is_said_in_one_line_and_takes_one_later(
    workplace: Workplace, shell: Shell
) -> None:
    disk = workplace.store_path.parent
    run = running("touch", str(workplace.path / "was run"))
    script = f"""
        {mounted(workplace, "100k")}
        {run} && exit 1 || status=$?
        test ! -e "{workplace.path / "was run"}"
        mount -o remount,size=4m {disk}
        {run}
        exit $status
    """
    assert shell(script) == 69, workplace.said()
    [line] = workplace.said().splitlines()
    assert "its disk is full" in line
    assert (workplace.path / "was run").exists()


@pytest.mark.parametrize("before", ["", running("true")], ids=["a new store", "a store that is there"])
def test_a_read_only_folder_is_said_in_one_line_and_nothing_is_run(
    workplace: Workplace, shell: Shell, before: str
) -> None:
    disk, listing = workplace.store_path.parent, workplace.path / "listing"
    script = f"""
        {mounted(workplace, "4m")}
        {before}
        ls -Rl {disk} > {listing}.before
        mount -o remount,ro {disk}
        {running("touch", str(workplace.path / "was run"), "--rerun")} && status=0 || status=$?
        ls -Rl {disk} > {listing}.after
        exit $status
    """
    assert shell(script) == 78, workplace.said()
    [line] = workplace.said().splitlines()
    assert line.startswith("statekeep: ")
    assert str(disk) in line
    assert "Read-only file system" in line
    assert "point [database] url to another place" in line
    assert not (workplace.path / "was run").exists()
    assert Path(f"{listing}.before").read_text() == Path(f"{listing}.after").read_text()
    assert workplace.left_behind() == []


def test_a_folder_that_was_read_only_for_a_while_has_lost_nothing(workplace: Workplace, shell: Shell) -> None:
    disk = workplace.store_path.parent
    run = running(*_STATEKEEP, "state", "set", "k", "1")
    script = f"""
        {mounted(workplace, "4m")}
        {run}
        mount -o remount,ro {disk}
        {run} && exit 1
        mount -o remount,rw {disk}
        {run}
    """
    assert shell(script) == 0, workplace.said()
    assert "already succeeded in try 1" in workplace.said()


def printed(place: Workplace, *command: str) -> str:
    """Return what a `statekeep` command prints about the place's store."""
    done = subprocess.run(
        [*_STATEKEEP, *command],
        env=place.environ,
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout
