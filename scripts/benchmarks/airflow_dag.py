"""The DAG whose tasks Apache Airflow's server keeps state for, as many as there are connections."""

# Airflow is no dependency of this repository: whoever measures it has it in an environment of its own.
from airflow.providers.standard.operators.empty import EmptyOperator  # type: ignore[import-not-found]
from airflow.sdk import DAG  # type: ignore[import-not-found]

with DAG("statekeep_bench", schedule=None):
    for number in range(64):
        EmptyOperator(task_id=f"t{number}")
