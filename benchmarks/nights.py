"""Memory of a process that exports night after night, as ``dag.test`` and a service of its own do.

For each platform, a new process exports 30 days with 10 ended sessions each, one after the other, from the sandbox in
another process, which holds 1,000 older sessions as well. Memory is what is resident after each export. A connection,
cache or list that an export does not release makes it grow each night: the bound is the mean growth of the last 20.

    python benchmarks/nights.py              # all platforms: about two minutes
    python benchmarks/nights.py prevail

prints a line for each platform, and exits with 1 if one grew by more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from airflow_provider_sessions.sandbox.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock
from benchmarks._measuring import MIB, Bounds, Meter, connection, in_child, prepare_airflow, read_memory, started

PLATFORMS = ("prevail", "vidinfra", "sessions_us")
NIGHTS, SESSIONS, HISTORY = 30, 10, 1000
FIRST_MEASURED = 10
"""Nights before memory is measured: what is imported and cached once is there by then."""
MAX_GROWTH_MIB = 0.2
FIRST_NIGHT, DAY = datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=1)


def serve(port: Any, platform: str) -> None:
    """Serve a platform for ever; send its connection through the port."""
    now = FIRST_NIGHT + (NIGHTS + 1) * DAY
    sandbox = Sandbox(1, clock=SandboxClock.stopped(now), platforms=[platform])
    served = sandbox.platform(platform)
    served.remove_rate_limit()
    served.default_script(artifacts_after=0)
    served.create(count=HISTORY, ended_between=(FIRST_NIGHT - 100 * DAY, FIRST_NIGHT - DAY))
    for night in range(NIGHTS):
        start = FIRST_NIGHT + night * DAY
        served.create(count=SESSIONS, ended_between=(start + DAY / 4, start + DAY * 3 / 4))
    with SandboxServer(sandbox):
        port.send(served.connection())
        while True:
            time.sleep(60)


def export_nights(meter: Meter, fields: dict[str, Any], folder: str) -> None:
    """Export the nights, each as a task does."""
    prepare_airflow(folder)
    connection("platform", **{**fields, "extra": {**fields.get("extra", {}), "rate_limit": "1000/second"}})
    from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

    memory = []
    for night in range(NIGHTS):
        start = FIRST_NIGHT + night * DAY
        export = SessionsToObjectStorageOperator(
            task_id="export", conn_id="platform", path=f"{folder}/out", start=start, end=start + DAY
        )
        task_instance = SimpleNamespace(dag_id="benchmark", run_id=f"night {night}", task_id="export", map_index=-1)
        result = export.execute({"ti": task_instance})  # type: ignore[typeddict-item]
        if result["sessions"] != SESSIONS:
            raise RuntimeError(f"night {night} exported {result['sessions']} of {SESSIONS} sessions")
        memory.append(read_memory("VmRSS") / MIB)
    meter.results["memory"] = memory


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=", ".join(PLATFORMS))
    platforms = parser.parse_args().platforms or PLATFORMS
    growth = {}
    for platform in platforms:
        with (
            started(serve, platform) as (port, _),
            tempfile.TemporaryDirectory(prefix="benchmark-nights-") as folder,
        ):
            memory = in_child(export_nights, port.recv(), folder).results["memory"]
        growth[platform] = (memory[-1] - memory[FIRST_MEASURED - 1]) / (NIGHTS - FIRST_MEASURED)
        shown = ", ".join(f"{memory[night]:.1f}" for night in (0, FIRST_MEASURED - 1, NIGHTS // 2 - 1, NIGHTS - 1))
        print(f"{platform}: {shown} MiB after nights 1, {FIRST_MEASURED}, {NIGHTS // 2} and {NIGHTS}", flush=True)
    bounds = Bounds()
    for platform, grown in growth.items():
        bounds.at_most(f"{platform}: MiB a night that the process grows", MAX_GROWTH_MIB, grown)
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
