#!/usr/bin/env bash
# dbt-core 1.11.16: the tag of a column selects the column's tests, and never the model or source that has the column
#
# Guessed: "dbt ls --select tag:pii" lists the models and sources with a column that has the tag, and their tests.
# Seen: it lists tests alone. A model whose tagged column has no test is not found, and no warning says so: the selection
# is empty only if there is no test at all.
# Matters: a check that nothing personal is shared, or a job that masks what "tag:pii" selects, misses columns without
# tests. Read the tags of columns from target/manifest.json instead. A page of our documentation said the former.
# Date: 2026-12-01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check dbt-core==1.11.16 dbt-duckdb==1.11.1 duckdb==2.0.0
mkdir -p "$work/project/models"
cd "$work/project"
cat >dbt_project.yml <<'YAML'
name: people
profile: people
flags: {send_anonymous_usage_stats: false}
YAML
cat >profiles.yml <<'YAML'
people: {target: dev, outputs: {dev: {type: duckdb, path: people.duckdb}}}
YAML
echo "select 'ada@example.com' as email" >models/tested.sql
echo "select 'ada@example.com' as email" >models/untested.sql
cat >models/models.yml <<'YAML'
models:
  - name: tested
    columns: [{name: email, config: {tags: [pii]}, data_tests: [not_null]}]
  - name: untested
    columns: [{name: email, config: {tags: [pii]}}]
YAML
selected=$("$work/env/bin/dbt" --quiet ls --select tag:pii --profiles-dir .)
echo "SELECTED $selected"
"$work/env/bin/python" - <<'PYTHON'
import json

nodes = json.load(open("target/manifest.json"))["nodes"]
for name in ("tested", "untested"):
    print("MANIFEST", name, nodes[f"model.people.{name}"]["columns"]["email"]["config"]["tags"])
PYTHON
[[ $selected == people.not_null_tested_email ]] || { echo "CHANGED: the tag of a column selects something else"; exit 1; }
