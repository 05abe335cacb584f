"""`make up`: run a real Airflow with the example DAGs and the sandbox, for a browser, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from scripts._airflow_api import AirflowApiError
from scripts._demo_environment import start_demo_environment
from scripts._platforms import DAGS, PLATFORMS
from scripts._processes import ChildProcessFailed, interrupt_on_signals
from scripts._progress import Progress
from scripts._sandbox import SandboxProcess
from scripts._standalone import Standalone

OUTPUT = DAGS.parent / "demo-output"


def main() -> int:
    """Run until Ctrl-C and return the exit status."""
    progress = Progress()
    OUTPUT.mkdir(exist_ok=True)
    try:
        with interrupt_on_signals(), start_demo_environment(progress, OUTPUT) as (airflow, sandbox):
            print_addresses(airflow, sandbox, OUTPUT)
            while True:
                airflow.check_running()
                time.sleep(1)
    except KeyboardInterrupt:
        progress.print_event("All processes are stopped")
        return 0
    except (ChildProcessFailed, AirflowApiError, TimeoutError) as failure:
        print(f"\nAirflow did not start, or stopped: {failure}", file=sys.stderr)
        return 1


def print_addresses(airflow: Standalone, sandbox: SandboxProcess, files: Path) -> None:
    """Print the addresses, the login and the folder of the files."""
    user, password = airflow.read_login()
    examples = ", ".join([*(platform.dag_id for platform in PLATFORMS), "sessions_webinar_publication"])
    print(
        f"\n  Airflow      {airflow.url}"
        f"\n  user         {user}"
        f"\n  password     {password}"
        f"\n  start here   {airflow.url}/dags: trigger {examples}; the forms have default values"
        f"\n  files        {files}"
        f"\n  sandbox      {sandbox.url}/_sandbox/ lists the control routes: start, end, faults, requests"
        f"\n\n  Stop everything with Ctrl-C.\n",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
