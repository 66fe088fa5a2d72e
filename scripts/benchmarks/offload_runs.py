"""Runs of what the offloading benchmark measures: Statekeep's supervised task, and Airflow's backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.offload_places import Place

COMMAND = str(Path(sys.executable).with_name("statekeep"))
_TASK = Path(__file__).with_name("offload_task.py")
_AIRFLOW = Path(__file__).with_name("offload_airflow.py")


class Runs:
    """Runs processes on one store of Statekeep's, and those of Airflow when its interpreter is known."""

    def __init__(self, store_environ: Mapping[str, str], folder: Path, airflow_python: str | None) -> None:
        self.store_environ = store_environ
        self._folder = folder
        self._airflow_python = airflow_python

    @property
    def has_airflow(self) -> bool:
        """Whether there is an Airflow to put beside."""
        return self._airflow_python is not None

    def task(
        self,
        run: str,
        place: Place,
        measurement: str,
        *arguments: Any,
        environ: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the figures of a supervised task; runs of one name share their state."""
        names = ("--dag", "bench", "--run", run, "--task", "offload", "--rerun")
        command = [COMMAND, "run", *names, "--", sys.executable, str(_TASK)]
        return self._figures(
            command, {**self.store_environ, **place.own, **(environ or {})}, measurement, arguments
        )

    def airflow(self, run: str, place: Place, measurement: str, *arguments: Any) -> Any:
        """Return the figures of Airflow's backend; runs of one name share what they have written."""
        if self._airflow_python is None:
            return {}
        path = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH"
        environ = {
            **place.airflow,
            path: f"{place.airflow[path]}/{run}",
            "AIRFLOW_HOME": str(self._folder / "airflow"),
        }
        command = [self._airflow_python, str(_AIRFLOW)]
        return self._figures(command, {**os.environ, **environ}, measurement, arguments)

    def _figures(
        self, command: list[str], environ: Mapping[str, str], measurement: str, arguments: tuple[Any, ...]
    ) -> Any:
        with tempfile.NamedTemporaryFile(mode="r", dir=self._folder) as report:
            given = [report.name, measurement, *map(json.dumps, arguments)]
            ran = subprocess.run(
                [*command, *given], env=dict(environ), capture_output=True, text=True, check=False
            )
            if ran.returncode != 0:
                raise SystemExit(f"{' '.join(command)} failed:\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}")
            return json.load(report)
