"""What a nightly export costs as the history on the platform grows, beside an earlier build of this package.

Each night exports a day on which 10 sessions ended; 10 more are created each day, and 300 sessions, planned up to 90
days ahead, are among the newest 400 of the history. Measured are the first night, a night on which the history is known
and nothing is rechecked, and one on which 30 sessions are rechecked. An earlier build is measured on its first night:
all of its nights without rechecks are alike.

- requests are counted by the sandbox; minutes are what they take at 10 a minute, the documented limit of Sessions;
- memory is the growth over the process with everything imported, CPU time is that of the exporting process; hashing
  the account's key takes 16 MiB for a moment.

Time is virtual: the sandbox stands still at one o'clock of the night, and the exporting process begins at that.

    uv pip install --group bench
    python benchmarks/growth.py                # 100 to 50,000 sessions; draws docs/figures/growth.png
    python benchmarks/growth.py --quick        # up to 10,000, and no figure
    python benchmarks/growth.py --only sessions_us --sizes 10000 --before none

prints a table, then each target with what was measured, and exits with 1 if one was missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from benchmarks._measuring import Bounds, Meter, connection, prepare_airflow, started

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGE = "airflow_provider_sessions"
FIGURE = ROOT / "docs/figures/growth.png"
BEFORE = "f11c62e"
PLATFORMS = {"sessions_us": "Sessions", "vidinfra": "VidInfra", "prevail": "Prevail"}
LISTS = ("list_sessions", "list_session_requests")
SIZES, QUICK_SIZES = (100, 1_000, 10_000, 50_000), (100, 1_000, 10_000)

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
A_DAY, PLANNED, AHEAD = 10, 300, 90
"""Sessions that end each day; sessions that are planned; the days ahead for which they are planned at most."""
KNOWN, LONG, RECHECKED = 2, 5, 6
"""The night on which the history is known; one that exports three days, and the next, which rechecks their sessions."""
PER_MINUTE = 10

SESSIONS_KNOWN, SESSIONS_RECHECKED, VIDINFRA_KNOWN, PREVAIL_MIB = 150, 240, 110, 20


# The platform: a process of its own


def serve(port: Any, platform: str, size: int) -> None:
    """Serve a platform with a history of ``size`` sessions, and one with a short history; report their connections.

    Each number that comes through the port is a night: the sessions of its day are added, and the clock moves to one
    o'clock. The requests by route are sent for each ``None``.
    """
    from airflow_provider_sessions.sandbox.sandbox import Sandbox, SandboxServer
    from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock

    with ExitStack() as servers:

        def start(size: int) -> Any:
            sandbox = Sandbox(1, clock=SandboxClock(FIRST, speed=0), platforms=[platform])
            sandbox.platform(platform).remove_rate_limit()
            _add_history(sandbox.platform(platform), size - A_DAY)  # the first night adds a day
            servers.enter_context(SandboxServer(sandbox))
            return sandbox

        sandbox, short = start(size), start(2 * A_DAY)
        played = sandbox.platform(platform)
        counted: Counter[str] = Counter()
        sandbox.on_request(lambda entry: counted.update([entry.route or entry.path]))
        port.send((played.connection(), short.platform(platform).connection()))
        while True:
            if (night := port.recv()) is None:
                port.send(counted)
                continue
            for played_day in range((sandbox.clock.now() - FIRST) // DAY + 1, night + 1):
                sandbox.clock.move_to(FIRST + played_day * DAY)
                _add_day(played, sandbox.clock.now())
            sandbox.clock.move_to(FIRST + night * DAY + timedelta(hours=1))
            counted.clear()
            sandbox.log.clear()
            port.send(None)


def _add_history(played: Any, size: int) -> None:
    planned = min(PLANNED, size * 3 // 10)
    days = (size - planned) / A_DAY
    _hold(played, size - planned, FIRST - days * DAY, FIRST)
    for number in range(1, planned + 1):
        share = number / planned
        _plan(played, created_at=FIRST - 10 * DAY * (1 - share), start=FIRST + AHEAD * DAY * share)


def _hold(played: Any, count: int, first: datetime, last: datetime) -> None:
    """Let sessions have ended, at times that are spread evenly."""
    played.create(count=count, ended_between=(first, last), duration=1800, **_fields(played))


def _fields(played: Any) -> dict[str, Any]:
    planned = {"estimated_duration": 0.5} if played.name == "prevail" else {}  # there the planned end counts
    return {"attendees": 2, "recording_bytes": 1000, **planned}


def _plan(played: Any, *, created_at: datetime, start: datetime) -> None:
    """Plan a session, which is then held for half an hour."""
    script = {"live_after": 0, "counted_from": "scheduled_start", "duration": 1800, "expire_after": None}
    played.create(created_at=created_at, scheduled_start=start, script=script, **_fields(played))


def _add_day(played: Any, midnight: datetime) -> None:
    """Let so many sessions end on the day before midnight that there are ten, and plan one for each planned one."""
    day = (midnight - DAY, midnight)
    played.apply_due_changes()
    ends = [session.lifecycle.ended_at for session in played.all_sessions.values()]
    ended = sum(end is not None and day[0] <= end < day[1] for end in ends)
    if count := A_DAY - ended:
        _hold(played, count, *day)
    for _ in range(ended):
        _plan(played, created_at=midnight, start=midnight + AHEAD * DAY)


# The export: a process of its own each night


@dataclass(frozen=True)
class Job:
    """An export of one night.

    :param fields: the connection.
    :param short: a connection to a short history, which is exported first: what is made once is there, then.
    :param folder: what is exported into.
    :param days: how many days are exported.
    """

    fields: dict[str, Any]
    short: dict[str, Any]
    folder: str
    night: int
    days: int
    options: dict[str, Any]


def serve_exports(port: Any, build: str) -> None:
    """Import a build once, and run each job that comes through the port in a fork; sends its meter.

    :param build: a folder with the package to measure.
    """
    sys.path.insert(0, build)
    with tempfile.TemporaryDirectory(prefix="benchmark-growth-") as home:
        prepare_airflow(home)
        for name in PLATFORMS:
            __import__(f"{PACKAGE}.platforms.{name}.adapter")
        __import__(f"{PACKAGE}.transfers.sessions_to_object_storage")
        assert sys.modules[PACKAGE].__file__ == f"{build}/{PACKAGE}/__init__.py"
        while True:
            job = port.recv()
            if (child := os.fork()) == 0:
                meter = Meter()
                try:
                    export(meter, job)
                except BaseException:  # noqa: BLE001 - the process ends with it
                    traceback.print_exc()
                port.send(meter)
                os._exit(0)
            os.waitpid(child, 0)


def export(meter: Meter, job: Job) -> None:
    """Export the days before a night."""
    from airflow_provider_sessions.clock import SystemClock, VirtualClock
    from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

    midnight = FIRST + job.night * DAY
    clock = VirtualClock(midnight + timedelta(hours=1), auto=True)
    SystemClock.now = lambda _: clock.now()  # type: ignore[assignment, method-assign]
    SystemClock.sleep = lambda _, seconds: clock.sleep(seconds)  # type: ignore[assignment, method-assign]

    def run(name: str, fields: dict[str, Any], folder: str, start: datetime, end: datetime) -> Any:
        # A limit that nobody meets, where the platform has one by default.
        extra = {"rate_limit": "100000/second"} if fields["conn_type"] == "sessions_us" else fields.get("extra", {})
        connection(name, **fields | {"extra": extra})
        operator = SessionsToObjectStorageOperator(
            task_id="export", conn_id=name, path=folder, start=start, end=end, **job.options
        )
        task: Any = SimpleNamespace(dag_id="growth", run_id=f"night {job.night}", task_id="export", map_index=-1)
        return operator.execute({"ti": task})

    with tempfile.TemporaryDirectory(prefix="benchmark-growth-") as folder:
        os.environ["AIRFLOW_PROVIDER_SESSIONS_RATE_DIR"] = f"{folder}/rates"
        run("short", job.short, f"{folder}/short", FIRST - DAY, FIRST)
        with meter:
            result = run("long", job.fields, job.folder, midnight - job.days * DAY, midnight)
    meter.results["sessions"] = result["sessions"]


# Measuring


@dataclass(frozen=True)
class Night:
    """What a night took.

    :param name: ``before`` of the earlier build, else ``first``, ``known``, or ``rechecked``.
    """

    platform: str
    size: int
    name: str
    requests: int
    lists: int
    mib: float
    cpu_seconds: float

    def __str__(self) -> str:
        minutes = f"{self.requests / PER_MINUTE:.0f}"
        return (
            f"{PLATFORMS[self.platform]:<10} {self.size:>7,} {self.name:<10} {self.requests:>9,} {self.lists:>9,} "
            f"{minutes:>8} {self.mib:>10.1f} {self.cpu_seconds:>7.2f}"
        )


COLUMNS = f"{'night':<10} {'requests':>9} {'of lists':>9} {'minutes':>8} {'MiB grown':>10} {'CPU s':>7}"


def measure(platform: str, size: int, exports: dict[str, Any]) -> Iterator[Night]:
    """Measure the nights of each build with a history of ``size`` sessions.

    :param exports: the ports of the processes that export with ``before`` and ``now``.
    """
    unchecked = {"give_up_after": "PT1H"}  # nothing is rechecked later
    if "before" in exports:
        with _nights(platform, size, exports["before"]) as run:
            yield run("before", 1, unchecked)
    with _nights(platform, size, exports["now"]) as run:
        yield run("first", 1, unchecked)
        yield run("known", KNOWN, unchecked)
        run("long", LONG, {}, days=LONG - KNOWN)
        yield run("rechecked", RECHECKED, {})


@contextmanager
def _nights(platform: str, size: int, exports: Any) -> Any:
    """Yield a function that runs a night of a build."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-growth-") as folder,
        started(serve, platform, size) as (port, _),
    ):
        fields, short = port.recv()

        def run(name: str, night: int, options: dict[str, Any], days: int = 1) -> Night:
            port.send(night)
            port.recv()
            exports.send(Job(fields, short, folder, night, days, options))
            meter: Meter = exports.recv()
            port.send(None)
            counted: Counter[str] = port.recv()
            sessions = meter.results.get("sessions", 0)
            if not 0 <= sessions - days * A_DAY + 1 <= 2:  # one may end near midnight
                raise RuntimeError(f"night {night} exported {sessions} of {days * A_DAY} sessions")
            lists = sum(counted[name] for name in LISTS)
            return Night(platform, size, name, counted.total(), lists, meter.grown_mib, meter.cpu_seconds)

        yield run


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="up to 10,000 sessions, and no figure")
    parser.add_argument("--sizes", nargs="+", type=int, default=None, help="lengths of the history")
    parser.add_argument("--only", nargs="+", choices=PLATFORMS, default=list(PLATFORMS), metavar="PLATFORM")
    parser.add_argument("--before", default=BEFORE, help="the commit of the earlier build; none: there is none")
    given = parser.parse_args()
    sizes = given.sizes or (QUICK_SIZES if given.quick else SIZES)
    found: list[Night] = []
    with ExitStack() as opened:
        builds = {"now": str(ROOT)}
        if given.before != "none":
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-growth-"))
            builds["before"] = check_out(given.before, folder)
        exports = {name: opened.enter_context(started(serve_exports, build))[0] for name, build in builds.items()}
        print(f"\n{'':<10} {'history':>7} {COLUMNS}")
        for platform in given.only:
            for size in sizes:
                for night in measure(platform, size, exports):
                    found.append(night)
                    print(night, flush=True)
    if not (given.quick or given.sizes) and "before" in builds:
        draw(found, given.before)
    return check(found)


