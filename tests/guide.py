"""A guide of docs/how-to, followed: its commands as they stand, in places of the test's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent.parent / "docs/how-to"
_SNIPPET = re.compile(r"^( *)```(sh|text)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_PLACES = ("/var/lib/statekeep", "/var/backups/statekeep", "/etc/statekeep", "/srv")
# What differs between two runs: ids, instants, numbers.
_OWN = re.compile(r"[0-9a-f]{32}|\d{4}-\d\d-\d\dT[0-9:+]+|\d[\d,]*")


class Snippet(NamedTuple):
    """Commands (``sh``), or what those before it print (``text``)."""

    kind: str
    text: str


class Reader:
    """Follows a guide in a folder, where its absolute places are."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STATEKEEP")}
        self.environ = inherited | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "STATEKEEP_CONFIG": "",
            **variables,
        }
        for place in _PLACES:
            self.place(place).mkdir(parents=True)

    def place(self, path: str) -> Path:
        """Return where a path of the guide is."""
        return self.folder / path[1:]

    def in_its_place(self, text: str) -> str:
        for place in _PLACES:
            text = text.replace(place, str(self.place(place)))
        return text

    def follows(self, commands: str, status: int = 0) -> str:
        """Run commands as the reader would; return what was printed."""
        ran = subprocess.run(
            ["sh", "-e", "-c", self.in_its_place(commands)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == status, f"{commands}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout


def snippets(guide: str, section: str | None = None) -> list[Snippet]:
    """Return what can be followed in a guide, or in one section of it."""
    text = (_FOLDER / guide).read_text("utf-8")
    if section is not None:
        text = text[text.index(f"## {section}\n") :].split("\n## ", 1)[0]
    return [
        Snippet(kind, re.sub(f"^{indent}", "", body, flags=re.MULTILINE))
        for indent, kind, body in _SNIPPET.findall(text)
    ]


def without_own(text: str) -> str:
    """Return a text without what differs between two runs."""
    return _OWN.sub("#", text)
