"""The guide to writing a backend works as it stands: its files, its commands, and what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs/how-to/write-a-backend.md"
PLAIN_BACKEND = ROOT / "task-sdk/tests/backends/plain_backend.py"
_SNIPPET = re.compile(r"^```(\w*)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Snippet(NamedTuple):
    kind: str
    file: str
    text: str


def snippets() -> Iterator[Snippet]:
    for found in _SNIPPET.finditer(GUIDE.read_text("utf-8")):
        yield Snippet(found[1], found[2] or "", found[3])


@pytest.mark.slow  # runs the conformance suite twice, in processes of its own
def test_who_follows_the_guide_gets_what_it_says(tmp_path: Path) -> None:
    said = ""
    for snippet in snippets():
        if snippet.kind == "python":
            append(tmp_path / snippet.file, snippet.text)
        elif snippet.kind == "sh":
            said = followed(tmp_path, snippet.text)
        else:
            missing = [line for line in snippet.text.splitlines() if line not in said]
            assert not missing, said
    assert (tmp_path / "folder_backend.py").read_text() == PLAIN_BACKEND.read_text(), (
        "the guide's plain backend and the one that the SDK's tests keep have drifted apart"
    )


def append(file: Path, text: str) -> None:
    """Add a snippet to its file, after two blank lines."""
    before = f"{file.read_text()}\n\n" if file.exists() else ""
    file.write_text(before + text)


def followed(folder: Path, commands: str) -> str:
    """Run a snippet of commands as a reader would, who has statekeep installed; return what was printed."""
    environ = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "FOLDER_BACKEND")
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}"
    ran = subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=folder,
        env={**environ, "PATH": path, "STATEKEEP_CONFIG": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{commands}\n{ran.stdout}\n{ran.stderr}"
    return f"{ran.stdout}\n{ran.stderr}"


def test_every_snippet_is_one_that_the_test_runs() -> None:
    kinds = [(snippet.kind, bool(snippet.file)) for snippet in snippets()]
    assert set(kinds) == {("python", True), ("sh", False), ("text", False)}
    assert GUIDE.read_text("utf-8").count("\n```") == 2 * len(kinds)
    before = [kinds[at - 1][0] for at, (kind, _) in enumerate(kinds) if kind == "text"]
    assert set(before) == {"sh"}, "what is printed stands right after the commands that print it"
