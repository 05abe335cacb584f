#!/usr/bin/env bash
# Airflow 3.3.2: a clear is lost if the scheduler ends the DAG run between the clear's read of the run and its commit
#
# Guessed: a clear locks the run, as the scheduler does, or the scheduler sees at the next loop that a task has no state.
# Seen: the clear reads the run as running and leaves its state alone; the scheduler's "failed" stays. The run is failed,
# its task has no state, and no query of the scheduler gives the run again: the task never runs, and nothing says so.
# Matters: what clears a task as soon as it has failed (a script, a test, a callback through the REST API) waits forever
# on a busy Airflow. Clear after the run has ended, and look whether the run is queued. An end-to-end test of ours hung.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 \
    apache-airflow-providers-standard==1.21.0
mkdir "$work/dags"
cat >"$work/dags/night.py" <<'PYTHON'
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("night", schedule=None):
    BashOperator(task_id="export", bash_command="exit 1")
PYTHON
export PATH="$work/env/bin:$PATH" AIRFLOW_HOME=$work/airflow AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__DAGS_FOLDER=$work/dags
airflow db migrate >"$work/log" 2>&1
airflow dags reserialize >>"$work/log" 2>&1
airflow dags trigger night --run-id one >>"$work/log" 2>&1
python - >"$work/log" 2>&1 <<'PYTHON'
from airflow import settings
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from sqlalchemy import select

new_session = settings.Session.session_factory
with new_session() as worker:  # the task has failed, and the scheduler has not looked yet
    run = worker.scalar(select(DagRun))
    run.state, run.task_instances[0].state = "running", "failed"
    worker.commit()

api, scheduler = new_session(), new_session()
task = api.scalar(select(TaskInstance))
print("API", task.dag_run.state)
run = scheduler.scalar(select(DagRun))
run.dag = SerializedDagModel.get("night", session=scheduler).dag
run.update_state(session=scheduler)
scheduler.commit()
clear_task_instances([task], api)
api.commit()

with new_session() as after:
    run = after.scalar(select(DagRun))
    examined = [*DagRun.get_running_dag_runs_to_examine(after), *DagRun.get_queued_dag_runs_to_set_running(after)]
    print("AFTER run", run.state, "task", run.task_instances[0].state, "examined", len(examined))
PYTHON
grep -oE 'API running|AFTER run .*' "$work/log" || tail -5 "$work/log"
grep -q 'AFTER run failed task None examined 0' "$work/log" || { echo "CHANGED: a clear is not lost any more"; exit 1; }
