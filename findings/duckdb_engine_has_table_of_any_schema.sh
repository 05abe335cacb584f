#!/usr/bin/env bash
# duckdb-engine 0.17.0 (duckdb 2.0.0, SQLAlchemy 2.1.9): has_table() without a schema finds tables of other schemas
#
# Guessed: without a schema, SQLAlchemy's inspector looks into the default one, as its documentation says and as the
# PostgreSQL dialect, on which this one is built, does.
# Seen: True for a table that only another schema has; reading from it then fails, since there is none in `main`.
# Matters: "make the table unless it is there" makes nothing, and the first load of a team that shares a file by schemas
# fails with a table that does not exist.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0 duckdb-engine==0.17.0 sqlalchemy==2.1.9
WORK=$work "$work/env/bin/python" - <<'PYTHON'
import os

import sqlalchemy as sa

engine = sa.create_engine(f"duckdb:///{os.environ['WORK']}/a.db")
with engine.begin() as connection:
    connection.exec_driver_sql("CREATE SCHEMA other")
    connection.exec_driver_sql("CREATE TABLE other.sessions (id INTEGER)")
inspector = sa.inspect(engine)
print("default schema:", inspector.default_schema_name)
print("has_table('sessions'):", inspector.has_table("sessions"))
print("has_table('sessions', schema='main'):", inspector.has_table("sessions", schema="main"))
assert inspector.default_schema_name == "main"
assert inspector.has_table("sessions"), "CHANGED: only the default schema is looked into"
assert not inspector.has_table("sessions", schema="main")
PYTHON
