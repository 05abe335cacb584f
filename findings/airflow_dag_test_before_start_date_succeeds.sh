#!/usr/bin/env bash
# Airflow 3.3.2: `airflow dags test` for a date before the DAG's start_date runs no task, says success and exits with 0
#
# Guessed: the command ignores start_date, as it ignores most other dependencies of a run, or it refuses the date.
# Seen: the DAG is loaded, a run is created, none of its tasks is run, not even as skipped, and the run is marked as
# successful at once; nothing in the output says why. Exit status 0. With the first day of the DAG as the date, the task runs.
# Matters: a test of a DAG against recorded days (here: sessions of an earlier month) passes in CI without having run
# anything, unless it also checks what the tasks should have written.
# Date: 2026-12-01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "apache-airflow-core==3.3.2" "apache-airflow-task-sdk==1.3.2" \
    "apache-airflow-providers-standard==1.13.1"
export AIRFLOW_HOME=$work/airflow AIRFLOW__CORE__LOAD_EXAMPLES=False PATH=$work/venv/bin:$PATH
mkdir -p "$AIRFLOW_HOME/dags"
cat >"$AIRFLOW_HOME/dags/daily.py" <<'PYTHON'
from datetime import datetime, timezone
from pathlib import Path

from airflow.sdk import DAG, task

with DAG("daily", schedule="@daily", start_date=datetime(2026, 11, 1, tzinfo=timezone.utc), catchup=False):

    @task
    def write():
        Path(__file__).with_suffix(".ran").touch()

    write()
PYTHON
airflow db migrate >"$work/log" 2>&1
ran=$AIRFLOW_HOME/dags/daily.ran
status=0
airflow dags test daily 2026-03-03 >"$work/before" 2>&1 || status=$?
echo "before start_date: exit $status, task run: $([[ -e $ran ]] && echo yes || echo no), success in the log: $(grep -c 'state=success' "$work/before" || true)"
[[ $status == 0 && ! -e $ran ]] && grep -q "state=success" "$work/before" || { echo "CHANGED"; exit 1; }
airflow dags test daily 2026-11-01 >"$work/first" 2>&1
echo "on start_date: task run: $([[ -e $ran ]] && echo yes || echo no)"
[[ -e $ran ]] || { echo "CHANGED: it does not run on the first day either"; exit 1; }