def check_out(commit: str, folder: str) -> str:
    """Write the package as it was at a commit into a folder."""
    archive = subprocess.run(["git", "archive", commit, PACKAGE], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder


def check(found: list[Night]) -> int:
    """Compare the nights with their targets; the exit status."""
    bounds = Bounds()
    for night in found:
        what = f"{PLATFORMS[night.platform]}, {night.size:,} sessions, night '{night.name}'"
        match night.platform, night.name:
            case "sessions_us", "known" if night.size >= QUICK_SIZES[-1]:
                bounds.at_most(f"{what}: requests", SESSIONS_KNOWN, night.requests, "d")
            case "sessions_us", "rechecked" if night.size >= QUICK_SIZES[-1]:
                bounds.at_most(f"{what}: requests", SESSIONS_RECHECKED, night.requests, "d")
            case "vidinfra", "known" if night.size >= QUICK_SIZES[-1]:
                bounds.at_most(f"{what}: requests", VIDINFRA_KNOWN, night.requests, "d")
            case "prevail", "first" | "known" | "rechecked" if night.size >= QUICK_SIZES[-1]:
                bounds.at_most(f"{what}: MiB grown", PREVAIL_MIB, night.mib, ".1f")
    return bounds.status


STYLES = {
    "first": {"color": "#9ecae1", "marker": "s", "linestyle": "-"},
    "before": {"color": "#7f7f7f", "marker": "o", "linestyle": "--"},
    "rechecked": {"color": "#e6550d", "marker": "^", "linestyle": "-"},
    "known": {"color": "#08519c", "marker": "D", "linestyle": "-"},
}


def draw(found: list[Night], before: str) -> None:
    """Draw requests by platform, and memory on Prevail, over the length of the history."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    labels = {
        "before": f"{before}: nothing rechecked",
        "first": "now: first night",
        "rechecked": "now: history known, 30 sessions rechecked",
        "known": "now: history known, nothing rechecked",
    }
    figure, axes = pyplot.subplots(2, 2, figsize=(12, 9), layout="constrained")
    panels = [(platform, "requests", f"{name}: requests a night") for platform, name in PLATFORMS.items()]
    panels.append(("prevail", "mib", "Prevail: memory grown in a night"))
    for axis, (platform, value, title) in zip(axes.flat, panels, strict=True):
        for name, style in STYLES.items():
            nights = [night for night in found if (night.platform, night.name) == (platform, name)]
            sizes, values = [night.size for night in nights], [getattr(night, value) for night in nights]
            axis.loglog(sizes, values, label=labels[name], markersize=6, linewidth=2, **style)
        axis.set_title(title)
        axis.set_xlabel("sessions in the history")
        axis.set_xticks(SIZES, [f"{size:,}" for size in SIZES])
        axis.grid(visible=True, which="major", alpha=0.4)
        axis.yaxis.set_major_formatter("{x:,.0f}")
        if value == "mib":
            axis.set_ylabel("MiB")
            continue
        axis.set_ylim(15, 10_000)
        axis.set_ylabel("requests")
        minutes = axis.secondary_yaxis("right", functions=(lambda y: y / PER_MINUTE, lambda y: y * PER_MINUTE))
        minutes.set_ylabel(f"minutes at {PER_MINUTE} requests a minute")
        minutes.yaxis.set_major_formatter("{x:,.0f}")
    figure.suptitle(f"A night on which {A_DAY} sessions are exported, over the length of the history (log-log)")
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=110)
    print(f"\nDrawn: {FIGURE}")


if __name__ == "__main__":
    sys.exit(main())
