"""The README shows what runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_is_the_job_that_the_demo_kills() -> None:
    job = (ROOT / "demo" / "load_flights.py").read_text(encoding="utf-8").rstrip()
    assert f"```python\n{job}\n```" in README


@pytest.mark.slow
def test_the_shell_script_submits_a_job_once_and_never_after_a_crash(tmp_path: Path) -> None:
    folder, script = _command_folder(tmp_path), tmp_path / "script"
    script.write_text(_shell_script(), encoding="utf-8")
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STATEKEEP")},
        "PATH": os.pathsep.join((str(folder), str(Path(sys.executable).parent), os.environ["PATH"])),
        "STATEKEEP_CONFIG": "",
        "STATEKEEP__DATABASE__URL": str(tmp_path / "state.db"),
    }

    def status_of_run(*prefix: str) -> int:
        supervised = ("statekeep", "run", "--dag=d", "--run=r", "--task=t", "--outlet=flights", "--")
        return subprocess.run(
            [*supervised, *prefix, "sh", script], cwd=tmp_path, env=environ, check=False
        ).returncode

    # As when the disk that Python lies on is gone, and when the output is.
    assert status_of_run("env", "PYTHONHOME=/nowhere") == 1
    assert not (tmp_path / "submitted").exists()
    assert status_of_run() == 5  # the waiting is cut off
    assert status_of_run("env", "PYTHONHOME=/nowhere") == 1
    (tmp_path / "finished").touch()
    assert status_of_run() == 0
    assert (tmp_path / "submitted").read_text() == "once\n"


def test_every_path_that_the_documents_link_to_is_there() -> None:
    pages = [README, *(path.read_text(encoding="utf-8") for path in ROOT.glob("*.md"))]
    links = {link for page in pages for link in _links(page) if "://" not in link}
    assert [link for link in sorted(links) if not (ROOT / link).exists()] == []
    assert len(links) > 10


def _command_folder(parent: Path) -> Path:
    """Make a folder with the two commands that the script stands on."""
    folder = parent / "bin"
    folder.mkdir()
    for name, lines in (
        ("submit-job", "echo once >>submitted; echo job-1"),
        ("wait-for-job", 'test "$1" = job-1 && test -e finished || exit 5'),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{lines}\n")
        (folder / name).chmod(0o755)
    return folder


def _shell_script() -> str:
    start = README.index("#!/bin/sh")
    return README[start : README.index("```", start)]


def _links(page: str) -> list[str]:
    return [part.split(")")[0].split("#")[0] for part in page.split("](")[1:]]
