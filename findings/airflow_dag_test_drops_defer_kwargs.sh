#!/usr/bin/env bash
# Airflow 3.3.2 (task SDK 1.3.2): dag.test() resumes a deferred task without the kwargs that it gave to defer()
#
# Guessed: dag.test(), which runs triggers in the process, calls method_name with the event and with kwargs, as a
# triggerer and a worker do.
# Seen: the resumed method gets the event alone. One with a default for its argument goes on with that default, and the
# run is a success.
# Matters: an operator that hands what it knows across the deferral in kwargs is tested wrongly, and silently so: its
# DAG's test passes over a path that no real run takes. What has to survive belongs into the trigger's event.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 apache-airflow-task-sdk==1.3.2 \
    apache-airflow-providers-standard==1.21.0
mkdir "$work/dags"
cat >"$work/dags/wait.py" <<'PYTHON'
from datetime import timedelta

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator


class Wait(BaseOperator):
    def execute(self, context):
        trigger = TimeDeltaTrigger(timedelta(seconds=1))
        self.defer(trigger=trigger, method_name="resume", kwargs={"begun": "at noon"})

    def resume(self, context, event=None, begun=None):
        print("RESUMED with", begun, flush=True)


with DAG("wait", schedule=None):
    Wait(task_id="wait")
PYTHON
export PATH="$work/env/bin:$PATH" AIRFLOW_HOME=$work/airflow AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__DAGS_FOLDER=$work/dags
airflow db migrate >"$work/log" 2>&1
python - >"$work/log" 2>&1 <<'PYTHON'
import os

from airflow.dag_processing.dagbag import DagBag

run = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).dags["wait"].test()
print("RUN", run.state)
PYTHON
grep -oE 'RESUMED with (None|at noon)|RUN [a-z]+' "$work/log"
grep -q 'RESUMED with None' "$work/log" || { echo "CHANGED: kwargs arrive, or the run failed"; exit 1; }
