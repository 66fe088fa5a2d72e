"""Makes a run of airflow_dag.py whose tasks count as running; prints a line of id and token for each.

Run in an interpreter that has Airflow, with its settings in the environment, after `airflow db migrate`.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

# Airflow is no dependency of this repository: whoever measures it has it in an environment of its own.
from airflow.executors.local_executor import LocalExecutor  # type: ignore[import-not-found]
from airflow.models.serialized_dag import SerializedDagModel  # type: ignore[import-not-found]
from airflow.utils.session import create_session  # type: ignore[import-not-found]
from airflow.utils.state import DagRunState, TaskInstanceState  # type: ignore[import-not-found]
from airflow.utils.types import DagRunTriggeredByType, DagRunType  # type: ignore[import-not-found]

_DAG = "statekeep_bench"
_TOKEN_SECONDS = 12 * 3_600


def main() -> None:
    now = datetime.now(UTC)
    with create_session() as session:
        run = _run(SerializedDagModel.get(_DAG, session=session).dag, now, session)
        session.flush()
        instances = run.get_task_instances(session=session)
        for instance in instances:
            instance.state, instance.start_date = TaskInstanceState.RUNNING, now
        session.flush()
        ids = [str(instance.id) for instance in instances]
    # What the executor hands to a worker, made by the executor's own means.
    generator = LocalExecutor(parallelism=1).jwt_generator
    for task_id in ids:
        token = generator.generate(extras={"sub": task_id, "scope": "execution"}, valid_for=_TOKEN_SECONDS)
        sys.stdout.write(f"INSTANCE {task_id} {token}\n")


def _run(dag: Any, now: datetime, session: Any) -> Any:
    return dag.create_dagrun(
        run_id="bench",
        logical_date=now,
        data_interval=(now, now),
        run_after=now,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        session=session,
    )


main()
