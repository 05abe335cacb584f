#!/usr/bin/env bash
# apache-airflow 3.3.2 with apache-airflow-providers-amazon 9.39.0: a process in which nobody reads hook lineage gets a
# NoOpCollector, and to create it imports the asset factories of every installed provider: all of boto3
#
# Guessed: without a reader of lineage, asking for the collector costs nothing.
# Seen: the collector is a NoOpCollector, and botocore, boto3 and some 300 other modules are imported with it.
# Matters: hooks and ObjectStoragePath ask for it in every task. On a worker with Amazon's provider each task that does
# so takes a quarter of a second of CPU time here, with compiled bytecode, for what nobody reads.
# Date: 2026-12-01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 apache-airflow-task-sdk==1.3.2 \
    apache-airflow-providers-amazon==9.39.0
export AIRFLOW_HOME=$work/home AIRFLOW__CORE__LOAD_EXAMPLES=False
"$work/env/bin/python" - <<'PYTHON'
import sys
import time

import airflow.sdk
from airflow.sdk import plugins_manager
from airflow.sdk.lineage import get_hook_lineage_collector

print("readers of hook lineage:", plugins_manager.get_hook_lineage_readers_plugins())
before, began = set(sys.modules), time.process_time()
collector = get_hook_lineage_collector()
imported = set(sys.modules) - before
print(f"{type(collector).__name__}: {len(imported)} modules in {time.process_time() - began:.2f} s of CPU time,")
print("among them", sorted(imported & {"boto3", "botocore", "botocore.client"}))
if type(collector).__name__ != "NoOpCollector" or "botocore" not in imported:
    raise SystemExit("CHANGED: a collector that does nothing does not import boto3")
PYTHON
