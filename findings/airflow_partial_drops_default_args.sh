#!/usr/bin/env bash
# Airflow 3.3.2 (task SDK 1.3.2): .partial(default_args=...) keeps what every operator has, and drops the rest silently
#
# Guessed: default_args of a mapped task serve the operator's own arguments, as those of a plain task and of a DAG do.
# Seen: retries arrives; conn_id is dropped without a word, and the mapped task fails when it is expanded in a run:
# "missing keyword argument 'conn_id'". The DAG parses without an error. The same default_args on the plain task, or on
# the DAG, give conn_id.
# Matters: "one set of defaults for all tasks of a platform" is the usual way to name a connection; with .expand() such a
# DAG passes every check of its file and fails at night.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 apache-airflow-task-sdk==1.3.2
export AIRFLOW_HOME=$work/airflow
"$work/env/bin/python" - <<'PYTHON'
from airflow.sdk import DAG, BaseOperator


class Export(BaseOperator):
    def __init__(self, *, conn_id: str, day: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.day = day


given = {"conn_id": "crm", "retries": 3}
days = ["2026-03-01", "2026-03-02"]
with DAG("by_task", schedule=None):
    plain = Export(task_id="plain", default_args=given, day=days[0])
    mapped = Export.partial(task_id="mapped", default_args=given).expand(day=days)
with DAG("by_dag", schedule=None, default_args=given):
    by_dag = Export.partial(task_id="mapped").expand(day=days).unmap({"day": days[0]})
print("plain task:", plain.conn_id, plain.retries)
print("mapped task, DAG's default_args:", by_dag.conn_id, by_dag.retries)
try:
    mapped.unmap({"day": days[0]})
except TypeError as error:
    print("mapped task, own default_args:", mapped.partial_kwargs["retries"], "retries, but", error)
    assert "conn_id" in str(error)
else:
    raise SystemExit("CHANGED: conn_id arrives")
assert (plain.conn_id, by_dag.conn_id, mapped.partial_kwargs["retries"]) == ("crm", "crm", 3)
PYTHON
