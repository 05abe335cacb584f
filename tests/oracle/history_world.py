"""Plays a :class:`~tests.oracle.histories.History`: nightly exports by the operators, in this process, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.export.catalogue import OPEN_AFTER_PLANNED_END
from airflow_provider_sessions.export.discovery import count_sweep_nights
from airflow_provider_sessions.hooks.portal import get_process_portal
from airflow_provider_sessions.platforms.sessions_us.adapter import SessionsUsAdapter
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.oracle.clock import SharedClock
from tests.oracle.histories import History, Inserted, Moved, Night, Order, Planned
from tests.oracle.targets import Stored, Target, nothing_twice
from tests.oracle.truth import exported, happened
from tests.oracle.world import FIRST, ONE_DAY

DATASETS = {"vidinfra": ["sessions", "participants"], "prevail": ["sessions"], "sessions_us": ["sessions"]}
PAGE = {"vidinfra": 10, "prevail": 10, "sessions_us": 20}
_OPEN = OPEN_AFTER_PLANNED_END / ONE_DAY - 1
"""Days after its planned end until which a session is read again each night."""
OLDEST = 200 * ONE_DAY
"""How long before the first day the oldest session was created."""
FILLER = "Beside the point"
"""What the titles of sessions begin with that were over before the first day."""


class HistoryWorld:
    """One platform with a long list, and nightly exports of it.

    :param folder: for the clock.
    :param target: what is written into.
    """

    def __init__(self, folder: Path, history: History, target: Target) -> None:
        self._history, self._target = history, target
        self._clock = SharedClock.starting(folder / "clock", FIRST)
        self._sandbox = Sandbox(clock=SandboxClock(follow=self._clock), platforms=[history.platform])
        self._platform = self._sandbox.platform(history.platform)
        self._platform.remove_rate_limit()
        self._to_hold: dict[int, list[str]] = {}
        self._overdue: set[str] = set()
        self._since: dict[str, int] = {}
        """By session that has to be exported, the first night on which it could be."""
        self._at_once: set[str] = set()
        """Those that have to be exported on that night."""
        self._is_honest = True
        """Whether the list has always been newest first, by the times of creation that it shows."""
        self._has_moved = False
        self._night = 0

    def play(self) -> None:
        """Play all nights, and some on which nothing happens, and compare what is exported with what happened."""
        with self._at_this_time(), SandboxServer(self._sandbox):
            self._fill()
            for night in self._history.nights:
                self._play_night(night)
            while self._to_hold or any(self._is_due_later(key) for key in self._since):
                self._play_night(Night(ended=0))
            self._check_all()
        self._clock.close()

    @contextmanager
    def _at_this_time(self) -> Iterator[None]:
        """Let exports live in virtual time, and without a rate limit."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SystemClock, "now", lambda _: self._clock.now())
            patch.setattr(SystemClock, "sleep", lambda _, seconds: self._clock.sleep(seconds))
            patch.setattr(SessionsUsAdapter, "default_rate_limit", None)
            for name, value in self._target.environment.items():
                patch.setenv(name, value)
            yield
            get_process_portal().close()

    # -- days --------------------------------------------------------------------------------------------------------

    @property
    def _page(self) -> int:
        return PAGE[self._history.platform]

    @property
    def _bound(self) -> int:
        """The nights within which a session is found that the order of the list has hidden."""
        if self._history.platform == "prevail":
            return 1
        pages = -(-len(self._platform.listed_sessions()) // self._page)
        # A session that moves across the page that is being read is found in the next round.
        return count_sweep_nights(pages, self._history.sweep_pages) * (2 if self._has_moved else 1)

    def _fill(self) -> None:
        if self._history.platform == "vidinfra":
            self._platform.settings.max_limit = self._page
        elif self._history.platform == "prevail":
            self._platform.settings.page_items = self._page
        length = self._history.pages * self._page - self._page // 2
        for number in range(length):
            created = FIRST - OLDEST * (1 - (number + 1) / (length + 1))
            title = f"{FILLER} {number * 37 % 100}"
            self._hold(title, created + ONE_DAY / 4 if created + ONE_DAY / 2 < FIRST else FIRST - ONE_DAY / 24, created)
        for planned in self._history.planned:
            self._plan(planned)

    def _hold(self, title: str, ended: Any, created: Any, **more: Any) -> str:
        if self._history.platform == "prevail":
            more["estimated_duration"] = 0.5
        [key] = self._platform.create(
            title,
            started_at=ended - timedelta(minutes=30),
            ended_at=ended,
            created_at=created,
            attendees=1,
            recording_bytes=100,
            **more,
        )
        return key

    def _created_at(self, place: float) -> Any:
        return FIRST - OLDEST * place

    def _plan(self, planned: Planned) -> None:
        start = FIRST + (planned.held - 0.5 + planned.planned) * ONE_DAY
        if self._history.platform == "prevail":  # there the planned times count, since nothing says when it was held
            start = FIRST + (planned.held - 0.5) * ONE_DAY
        key = self._add_planned(f"Planned for day {planned.held}", self._created_at(planned.place), start)
        self._to_hold.setdefault(planned.held, []).append(key)
        if planned.planned < -_OPEN:
            self._overdue.add(key)

    def _add_planned(self, title: str, created: Any, start: Any) -> str:
        [key] = self._platform.create(
            title,
            created_at=created,
            scheduled_start=start,
            attendees=1,
            recording_bytes=100,
            script={"expire_after": None},
            **({"estimated_duration": 0.5} if self._history.platform == "prevail" else {}),
        )
        return key

    def _play_night(self, night: Night) -> None:
        self._night += 1
        midnight = FIRST + self._night * ONE_DAY
        keys = held = self._to_hold.pop(self._night, [])
        self._clock.move_to(midnight - ONE_DAY / 2)
        for key in held:
            self._platform.start(key)
        self._clock.move_to(midnight - ONE_DAY / 2 + timedelta(minutes=30))
        for key in held:
            self._platform.end(key)
        self._clock.move_to(midnight)
        keys = [key for key in held if key not in self._overdue]
        for number in range(night.ended):
            ended = midnight - timedelta(hours=2 + number)
            keys.append(self._hold(f"Day {self._night}, session {number}", ended, ended - timedelta(hours=1)))
        for number in range(night.newer):
            self._add_planned(
                f"{FILLER} {number}",
                midnight - timedelta(minutes=30 - number),
                midnight + 60 * ONE_DAY + number * ONE_DAY,
            )
        if night.order is not None:
            self._platform.settings.sorted_by = night.order.sorted_by
            self._platform.settings.newest_first = night.order.newest_first
            self._is_honest = self._is_honest and night.order == Order()
        for inserted in night.inserted:
            self._insert(inserted, midnight, self._night)
        self._since |= dict.fromkeys([*held, *keys], self._night)
        if self._is_honest:
            self._at_once.update(keys)
        self._export(midnight, night.moved)

    def _insert(self, inserted: Inserted, midnight: Any, since: int) -> None:
        number = min(inserted.ended, self._night - 1)
        ended = midnight - (number + 0.3) * ONE_DAY
        placed = self._created_at(inserted.place)
        created = placed if inserted.shows_place else ended - timedelta(hours=1)
        key = self._hold(f"Put in on day {self._night}", ended, created, listed_at=placed)
        self._is_honest = self._is_honest and inserted.shows_place
        self._since[key] = since

    # -- nights ------------------------------------------------------------------------------------------------------

    def _export(self, midnight: Any, moved: tuple[Moved, ...]) -> None:
        self._clock.move_to(midnight + timedelta(hours=1))
        self._move_while_listed(moved)
        kind = SessionsToObjectStorageOperator if isinstance(self._target, Stored) else SessionsToSqlOperator
        operator: Any = kind(
            task_id="export",
            conn_id="platform",
            datasets=DATASETS[self._history.platform],
            start=midnight - ONE_DAY,
            end=midnight,
            sweep_pages=self._history.sweep_pages,
            **self._target.arguments,
        )
        task = SimpleNamespace(dag_id="nightly", run_id=f"night {self._night}", task_id="export", map_index=-1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_PLATFORM", json.dumps(self._platform.connection()))
            operator.execute({"ti": task})
        self._sandbox.listeners.clear()
        get_process_portal().close()  # each night is a process of its own
        self._check_night()

    def _move_while_listed(self, moved: tuple[Moved, ...]) -> None:
        requests = count()

        def move(entry: Any) -> None:
            if entry.route != "list_sessions":
                return
            number = next(requests)
            for one in moved:
                if one.request == number:
                    self._move(one)

        self._sandbox.on_request(move)

    def _move(self, moved: Moved) -> None:
        self._has_moved = True
        if moved.how == "inserted":
            # It belongs to this night's window, but may appear on a page that was read.
            self._insert(Inserted(moved.place), FIRST + self._night * ONE_DAY, since=self._night + 1)
            return
        fillers = [one for one in self._platform.listed_sessions() if one.title.startswith(FILLER)]
        if fillers:
            found = fillers[min(int(moved.place * len(fillers)), len(fillers) - 1)]
            self._platform.delete(self._platform.public_id(found))

    # -- results -----------------------------------------------------------------------------------------------------

    def _check_night(self) -> None:
        rows = self._target.rows()
        nothing_twice(rows)
        there = {row["session_id"] for row in rows.get("sessions", [])}
        missing = [key for key in self._since if key not in there and not self._is_due_later(key)]
        found = {self._platform.session(key)["title"]: self._since[key] for key in missing}
        assert not found, f"not exported by night {self._night}, though the bound is {self._bound} nights: {found}"

    def _is_due_later(self, key: str) -> bool:
        """Whether a session need not have been exported yet."""
        return self._night < self._since[key] + (0 if key in self._at_once else self._bound - 1)

    def _check_all(self) -> None:
        truth, _ = happened(self._sandbox, self._history.platform)
        for rows in (self._target.rows(), self._target.latest_rows()):
            facts, deleted = exported(rows, self._history.platform)
            assert deleted == set()
            for name in DATASETS[self._history.platform]:
                wanted = {key: value for key, value in truth[name].items() if key in self._since}
                assert facts[name] == wanted, name
