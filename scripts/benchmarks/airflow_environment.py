"""Where Apache Airflow is, to be measured beside: an interpreter that has it, named or made here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

RELEASE = "3.3.2"
VARIABLE = "STATEKEEP_BENCH_AIRFLOW_PYTHON"
_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / ".bench" / "airflow"
_PACKAGES = (
    f"apache-airflow=={RELEASE}",
    "apache-airflow-providers-common-io",
    "apache-airflow-providers-postgres",
    "asyncpg",
    "s3fs",
)


def airflow_python(named: str | None, *, installs: bool) -> str | None:
    """Return the interpreter that was named, by option or variable, or the one made here; None without any.

    With ``installs`` it is made when there is none, which takes 200 MB and some minutes.
    """
    python = named or os.environ.get(VARIABLE)
    if python:
        return python
    own = _FOLDER / "bin" / "python"
    if not own.exists() and installs:
        _install(own)
    return str(own) if own.exists() else None


def _install(python: Path) -> None:
    uv = shutil.which("uv") or str(_ROOT / ".uv" / "bin" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", "3.11", str(_FOLDER)], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--compile", "-p", str(python), *_PACKAGES], check=True)
