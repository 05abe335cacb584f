#!/usr/bin/env bash
# apache-airflow-providers-mysql 6.7.1 on Airflow 3.3.2: a connection with the documented extra `cursor` has no engine
#
# Guessed: what the provider documents for the extra (cursor: sscursor, dictcursor, ssdictcursor) works for both ways of
# its hook, get_conn() and get_sqlalchemy_engine().
# Seen: get_uri() writes every extra but `client` into the address, and SQLAlchemy hands it to the driver's connect(),
# which knows no `cursor`: a TypeError before any connection. get_conn() of mysqlclient takes it.
# Matters: a connection that served MySqlHook for years fails as soon as something loads through SQLAlchemy, with an
# error that names neither the connection nor the extra.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 \
    apache-airflow-providers-common-sql==2.4.0 "sqlalchemy[asyncio]==2.1.9" pymysql==1.1.2
# Without its dependencies, of which mysqlclient is compiled: PyMySQL is a driver that this provider supports, too.
"$work/env/bin/pip" install --quiet --disable-pip-version-check --no-deps apache-airflow-providers-mysql==6.7.1
export AIRFLOW_HOME=$work/airflow
export AIRFLOW_CONN_CRM='{"conn_type": "mysql", "host": "127.0.0.1", "login": "reader", "schema": "crm",
    "extra": {"client": "pymysql", "cursor": "sscursor", "charset": "utf8mb4"}}'
"$work/env/bin/python" - <<'PYTHON'
from airflow.providers.mysql.hooks.mysql import MySqlHook

hook = MySqlHook(mysql_conn_id="crm")
print("get_uri():", hook.get_uri())
assert "cursor=sscursor" in hook.get_uri(), "CHANGED: get_uri() leaves cursor out"
try:
    hook.get_sqlalchemy_engine().connect()
except TypeError as error:
    print("get_sqlalchemy_engine():", error)
    assert "cursor" in str(error)
else:
    raise SystemExit("CHANGED: the engine takes cursor")
PYTHON
