"""`make demo`: run the example DAGs in a real Airflow against the sandbox, and show what they brought home."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts._airflow_api import FINAL_RUN_STATES, AirflowApi, AirflowApiError
from scripts._demo_environment import start_demo_environment, to_file_url
from scripts._exported_files import list_exported_files
from scripts._platforms import DAGS, PLATFORMS, Platform
from scripts._processes import ChildProcessFailed, interrupt_on_signals
from scripts._progress import Progress, format_table
from scripts._sandbox import SandboxProcess

OUTPUT = DAGS.parent / "demo-output"
RUN_TIMEOUT = 180.0
"""Seconds that the runs may take; they take about 60."""

POLL_INTERVAL = 1.5
"""Seconds between two looks at the runs; each costs the API server some of the processor's time."""

FAILED_STATES = frozenset({"failed", "up_for_retry"})
UNFINISHED_STATES = frozenset({"running", "deferred"})


class DemoError(RuntimeError):
    """A run failed, or did not export what it should."""


def main() -> int:
    """Run the demo; the process's exit status."""
    progress = Progress()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    try:
        with interrupt_on_signals(), start_demo_environment(progress, OUTPUT) as (airflow, sandbox):
            wait_for_runs(airflow.api, sandbox, start_runs(airflow.api, progress), progress)
        print_exported_files()
    except KeyboardInterrupt:
        progress.print_event("Interrupted; everything that was started is stopped")
        return 130
    except (DemoError, ChildProcessFailed, AirflowApiError, TimeoutError) as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    progress.print_event("Done, and everything that was started is stopped")
    return 0


def start_runs(api: AirflowApi, progress: Progress) -> dict[Platform, str]:
    """Trigger each platform's DAG, all at the same time."""
    runs = {}
    # Soon, because looks are rare while a planned start is far, and the sandbox begins as soon as somebody waits.
    start = (datetime.now(UTC) + timedelta(seconds=40)).isoformat(timespec="seconds")
    for platform in PLATFORMS:
        api.unpause_dag(platform.dag_id)
        conf = {"path": to_file_url(OUTPUT / platform.name), "start": start, **platform.conf}
        runs[platform] = api.trigger_dag(platform.dag_id, conf, run_id="demo")
        progress.print_event(f"{platform.name}  triggered {platform.dag_id}")
    return runs


def wait_for_runs(api: AirflowApi, sandbox: SandboxProcess, runs: Mapping[Platform, str], progress: Progress) -> None:
    """Print what happens until all runs have ended, and the log of each task that fails; play the people in it.

    :raises DemoError: a run failed, or did not end in time.
    """
    deadline = time.monotonic() + RUN_TIMEOUT
    going, failed = dict(runs), []
    while going:
        if time.monotonic() > deadline:
            for platform, run_id in going.items():
                print_logs(api, platform.dag_id, run_id, UNFINISHED_STATES)
            names = ", ".join(platform.name for platform in going)
            raise DemoError(f"{names}: the run did not end within {RUN_TIMEOUT:.0f} s; its logs are above")
        time.sleep(POLL_INTERVAL)
        for platform, run_id in list(going.items()):
            state = api.get_run_state(platform.dag_id, run_id)
            news = progress.print_task_states(platform.name, api.get_task_states(platform.dag_id, run_id))
            platform.run_cues(sandbox, news)
            if FAILED_STATES.intersection(news.values()):
                print_logs(api, platform.dag_id, run_id, FAILED_STATES)
            if state in FINAL_RUN_STATES:
                del going[platform]
                progress.print_event(f"{platform.name}  {platform.dag_id}: {state}")
                if state != "success":
                    failed.append(platform.name)
    if failed:
        raise DemoError(f"the run of {', '.join(failed)} failed; the log is above")


def print_logs(api: AirflowApi, dag_id: str, run_id: str, states: frozenset[str]) -> None:
    """Print the logs of the tasks that are in one of some states: of the last try of each."""
    for task in api.list_tasks(dag_id, run_id):
        if task["state"] in states:
            print(f"--- log of {task['task_id']}, try {task['try_number']}: {task['state']}")
            print("\n".join(api.get_log(dag_id, run_id, task["task_id"], task["try_number"], task["map_index"])))
            print("---", flush=True)


def print_exported_files() -> None:
    """Print what was brought home.

    :raises DemoError: a dataset is missing or empty.
    """
    found = [(platform, brought) for platform in PLATFORMS for brought in list_exported_files(OUTPUT / platform.name)]
    rows = [(platform.name, brought.dataset, brought.amount, _relative(brought.file)) for platform, brought in found]
    print("\n" + format_table(("platform", "dataset", "amount", "file"), rows, right=[2]) + "\n", flush=True)
    for platform in PLATFORMS:
        missing = platform.datasets - {one.dataset for of, one in found if of is platform and not one.empty}
        if missing:
            raise DemoError(f"{platform.name}: nothing was exported of {', '.join(sorted(missing))}")


def _relative(file: Path) -> str:
    return str(file.relative_to(OUTPUT.parent))


if __name__ == "__main__":
    sys.exit(main())
