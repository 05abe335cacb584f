#!/usr/bin/env bash
# Airflow 3.2.2 and 3.3.2: the same schedule gives the same partition another key, in UTC before and in its zone now
#
# Guessed: the key of a partition is its date in the zone of the schedule, and an upgrade leaves the keys of a DAG alone.
# Seen: of CronPartitionTimetable("0 0 * * *", timezone="America/New_York"), the partition of 30 November has the key
# 2026-11-30T05:00:00 on 3.2.2, and 2026-11-30T00:00:00 on 3.3.2. In UTC the keys are equal.
# Matters: Airflow joins runs, backfills and asset events by the key alone. After the upgrade, a day that has run is
# another partition, and consumers with an IdentityMapper run again for it. And who reads a date from a key has to know
# the version: 3.2 passes no partition_date to tasks.
# Date: 2026-12-01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AIRFLOW_HOME=$work/airflow
for versions in "3.2.2 1.2.2" "3.3.2 1.3.2"; do
    read -r core sdk <<<"$versions"
    python3 -m venv "$work/$core"
    "$work/$core/bin/pip" install --quiet --disable-pip-version-check \
        "apache-airflow-core==$core" "apache-airflow-task-sdk==$sdk"
    "$work/$core/bin/python" - "$core" <<'PYTHON'
import sys

import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable

day = pendulum.datetime(2026, 11, 30)
keys = []
for zone in ("UTC", "America/New_York"):
    timetable = CronPartitionTimetable("0 0 * * *", timezone=zone)
    first = TimeRestriction(earliest=day, latest=None, catchup=True)
    keys.append(timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=first).partition_key)
print("Airflow", sys.argv[1], *keys)
local = {"3.2.2": "2026-11-30T05:00:00", "3.3.2": "2026-11-30T00:00:00"}[sys.argv[1]]
if keys != ["2026-11-30T00:00:00", local]:
    raise SystemExit("CHANGED: the keys are others")
PYTHON
done
