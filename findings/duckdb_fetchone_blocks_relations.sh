#!/usr/bin/env bash
# duckdb 2.0.0 (Python): after execute() and one fetchone(), sql() on the same connection raises, though the result had
# one row; another execute() is accepted
#
# Guessed: a result of which all rows were fetched is over, so a relation can be read on the connection.
# Seen: ResourceInUseException until a fetch has returned None. The module's own functions share one connection, so a
# duckdb.execute(...).fetchone() anywhere in the process breaks a later duckdb.sql(...).fetchall().
# Matters: who checks a count with fetchone() and then reads exported files with duckdb.sql() in the same task fails.
# Date: 2026-12-01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0
"$work/env/bin/python" - <<'PYTHON'
import duckdb

print("fetchone():", duckdb.execute("SELECT count(*) FROM range(3)").fetchone())
try:
    print(duckdb.sql("SELECT 1").fetchall())
except duckdb.Error as error:
    print(f"sql(): {type(error).__name__}: {str(error)[:80]}...")
else:
    raise SystemExit("CHANGED: sql() works while a result was not read to its end")
if duckdb.execute("SELECT 2").fetchone() != (2,):
    raise SystemExit("CHANGED: execute() gives another result")
print("execute() works; fetchone() at its end:", duckdb.fetchone())
print("sql() after that:", duckdb.sql("SELECT 3").fetchall())
PYTHON
