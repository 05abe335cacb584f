#!/usr/bin/env bash
# apache-airflow-providers-duckdb 0.2.1 with duckdb-engine 0.17.0 on Airflow 3.3.2: get_sqlalchemy_engine() writes into a
# database that the connection opens read_only
#
# Guessed: both ways of the hook to the database heed the connection's settings.
# Seen: get_conn() refuses the INSERT; get_sqlalchemy_engine() carries it out. Other settings (memory_limit, ...) are
# ignored by it as well.
# Matters: whatever loads through SQLAlchemy, as exports into tables do, cannot rely on read_only of the connection.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 \
    apache-airflow-providers-duckdb==0.2.1 apache-airflow-providers-common-sql==2.4.0 duckdb==2.0.0 duckdb-engine==0.17.0 \
    "sqlalchemy[asyncio]==2.1.9" # Airflow itself needs greenlet
export AIRFLOW_HOME=$work/airflow WORK=$work
export AIRFLOW_CONN_READER='{"conn_type": "duckdb", "host": "'$work'/a.db", "extra": {"read_only": true}}'
"$work/env/bin/python" - <<'PYTHON'
import os

import duckdb
from airflow.providers.duckdb.hooks.duckdb import DuckDBHook

path = os.environ["WORK"] + "/a.db"
with duckdb.connect(path) as connection:
    connection.execute("CREATE TABLE t (i INTEGER)")
hook = DuckDBHook(duckdb_conn_id="reader")
try:
    with hook.get_conn() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
except duckdb.InvalidInputException as error:
    print("get_conn():", str(error).splitlines()[0])
else:
    raise SystemExit("CHANGED: get_conn() writes")
engine = hook.get_sqlalchemy_engine()
with engine.begin() as connection:
    connection.exec_driver_sql("INSERT INTO t VALUES (2)")
engine.dispose()
with duckdb.connect(path) as connection:
    rows = connection.execute("SELECT i FROM t").fetchall()
print("written by get_sqlalchemy_engine():", rows)
assert rows == [(2,)], "CHANGED: the engine does not write"
PYTHON
