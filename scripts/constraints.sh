#!/usr/bin/env bash
# Resolve constraints/airflow-X.Y.txt: every package that running and testing on the newest Airflow X.Y needs; and
# constraints/docs.txt, dbt.txt and release.txt, what building the documentation, dbt/ and a release needs.
#
# An older Airflow does not start with packages that were published long after it, so its file is resolved as of a
# day shortly after that release; aside from packages that Airflow does not use itself and that may be newer: DuckDB's
# provider, and httpx2 with what it needs; and from PyJWT, whose faults were mended later. Needs uv. After a refresh run
# `make test` and `make matrix`.
set -euo pipefail

# resolve "REQUIREMENT..." [UV OPTION...]: one pass for each Python, the later ones keep to what the earlier ones chose
# and add only what a newer Python needs besides. The first requirement is Airflow's.
resolve() {
    local requirements=$1 version=${1%% *}
    local pins
    pins=constraints/airflow-$(cut -d. -f1,2 <<<"${version#*==}").txt
    shift
    echo "$pins: $requirements"
    rm -f "$work"/* # an output file that exists would be kept to
    : >"$work/pins"
    for python in 3.11 3.12 3.13; do
        tr ' ' '\n' <<<"$requirements" | uv pip compile --quiet --no-header --no-annotate --no-emit-index-url \
            --no-emit-find-links --python-version "$python" --all-extras --group dev --constraint "$work/pins" \
            --output-file "$work/$python" "$@" pyproject.toml -
        LC_ALL=C sort --unique "$work/pins" "$work/$python" --output "$work/pins"
    done
    grep -E '^[a-z0-9-]+(\[[a-z0-9,-]+\])?==[^ ]+$' "$work/pins" | grep -v '\[' >"$pins"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
late=()
for package in apache-airflow-providers-duckdb httpcore2 httpx2 truststore; do
    late+=(--exclude-newer-package "$package=2026-11-01")
done
resolve apache-airflow==3.1.8 --exclude-newer 2026-03-20 "${late[@]}" --exclude-newer-package pyjwt=2026-06-05
resolve apache-airflow==3.2.2 --exclude-newer 2026-06-05 "${late[@]}"
resolve apache-airflow==3.3.2
# A beta is only taken where each of its parts is named.
resolve "apache-airflow==3.4.0b2 apache-airflow-core==3.4.0b2 apache-airflow-task-sdk==1.4.0b2"
for group in docs dbt release; do
    uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links --python-version 3.11 \
        --group "$group" --output-file "constraints/$group.txt"
done
