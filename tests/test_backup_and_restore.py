"""The guide to backups works as it stands: its commands, in their order, and what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs/how-to/backup-and-restore.md"
_SNIPPET = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs between two runs: ids, instants, numbers.
_OWN = re.compile(r"[0-9a-f]{32}|\d{4}-\d\d-\d\dT[0-9:+]+|\d[\d,]*")
_PLACES = ("/var/lib/statekeep", "/var/backups/statekeep", "/srv")


@pytest.mark.slow  # starts a process for every command
def test_who_follows_the_guide_gets_what_it_says(tmp_path: Path) -> None:
    for place in _PLACES:
        (tmp_path / place[1:]).mkdir(parents=True)
    folder = tmp_path / "objects"
    folder.mkdir()
    exported = in_its_place(tmp_path, first_command())
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STATEKEEP")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "STATEKEEP_CONFIG": "",
        "STATEKEEP__WORKERS__STATE_BACKEND": "statekeep.backends.ObjectStoreBackend",
        "STATEKEEP__OBJECT_STORE__URL": f"file://{folder}",
        "STATEKEEP__OBJECT_STORE__THRESHOLD_BYTES": "0",
    }
    job = "statekeep run --dag d --run r --task t -- sh -c"
    said = ""

    # While the guide is followed up to its first backup, a job runs that has written a value.
    with subprocess.Popen(
        ["sh", "-c", f"{exported}\n{job} 'statekeep state set k 1; echo set; read go_on'"],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stdout.readline() == "set\n"
        for number, (kind, text) in enumerate(_SNIPPET.findall(GUIDE.read_text("utf-8"))):
            if kind == "sh":
                said = followed(tmp_path, environ, f"{exported}\n{in_its_place(tmp_path, text)}")
                if "db backup" in text:
                    running.communicate("\n")
            else:
                assert without_own(in_its_place(tmp_path, text)) == without_own(said), number
    again = followed(tmp_path, environ, f"{exported}\n{job} 'statekeep state get k'")
    assert again == "1\n"


def first_command() -> str:
    found = _SNIPPET.search(GUIDE.read_text("utf-8"))
    assert found is not None
    return found[2]


def in_its_place(folder: Path, text: str) -> str:
    """Put the guide's places below a folder of the test's own."""
    for place in _PLACES:
        text = text.replace(place, f"{folder}{place}")
    return text


def without_own(text: str) -> str:
    return _OWN.sub("#", text)


def followed(folder: Path, environ: dict[str, str], commands: str) -> str:
    """Run commands as the reader would; return what was printed."""
    ran = subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{commands}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def test_every_snippet_is_one_that_the_test_runs() -> None:
    assert GUIDE.read_text("utf-8").count("\n```") == 2 * len(_SNIPPET.findall(GUIDE.read_text("utf-8")))
