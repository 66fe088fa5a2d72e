"""Clean environments outside the repository, and what runs in them."""

from __future__ import annotations

import subprocess
from types import MappingProxyType
from typing import TYPE_CHECKING

from smoke.builds import clean_variables, run_uv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_NONE: Mapping[str, str] = MappingProxyType({})


class SmokeError(Exception):
    """Something that was built did not do what a user would expect of it."""


class Environment:
    """A virtual environment and a home of its own, in which only what was asked for is installed."""

    def __init__(self, folder: Path, wheels: Sequence[Path | str], constraints: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        self._variables = clean_variables() | self._own_places()
        run_uv("venv", "--quiet", str(folder / "venv"), folder=folder)
        into = ("--python", str(self.python), "--constraints", str(constraints))
        run_uv("pip", "install", "--quiet", *into, *map(str, wheels), folder=folder)

    def run(self, *command: str, variables: Mapping[str, str] = _NONE) -> subprocess.CompletedProcess[str]:
        """Run a command of this environment, whatever its status, with its output captured as text."""
        return subprocess.run(
            [str(self.python.parent / command[0]), *command[1:]],
            cwd=self.folder,
            env={**self._variables, **variables},
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def started(
        self,
        *command: str,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        variables: Mapping[str, str] = _NONE,
    ) -> subprocess.Popen[str]:
        """Start a command of this environment; whoever asks for its pipes reads them."""
        return subprocess.Popen(
            [str(self.python.parent / command[0]), *command[1:]],
            cwd=self.folder,
            env={**self._variables, **variables},
            text=True,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    def output_of(self, *command: str, status: int = 0, variables: Mapping[str, str] = _NONE) -> str:
        """What the command printed. Raises `SmokeError` when it ended with another status than that."""
        finished = self.run(*command, variables=variables)
        if finished.returncode != status:
            raise SmokeError(
                f"`{' '.join(command)}` ended with status {finished.returncode} instead of {status}\n"
                f"--- output\n{finished.stdout}--- errors\n{finished.stderr}"
            )
        return finished.stdout

    def output_of_code(self, code: str) -> str:
        """What the Python code printed, run without anything but this environment in sight."""
        return self.output_of("python", "-I", "-c", code)

    def _own_places(self) -> dict[str, str]:
        """Nothing is read from the caller's configuration, and nothing is left in the caller's store."""
        path = f"{self.python.parent}:/usr/local/bin:/usr/bin:/bin"
        home = self.folder / "home"
        home.mkdir()
        return {
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PATH": path,
        }
