#!/usr/bin/env bash
# Airflow 3.3.2: a CronPartitionTimetable with run_offset=-1, at a time of day that the clock skips once a year, gives one
# partition to two runs and leaves out the partition before
#
# Guessed: each run has the partition of the day before, also at the change to summer time: 7 March, then 8 March.
# Seen: "30 2 * * *" in America/New_York. The run of 8 March, at 03:30 as 02:30 does not exist, has the partition of
# 8 March itself; the run of 9 March has it again. No run has the partition of 7 March.
# Matters: a nightly export by partition never writes that day, and writes the next one before it is over. Nothing fails.
# Midnight is such a time in some zones, such as Beirut's.
# Date: 2026-12-01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export AIRFLOW_HOME=$work/airflow AIRFLOW__LOGGING__LOGGING_LEVEL=WARNING
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check \
    apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2
"$work/env/bin/python" - <<'PYTHON'
import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable

timetable = CronPartitionTimetable("30 2 * * *", timezone="America/New_York", run_offset=-1)
restriction = TimeRestriction(earliest=pendulum.datetime(2026, 3, 6), latest=None, catchup=True)
info, keys = None, {}
while len(keys) < 5:
    info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
    keys[info.run_after.in_timezone("America/New_York").to_date_string()] = info.partition_key
for day, key in keys.items():
    print("run of", day, "partition", key)
if keys["2026-03-08"] != keys["2026-03-09"] or any(key.startswith("2026-03-07") for key in keys.values()):
    raise SystemExit("CHANGED: each day has its own partition")
PYTHON
