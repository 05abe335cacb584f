#!/usr/bin/env bash
# Build the wheel, install it without extras into new environments, with the constraints of each Airflow, and check that
# Airflow finds the provider and every example, and has no import error:
#
#     scripts/check_wheel.sh [3.1 3.2 3.3 3.4]
#
# Airflow 3.3 and newer finds the examples itself, with load_examples; before, they are copied into the DAGs folder. Needs
# uv.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
export AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR
uv build --quiet --wheel --out-dir "$work" .

# check AIRFLOW: with the constraints of one version.
check() {
    local home=$work/$1 python=${PYTHON:-$(scripts/find-python.sh)} bundle=dags-folder
    "$python" -m venv --without-pip "$home/venv"
    uv pip install --quiet --python "$home/venv/bin/python" --constraint "constraints/airflow-$1.txt" "$work"/*.whl
    local PATH=$home/venv/bin:$PATH
    export AIRFLOW_HOME=$home AIRFLOW__CORE__DAGS_FOLDER=$home/dags
    mkdir "$home/dags"
    if [[ $1 == 3.[12] ]]; then
        cp "$home"/venv/lib/python3*/site-packages/airflow_provider_sessions/example_dags/*.py "$home/dags"
    else
        export AIRFLOW__CORE__LOAD_EXAMPLES=True
        bundle=airflow-provider-sessions-example-dags
    fi
    airflow db migrate >"$home/log" 2>&1 || { cat "$home/log" && return 1; }
    airflow dags reserialize --bundle-name "$bundle" >"$home/log" 2>&1 || { cat "$home/log" && return 1; }
    airflow dags list-import-errors --output json >"$home/errors.json"
    airflow dags list --columns dag_id,bundle_name --output json >"$home/dags.json"
    python - "$home" "$bundle" <<'EOF'
import json, sys
from importlib.metadata import version
from pathlib import Path

home, bundle = Path(sys.argv[1]), sys.argv[2]
reported = (home / "errors.json").read_text()
errors = json.loads(reported) if reported.startswith("[") else []  # else "No data found"
listed = {dag["dag_id"] for dag in json.loads((home / "dags.json").read_text()) if dag["bundle_name"] == bundle}
[package] = home.glob("venv/lib/python3*/site-packages/airflow_provider_sessions/example_dags")
shipped = {f"sessions_{file.stem}" for file in package.glob("[!_]*.py")}
print(f"Airflow {version('apache-airflow')}: {len(listed)} of {len(shipped)} examples, {len(errors)} import errors")
sys.exit(bool(errors) or listed != shipped)
EOF
}

for airflow in "${@:-3.1 3.2 3.3 3.4}"; do
    for one in $airflow; do
        check "$one"
    done
done
