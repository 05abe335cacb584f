"""A try that stands still while its retry comes and goes, and then goes on: it changes nothing any more."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError, ServerError
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import LEASE
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.run_record import read_record
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.export.store import LocalStore
from tests.unit.export.stand_in import NOON, QUERY, StandIn, fetch_all, interval, session

RUN = RunId("nightly", "scheduled__2026-03-02", "export")
FEW = {"s0": [interval()], "s1": []}
"""Attendance, as it is at first."""
MORE = {"s0": [interval(), interval("account:ben")], "s1": [interval("account:cleo")], "s2": [interval()]}
"""Attendance, as a later try sees it."""


class Pausing(LocalStore):
    """A folder as a try sees it that stands still before one of its touches.

    :param at: the number of the touch.
    :param meanwhile: what happens then.
    """

    def __init__(self, root: Path, at: int, meanwhile: Callable[[], None]) -> None:
        super().__init__(root)
        self._at, self._meanwhile = at, meanwhile
        self._numbers = itertools.count(1)
        self.stood_still = False

    def _touch(self) -> None:
        if next(self._numbers) == self._at:
            self.stood_still = True
            self._meanwhile()

    @contextmanager
    def write(self, key: str) -> Iterator[Any]:
        self._touch()
        with super().write(key) as file:
            yield file

    def create(self, key: str, data: bytes) -> bool:
        self._touch()
        return super().create(key, data)

    def read(self, key: str) -> bytes | None:
        self._touch()
        return super().read(key)

    def list(self, folder: str) -> Iterator[str]:
        self._touch()
        return super().list(folder)


def export(store: LocalStore, clock: VirtualClock, attendance: dict[str, Any], *, fails: bool = False) -> None:
    """One try of the run, in a thread and an event loop of its own.

    :param fails: whether the platform does in the end.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(_export(store, clock, attendance, fails))).result()


async def _export(store: LocalStore, clock: VirtualClock, attendance: dict[str, Any], fails: bool) -> None:
    held = [session(f"s{number}", start=NOON + timedelta(days=number)) for number in range(len(attendance))]
    adapter = StandIn.of(*held, attendance=attendance)
    target = FileTarget(store, FORMATS["jsonl"], RUN, clock=clock)
    plan = await plan_export(adapter, QUERY, parse_datasets("sessions,attendance"))
    plan = await add_due_sessions(adapter, plan, target.begin(plan))
    known = await fetch_all(adapter, plan)

    def given() -> Iterator[SessionArtifacts]:
        yield from known
        if fails:
            raise ServerError("it failed", status=503)

    target.write(plan, given())


def files(root: Path) -> dict[str, bytes]:
    """What readers see: all but the ledger, and files that are not whole yet."""
    paths = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")]
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    return {key: data for key, data in found.items() if not key.startswith("_ledger/")}


def held_open(root: Path) -> list[Path]:
    """Leases, and what is expected of runs that have one."""
    return [path for folder in ("open", "expected") for path in (root / "_ledger").rglob(f"{folder}/*.json")]


def claimed(root: Path) -> list[str]:
    """Datasets of sessions that are claimed."""
    newest = {path.parent: json.loads(path.read_bytes()) for path in sorted(root.rglob("sessions/*/*/*.json"))}
    return [
        f"{name} of {state['session']['session_id']}"
        for state in newest.values()
        for name, entry in state["entries"].items()
        if entry["status"] == "writing"
    ]


AT_ONCE, PAST_ITS_LEASE = timedelta(), LEASE + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("broke_off", "fails", "stands_for"),
    [
        pytest.param(False, False, AT_ONCE, id="a first try"),
        pytest.param(False, False, PAST_ITS_LEASE, id="a first try, past its lease"),
        pytest.param(False, True, AT_ONCE, id="a first try, whose platform fails"),
        pytest.param(True, False, PAST_ITS_LEASE, id="a second try, past its lease"),
    ],
)
def test_whenever_a_try_stood_still_it_leaves_what_its_retry_wrote(
    broke_off: bool, fails: bool, stands_for: timedelta, tmp_path: Path
) -> None:
    for touch in itertools.count(2):  # before the first of all it has not begun
        root = tmp_path / str(touch)
        clock = VirtualClock(NOON + timedelta(days=9))
        if broke_off:
            with pytest.raises(ServerError):
                export(LocalStore(root), clock, FEW, fails=True)
        left: dict[str, bytes] = {}

        def its_retry(root: Path = root, clock: VirtualClock = clock, left: dict[str, bytes] = left) -> None:
            clock.jump(stands_for.total_seconds())
            export(LocalStore(root), clock, MORE)
            left.update(files(root))

        store = Pausing(root, touch, its_retry)
        with contextlib.suppress(ExportError, ServerError):  # what it wrote, or did not, is checked
            export(store, clock, FEW, fails=fails)
        if not store.stood_still:
            break
        assert files(root) == left, f"after it stood still at touch {touch}"
        assert held_open(root) == []
        assert claimed(root) == []
        record = read_record(LocalStore(root), RUN)
        assert record is not None
        assert record.status == "complete"
    assert touch > 10
