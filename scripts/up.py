"""`make up`: run a real Airflow with the example DAGs and the sandbox, for a browser, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from scripts._airflow_api import AirflowApiError
from scripts._demo_environment import DemoEnvironment, start_demo_environment
from scripts._platforms import DAGS
from scripts._processes import ChildProcessFailed, interrupt_on_signals
from scripts._progress import Progress
from scripts._visitors import hold_meeting, hold_sessions_of_yesterday, start_watching, unpause_manual_dags

OUTPUT = DAGS.parent / "demo-output"
MEETING_INTERVAL = 180.0
"""Seconds from one meeting that somebody holds to the next."""

FIRST_STEPS = """
  Airflow    {url}    user {user}    password {password}

  What to click first:

  1. Log in, open Dags, click sessions_webinar_lifecycle, then Trigger, and Trigger in the form.
     The run creates a webinar, waits deferred until it has ended, and exports it. Click a task, then
     Details: the button Session shows the webinar's page.
  2. Open Assets, then sessions_events. Somebody holds a meeting every {minutes:.0f} minutes; when it ends and when
     its transcript is ready, the event starts sessions_export_each_session.
  3. Trigger sessions_nightly_export, sessions_nightly_load and sessions_checked_load: they write yesterday's
     webinars to files, and to tables of the database, and check the rows.
  4. Unpause sessions_by_day: its run of last night exports yesterday's meetings, and starts sessions_talk_time
     for that day. A run that is triggered without a partition key is skipped.
  5. Trigger sessions_approved_deposition: it waits until you approve it under Required Actions.
  6. Trigger the other DAGs; all forms have default values.
  7. Open Admin > Connections: each connection has a button that tests it.

  Files      {files}
  Database   {database}
  Sandbox    {sandbox}/_sandbox/ lists the control routes: start, end, faults, requests

  Stop everything with Ctrl-C.
"""


def main() -> int:
    """Run until Ctrl-C and return the exit status."""
    progress = Progress()
    OUTPUT.mkdir(exist_ok=True)
    try:
        with interrupt_on_signals(), start_demo_environment(progress, OUTPUT) as demo:
            hold_sessions_of_yesterday(demo.sandbox)
            start_watching(demo.airflow.api)
            unpause_manual_dags(demo.airflow.api)
            print_first_steps(demo, OUTPUT)
            hold_meetings(demo, progress)
    except KeyboardInterrupt:
        progress.print_event("All processes are stopped")
    except (ChildProcessFailed, AirflowApiError, TimeoutError) as failure:
        print(f"\nAirflow did not start, or stopped: {failure}", file=sys.stderr)
        return 1
    return 0


def print_first_steps(demo: DemoEnvironment, files: Path) -> None:
    """Print the addresses, the login, and what to click first."""
    user, password = demo.airflow.read_login()
    print(
        FIRST_STEPS.format(
            url=demo.airflow.url,
            user=user,
            password=password,
            minutes=MEETING_INTERVAL / 60,
            files=files,
            database=demo.warehouse.description,
            sandbox=demo.sandbox.url,
        ),
        flush=True,
    )


def hold_meetings(demo: DemoEnvironment, progress: Progress) -> None:
    """Let a meeting be held every few minutes.

    :raises ChildProcessFailed: Airflow has stopped.
    """
    due = 0.0
    while True:
        demo.airflow.check_running()
        if time.monotonic() >= due:
            progress.print_event(f"Somebody holds a meeting on Sessions: {hold_meeting(demo.sandbox)}")
            due = time.monotonic() + MEETING_INTERVAL
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
