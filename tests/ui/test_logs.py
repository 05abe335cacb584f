"""The search for warnings finds those of this package in each kind of log of an Airflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ui.logs import read_warnings

TASK_LOG = "logs/dag_id=d/run_id=r/task_id=t/map_index=1/attempt=2.log.trigger.1.log"
RECORD = {"timestamp": "2026-12-01T04:04:36.9Z", "level": "info", "event": "Session s is ended"}
POLLER = RECORD | {"logger": "airflow_provider_sessions.polling.poller"}
DEPRECATED = RECORD | {"logger": "py.warnings", "filename": "/site-packages/airflow_provider_sessions/links.py"}
TRACEBACK = """triggerer  | 2026-12-01T04:05:12.2Z [error    ] Trigger failed [airflow.jobs] loc=runner.py:720
scheduler  | 2026-12-01T04:05:12.3Z [info     ] Starting the scheduler [airflow.jobs] loc=runner.py:1
triggerer  | Traceback (most recent call last):
triggerer  | File "/site-packages/airflow_provider_sessions/triggers/sessions.py", line 1, in run"""


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        (TASK_LOG, json.dumps(POLLER | {"level": "warning"})),
        (TASK_LOG, json.dumps(DEPRECATED | {"level": "warning"})),
        ("logs/dag_processor/2026-12-01/dags/d.py.log", json.dumps(POLLER | {"level": "error"})),
        ("standalone-0.log", "scheduler  | /repository/dags_examples/any_platform.py:49 UserWarning: No title"),
        ("standalone-0.log", TRACEBACK),
    ],
)
def test_warnings_of_this_package_are_found_in_every_log(tmp_path: Path, file: str, planted: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    ordinary, foreign = json.dumps(POLLER), json.dumps(RECORD | {"logger": "airflow.task", "level": "warning"})
    path.write_text("\n".join([ordinary, foreign, planted, ordinary]))

    found = read_warnings(tmp_path)

    assert [(str(each.file), each.is_ours) for each in found] == [(file, False), (file, True)]


def test_what_a_task_prints_belongs_to_no_warning_before_it(tmp_path: Path) -> None:
    printed = [
        "scheduler  | 2026-12-01T04:04:36.1Z [warning  ] Starting call [airflow.sdk.api.client] loc=before.py:36",
        "scheduler  | 2026-12-01 04:04:36.9+00:00 [info     ] Ended [airflow_provider_sessions.polling.wait]",
    ]
    (tmp_path / "standalone-0.log").write_text("\n".join(printed))

    assert [each.is_ours for each in read_warnings(tmp_path)] == [False]
