"""`make demo`: run the example DAGs in a real Airflow against the sandbox, and show what they brought home."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts._airflow_api import FINAL_RUN_STATES, AirflowApi, AirflowApiError
from scripts._demo_environment import address_of, setting
from scripts._exported_files import harvest
from scripts._platforms import DAGS, PLATFORMS, Platform
from scripts._processes import ChildFailed, orderly_end
from scripts._progress import Progress, table
from scripts._sandbox import SandboxProcess

OUTPUT = DAGS.parent / "demo-output"
PATIENCE = 180.0
"""Seconds that the runs may take; they take about 60."""

LOOK_EVERY = 1.5
"""Seconds between two looks at the runs; each costs the API server some of the processor's time."""

TROUBLE = frozenset({"failed", "up_for_retry"})
UNFINISHED = frozenset({"running", "deferred"})


class DemoFailed(RuntimeError):
    """A run failed, or did not export what it should."""


def main() -> int:
    """Run the demo; the process's exit status."""
    progress = Progress()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    try:
        with orderly_end(), setting(progress, OUTPUT) as (airflow, sandbox):
            follow(airflow.api, sandbox, start_runs(airflow.api, progress), progress)
        show()
    except KeyboardInterrupt:
        progress.say("Interrupted; everything that was started is stopped")
        return 130
    except (DemoFailed, ChildFailed, AirflowApiError, TimeoutError) as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    progress.say("Done, and everything that was started is stopped")
    return 0


def start_runs(api: AirflowApi, progress: Progress) -> dict[Platform, str]:
    """Trigger each platform's DAG, all at the same time."""
    runs = {}
    # Soon, because looks are rare while a planned start is far, and the sandbox begins as soon as somebody waits.
    start = (datetime.now(UTC) + timedelta(seconds=40)).isoformat(timespec="seconds")
    for platform in PLATFORMS:
        api.unpause(platform.dag_id)
        conf = {"path": address_of(OUTPUT / platform.name), "start": start, **platform.conf}
        runs[platform] = api.trigger(platform.dag_id, conf, run_id="demo")
        progress.say(f"{platform.name}  triggered {platform.dag_id}")
    return runs


def follow(api: AirflowApi, sandbox: SandboxProcess, runs: Mapping[Platform, str], progress: Progress) -> None:
    """Print what happens until all runs have ended, and the log of each task that fails; play the people in it.

    :raises DemoFailed: a run failed, or did not end in time.
    """
    deadline = time.monotonic() + PATIENCE
    going, failed = dict(runs), []
    while going:
        if time.monotonic() > deadline:
            for platform, run_id in going.items():
                print_logs(api, platform.dag_id, run_id, UNFINISHED)
            names = ", ".join(platform.name for platform in going)
            raise DemoFailed(f"{names}: the run did not end within {PATIENCE:.0f} s; its logs are above")
        time.sleep(LOOK_EVERY)
        for platform, run_id in list(going.items()):
            state = api.run_state(platform.dag_id, run_id)
            news = progress.tasks(platform.name, api.task_states(platform.dag_id, run_id))
            platform.play(sandbox, news)
            if TROUBLE.intersection(news.values()):
                print_logs(api, platform.dag_id, run_id, TROUBLE)
            if state in FINAL_RUN_STATES:
                del going[platform]
                progress.say(f"{platform.name}  {platform.dag_id}: {state}")
                if state != "success":
                    failed.append(platform.name)
    if failed:
        raise DemoFailed(f"the run of {', '.join(failed)} failed; the log is above")


def print_logs(api: AirflowApi, dag_id: str, run_id: str, states: frozenset[str]) -> None:
    """Print the logs of the tasks that are in one of some states: of the last try of each."""
    for task in api.tasks(dag_id, run_id):
        if task["state"] in states:
            print(f"--- log of {task['task_id']}, try {task['try_number']}: {task['state']}")
            print("\n".join(api.log(dag_id, run_id, task["task_id"], task["try_number"], task["map_index"])))
            print("---", flush=True)


def show() -> None:
    """Print what was brought home.

    :raises DemoFailed: a dataset is missing or empty.
    """
    found = [(platform, brought) for platform in PLATFORMS for brought in harvest(OUTPUT / platform.name)]
    rows = [(platform.name, brought.dataset, brought.amount, _relative(brought.file)) for platform, brought in found]
    print("\n" + table(("platform", "dataset", "amount", "file"), rows, right=[2]) + "\n", flush=True)
    for platform in PLATFORMS:
        missing = platform.datasets - {one.dataset for of, one in found if of is platform and not one.empty}
        if missing:
            raise DemoFailed(f"{platform.name}: nothing was exported of {', '.join(sorted(missing))}")


def _relative(file: Path) -> str:
    return str(file.relative_to(OUTPUT.parent))


if __name__ == "__main__":
    sys.exit(main())
