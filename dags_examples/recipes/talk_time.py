"""Sum up who talked for how long, again for each day whose data is new.

It needs Airflow 3.3, and runs for the days that ``sessions_by_day`` has written: ``StartOfDayMapper`` gives each run
the ``partition_date`` of its day. A run reads the latest files of that day, and replaces its file in ``talk_time``.

A run that is triggered manually has no partition, so its task is skipped.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, Asset, ObjectStoragePath, PartitionedAssetTimetable, StartOfDayMapper, task
from airflow.sdk.exceptions import AirflowSkipException

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Folder of the files: any URL of Airflow's object storage, ``file://``, ``s3://connection@bucket/folder``, ``gs://``, ``abfs://``."""


def read_rows(dataset: str, day: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a dataset and day that count: the latest files hold each session once."""
    folder = ObjectStoragePath(EXPORT_PATH) / "by_day" / "latest" / dataset / f"dt={day}"
    for file in folder.iterdir() if folder.exists() else ():
        with file.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


with DAG(
    dag_id="sessions_talk_time",
    description="Sum up who talked for how long, for each day whose data is new",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(assets=Asset("meetings"), default_partition_mapper=StartOfDayMapper()),
    catchup=False,
    default_args={"retries": 2},
    tags=["sessions", "sessions_us", "example"],
):

    @task
    def sum_up(partition_date: datetime | None = None) -> dict[str, Any]:
        """Replace the file with the talk time of the partition's day, and return what it contains."""
        if partition_date is None:
            raise AirflowSkipException("This run has no partition, so there is no day to sum up")
        day = f"{partition_date:%Y-%m-%d}"
        held = {row["session_id"] for row in read_rows("sessions", day) if not row["deleted"]}
        seconds: defaultdict[str, float] = defaultdict(float)
        for row in read_rows("transcript_segments", day):
            if row["session_id"] in held and not row["is_translation"]:
                seconds[row["speaker_name"] or "unknown"] += row["end_seconds"] - row["start_seconds"]
        result = {"day": day, "sessions": len(held), "talk_seconds": dict(sorted(seconds.items()))}
        folder = ObjectStoragePath(EXPORT_PATH) / "talk_time"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{day}.json").write_text(json.dumps(result))
        return result

    sum_up()
