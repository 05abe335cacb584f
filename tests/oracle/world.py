"""Plays a schedule: the platform and its time, the nightly runs, and those who disturb them."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer
from tests.oracle.clock import SharedClock
from tests.oracle.exporter import Ended, Exporter, Job
from tests.oracle.schedule import AtOnce, Held, Killed, Meanwhile, Night, Schedule, Shift, Try
from tests.oracle.targets import Rows, Target, nothing_for_nothing, nothing_twice
from tests.oracle.truth import DATASETS, exported, happened

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
CALM_NIGHTS = (1, 2, 3, 5, 8, 9, 12, 16, 17)
"""Nights of calm: after the last of them whatever came late has come or was given up, and was checked again."""
OPT_IN: dict[str, dict[str, Any]] = {
    "vidinfra": {"polls": 2, "chat_messages": 3},
    "sessions_us": {"booked": True, "is_event": True},
}
"""What sessions have for the datasets that are opt-in."""
_PAGE = {"vidinfra": 10, "prevail": 10, "sessions_us": 20}
"""Sessions on a page of a list."""
_FILLER = "Beside the point"
"""Title of sessions that are there to fill pages; whether they are exported is not checked."""
_TITLE, _CASE = "Day", "24-cv-1"
"""What the titles and cases of sessions hold that fit a filter."""


class World:
    """One platform, and one export of it.

    :param folder: for the clock.
    :param exporter: starts exports.
    :param target: what is written into.
    """

    def __init__(self, folder: Path, exporter: Exporter, target: Target, schedule: Schedule) -> None:
        self._exporter, self._target, self._schedule = exporter, target, schedule
        self._clock_file = folder / "clock"
        self.clock = SharedClock.starting(self._clock_file, FIRST)
        self.sandbox = Sandbox(clock=SandboxClock(follow=self.clock), platforms=[schedule.platform])
        self.platform = self.sandbox.platform(schedule.platform)
        self.platform.remove_rate_limit()
        self._to_come: list[tuple[datetime, str, str]] = []
        self._results: dict[str, dict[str, Any]] = {}
        self._failed: list[tuple[int, int]] = []
        self._beside: dict[str, tuple[int, int]] = {}
        """Runs beside others that did not come to their end."""
        self._held: dict[str, Held] = {}

    def play(self) -> None:
        """Let everything happen, and see that nothing was lost and nothing is there twice."""
        with SandboxServer(self.sandbox):
            self._make_lists_long()
            for number, night in enumerate(self._schedule.nights, 1):
                self._day(number, night)
                if not self._night(number, night):
                    self._failed.append((number, night.looks_back))
            self._calm()
            self._judge()
        self.clock.close()

    # -- days --------------------------------------------------------------------------------------------------------

    def _make_lists_long(self) -> None:
        """Let lists have short pages, and a session of long ago."""
        if self._schedule.platform == "vidinfra":
            self.platform.settings.max_limit = _PAGE["vidinfra"]
        elif self._schedule.platform == "prevail":
            self.platform.settings.page_items = _PAGE["prevail"]
        self._hold(Held(), _FILLER, FIRST - 40 * ONE_DAY)

    def _day(self, number: int, night: Night) -> None:
        midnight = FIRST + number * ONE_DAY
        self._move_to(midnight)
        for place, held in enumerate(night.sessions):
            ended = midnight - timedelta(hours=1 + 1.9 * place)
            title = _TITLE if held.fits or self._schedule.only != "title" else "Another"
            [key] = self._hold(held, f"{title} {number}, session {place}", ended)
            self._held[key] = held
        if night.has_shifts:
            # They are newer, so the day's first session but one is the last of its page, and its first on the next.
            for place in range(_PAGE[self._schedule.platform] - max(1, len(night.sessions) - 1)):
                self._hold(Held(), _FILLER, midnight - timedelta(minutes=30 + place), made=midnight)

    def _hold(self, held: Held, title: str, ended: datetime, made: datetime | None = None) -> list[str]:
        more: dict[str, Any] = {}
        if self._schedule.platform == "prevail":
            more = {"estimated_duration": 0.75, "case": _CASE if held.fits else "24-cv-2"}
        elif self._schedule.only == "room":
            more = {"room_id": self.platform.room_id if held.fits else self._another_room()}
        more |= OPT_IN.get(self._schedule.platform, {})
        [key] = keys = self.platform.create(
            title,
            started_at=ended - timedelta(minutes=45),
            ended_at=ended,
            created_at=made or ended - ONE_DAY,
            attendees=2,
            recording_bytes=1000,
            script={
                "artifacts_after": held.ready_after,
                "revisions": {}
                if held.revised_after is None
                else {kind: [held.revised_after] for kind in self.platform.artifact_kinds},
            },
            **more,
        )
        for after, what in ((held.restarted_after, "start"), (held.deleted_after, "delete")):
            if after is not None:
                self._to_come.append((ended + timedelta(seconds=after), what, key))
                if what == "start":
                    self._to_come.append((ended + timedelta(seconds=after + 1800), "end", key))
        return keys

    def _another_room(self) -> str | None:
        return self.platform.other_room_id if self._schedule.platform == "vidinfra" else None

    def _move_to(self, instant: datetime) -> None:
        """Let time pass, and what is to come happen in it."""
        for due in sorted(one for one in self._to_come if one[0] <= instant):
            self._to_come.remove(due)
            self.clock.move_to(due[0])
            if self.platform.find(due[2]) is not None:
                getattr(self.platform, due[1])(due[2])
        self.clock.move_to(instant)

    # -- nights ------------------------------------------------------------------------------------------------------

    def _night(self, number: int, night: Night) -> bool:
        """The tries of a run; whether one came to its end."""
        self._move_to(FIRST + number * ONE_DAY + timedelta(hours=1))
        for one in night.tries:
            if self._try(number, night.looks_back, one).how == "done":
                return True
            nothing_twice(self._target.rows())
            self.clock.jump(300)
        return False

    def _try(self, number: int, looks_back: int, one: Try) -> Ended:
        if one.fault is not None:
            details = {"status": one.fault.status} if one.fault.kind in ("status", "html") else {}
            self.sandbox.faults.add(
                one.fault.kind, times=one.fault.times, skip=one.fault.skip, after_bytes=40, **details
            )
        try:
            return self._in_trouble(number, looks_back, one)
        finally:
            self.sandbox.faults.clear()
            self.sandbox.listeners.clear()

    def _in_trouble(self, number: int, looks_back: int, one: Try) -> Ended:
        trouble = one.trouble
        run = f"night {number}"
        match trouble:
            case Killed("touch", touch):
                return self._over(run, self._start(number, looks_back, touch=touch))
            case Killed("request", request):
                with self._killing_at(request) as victim:
                    victim.append(self._start(number, looks_back))
                    return self._over(run, victim[0])
            case Meanwhile():
                return self._with_another(number, looks_back, trouble)
            case AtOnce(who):
                one_of_both = self._start(number, looks_back)
                the_other = self._start(number, looks_back, beside=who == "another run")
                first = self._over(run, one_of_both)
                second = self._over(self._name(number, beside=who == "another run"), the_other)
                return first if who == "another run" or first.how == "done" else second
            case Shift():
                self._shift(trouble)
        return self._over(run, self._start(number, looks_back))

    def _with_another(self, number: int, looks_back: int, trouble: Meanwhile) -> Ended:
        beside = trouble.who == "another run"
        pid = self._start(number, looks_back, touch=trouble.touch, touched="stops")
        ended = self._over(f"night {number}", pid)
        if ended.how != "stopped":
            return ended
        self.clock.jump(trouble.stands_for)
        other = self._over(self._name(number, beside=beside), self._start(number, looks_back, beside=beside))
        os.kill(pid, signal.SIGKILL if trouble.then == "killed" else signal.SIGCONT)
        ended = self._over(f"night {number}", pid)
        return other if not beside and ended.how != "done" else ended

    @contextmanager
    def _killing_at(self, request: int) -> Iterator[list[int]]:
        """Kill who is named in the list as soon as the platform has had so many requests."""
        victim: list[int] = []
        numbers = iter(range(1, 1_000_000))
        lock = threading.Lock()

        def kill(_: object) -> None:
            with lock:
                if next(numbers) != request:
                    return
            for _ in range(1000):
                if victim:
                    os.kill(victim[0], signal.SIGKILL)
                    return
                threading.Event().wait(0.005)

        self.sandbox.on_request(kill)
        yield victim

    def _shift(self, shift: Shift) -> None:
        pages = iter(range(1, 1_000_000))

        def move(entry: Any) -> None:
            if entry.route == "list_sessions" and next(pages) == shift.page:
                if shift.how == "inserted":
                    now = self.clock.now()
                    self._hold(Held(), f"{_TITLE}, put in between", now)
                else:
                    self.platform.delete(max(self._fillers(), key=lambda one: str(one["created_at"]))["id"])

        self.sandbox.on_request(move)

    def _fillers(self) -> list[dict[str, Any]]:
        return [one for one in self.platform.sessions() if one["title"] == _FILLER and not one["deleted_at"]]

    # -- exports -----------------------------------------------------------------------------------------------------

    def _name(self, number: int, *, beside: bool = False) -> str:
        return f"night {number}, beside" if beside else f"night {number}"

    def _start(self, number: int, looks_back: int = 1, *, beside: bool = False, **touch: Any) -> int:
        end = FIRST + number * ONE_DAY
        if beside:
            self._beside[self._name(number, beside=True)] = (number, looks_back)
        return self._exporter.start(
            Job(
                clock=str(self._clock_file),
                operator=self._target.operator,
                arguments={
                    "conn_id": "platform",
                    "datasets": DATASETS[self._schedule.platform],
                    **self._filter(),
                    **self._target.arguments,
                },
                environment={
                    "AIRFLOW_CONN_PLATFORM": json.dumps(self.platform.connection()),
                    "AIRFLOW_PROVIDER_SESSIONS_RATE_DIR": self._rates(),
                    **self._target.environment,
                },
                dag_id="nightly",
                run_id=self._name(number, beside=beside),
                start=(end - (looks_back + beside) * ONE_DAY).isoformat(),
                end=end.isoformat(),
                **touch,
            )
        )

    def _filter(self) -> dict[str, str]:
        match self._schedule.only:
            case "title":
                return {"title": _TITLE}
            case "case":
                return {"case": _CASE}
            case "room":
                return {"room_id": self.platform.room_id}
        return {}

    def _rates(self) -> str:
        """A new place to share rates in: what a platform said of them is for who lives in real time."""
        return tempfile.mkdtemp(dir=self._clock_file.parent)

    def _over(self, run: str, pid: int) -> Ended:
        ended = self._exporter.wait(pid)
        if ended.how == "done":
            self._results[run] = ended.result
            self._beside.pop(run, None)
        return ended

    def _calm(self) -> None:
        """Nights without trouble. What failed for good is cleared by somebody, once."""
        nights = len(self._schedule.nights)
        self.clock.jump(3600)
        for number, looks_back in self._failed:
            self._must_succeed(number, looks_back)
        for number, looks_back in list(self._beside.values()):
            self._must_succeed(number, looks_back, beside=True)
        for before, night in zip((0, *CALM_NIGHTS), CALM_NIGHTS, strict=False):
            self._move_to(FIRST + (nights + night) * ONE_DAY + timedelta(hours=1))
            self._must_succeed(nights + night, night - before)

    def _must_succeed(self, number: int, looks_back: int = 1, *, beside: bool = False) -> None:
        run = self._name(number, beside=beside)
        ended = self._over(run, self._start(number, looks_back, beside=beside))
        assert ended.how == "done", f"{run}: {ended.how} {ended.error}\n{self._exporter.log()[-3000:]}"

    # -- in the end --------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        rows = self._target.rows()
        self._compare_with_truth(rows)
        self._compare_with_truth(self._target.latest_rows())
        nothing_for_nothing(rows, {key for key, held in self._held.items() if held.stays})
        self._target.check(self._results)

    def _compare_with_truth(self, rows: Rows) -> None:
        nothing_twice(rows)
        truth, deleted = happened(self.sandbox, self._schedule.platform)
        facts_exported, exported_deleted = exported(rows, self._schedule.platform)
        aside = {one["id"] for one in self.platform.sessions() if one["title"] == _FILLER}
        left_out = {key for key, held in self._held.items() if not held.fits} if self._schedule.only else set[str]()
        assert not facts_exported["sessions"].keys() & left_out, "sessions that the filter leaves out"
        aside |= left_out
        assert exported_deleted <= deleted
        assert not facts_exported["sessions"].keys() & (deleted - aside), "deleted, and the export does not say so"
        for name, of_dataset in truth.items():
            wanted = {key: facts for key, facts in of_dataset.items() if key not in aside and facts}
            found = {key: facts for key, facts in facts_exported[name].items() if key not in aside and facts}
            keys = found.keys() | wanted
            wrong = {key: (found.get(key), wanted.get(key)) for key in keys if found.get(key) != wanted.get(key)}
            assert not wrong, f"{name}: what is exported, and what happened: {wrong}"
