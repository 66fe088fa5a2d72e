"""How much a worker installs: the SDK's wheel and what it needs, in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measurement import Measurement

_ROOT = Path(__file__).resolve().parents[2]


def measure() -> list[Measurement]:
    """Install the SDK alone, without extras, and count."""
    uv = shutil.which("uv") or str(_ROOT / ".uv" / "bin" / "uv")
    with tempfile.TemporaryDirectory(prefix="statekeep-bench-") as folder:
        target = Path(folder) / "site"
        command = [uv, "pip", "install", "--quiet", "--target", str(target), str(_ROOT / "task-sdk")]
        subprocess.run([*command, "--python", sys.executable], check=True)
        size_bytes = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        packages = len(list(target.glob("*.dist-info")))
    return [
        Measurement("installed size of the worker's side, without extras", "MB", [size_bytes / 1e6], goal=15),
        Measurement("packages of the worker's side, without extras", "", [packages], goal=10),
    ]
