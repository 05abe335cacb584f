"""`make demo`: run the example DAGs in a real Airflow against the sandbox, and list the files that they export."""

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
"""Seconds between two requests for the states of the runs."""

FAILED_STATES = frozenset({"failed", "up_for_retry"})
UNFINISHED_STATES = frozenset({"running", "deferred"})


class DemoError(RuntimeError):
    """A run failed, or exported nothing of a dataset."""


def main() -> int:
    """Run the demo and return the exit status."""
    progress = Progress()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    try:
        with interrupt_on_signals(), start_demo_environment(progress, OUTPUT) as demo:
            api = demo.airflow.api
            wait_for_runs(api, demo.sandbox, start_runs(api, progress), progress)
        print_exported_files()
    except KeyboardInterrupt:
        progress.print_event("Interrupted; all processes are stopped")
        return 130
    except (DemoError, ChildProcessFailed, AirflowApiError, TimeoutError) as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    progress.print_event("Done; all processes are stopped")
    return 0


def start_runs(api: AirflowApi, progress: Progress) -> dict[Platform, str]:
    """Trigger the DAG of each platform; return the run ids."""
    runs = {}
    # Soon, because polls are rare long before a planned start.
    start = (datetime.now(UTC) + timedelta(seconds=40)).isoformat(timespec="seconds")
    for platform in PLATFORMS:
        api.unpause_dag(platform.dag_id)
        conf = {"path": to_file_url(OUTPUT / platform.name), "start": start, **platform.conf}
        runs[platform] = api.trigger_dag(platform.dag_id, conf, run_id="demo")
        progress.print_event(f"{platform.name}  triggered {platform.dag_id}")
    return runs


def wait_for_runs(api: AirflowApi, sandbox: SandboxProcess, runs: Mapping[Platform, str], progress: Progress) -> None:
    """Print task states until all runs have ended, and the log of each task that fails; run the platforms' cues.

    :raises DemoError: a run failed, or did not end in time.
    """
    deadline = time.monotonic() + RUN_TIMEOUT
    running, failed = dict(runs), []
    while running:
        if time.monotonic() > deadline:
            for platform, run_id in running.items():
                print_logs(api, platform.dag_id, run_id, UNFINISHED_STATES)
            names = ", ".join(platform.name for platform in running)
            raise DemoError(f"{names}: the run did not end within {RUN_TIMEOUT:.0f} s; its logs are above")
        time.sleep(POLL_INTERVAL)
        for platform, run_id in list(running.items()):
            state = api.get_run_state(platform.dag_id, run_id)
            changed = progress.print_task_states(platform.name, api.get_task_states(platform.dag_id, run_id))
            platform.run_cues(sandbox, changed)
            if FAILED_STATES.intersection(changed.values()):
                print_logs(api, platform.dag_id, run_id, FAILED_STATES)
            if state in FINAL_RUN_STATES:
                del running[platform]
                progress.print_event(f"{platform.name}  {platform.dag_id}: {state}")
                if state != "success":
                    failed.append(platform.name)
    if failed:
        raise DemoError(f"the run of {', '.join(failed)} failed; the log is above")


def print_logs(api: AirflowApi, dag_id: str, run_id: str, states: frozenset[str]) -> None:
    """Print the log of the last try of each task that is in one of some states."""
    for task in api.list_tasks(dag_id, run_id):
        if task["state"] in states:
            print(f"--- log of {task['task_id']}, try {task['try_number']}: {task['state']}")
            print("\n".join(api.get_log(dag_id, run_id, task["task_id"], task["try_number"], task["map_index"])))
            print("---", flush=True)


def print_exported_files() -> None:
    """Print the exported files.

    :raises DemoError: a dataset is missing or empty.
    """
    found = [(platform, file) for platform in PLATFORMS for file in list_exported_files(OUTPUT / platform.name)]
    rows = [(platform.name, file.dataset, file.amount, _shorten_path(file.path)) for platform, file in found]
    print("\n" + format_table(("platform", "dataset", "amount", "file"), rows, right=[2]) + "\n", flush=True)
    for platform in PLATFORMS:
        missing = platform.datasets - {file.dataset for other, file in found if other is platform and not file.is_empty}
        if missing:
            raise DemoError(f"{platform.name}: no rows were exported of {', '.join(sorted(missing))}")


def _shorten_path(path: Path) -> str:
    return str(path.relative_to(OUTPUT.parent))


if __name__ == "__main__":
    sys.exit(main())
