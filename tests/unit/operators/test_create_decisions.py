"""Each decision about a create, on a platform that does what the test says and by a clock that the test moves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    AnswerError,
    BrokenConnectionError,
    ConflictError,
    InputError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ServerError,
    SessionsError,
)
from airflow_provider_sessions.model import Session, SessionDraft, SessionState
from airflow_provider_sessions.operators._create import OnExisting, TooEarlyError, create_once
from airflow_provider_sessions.operators._send_record import SendRecord
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.marks import Mark, Trace
from tests.unit.export.stand_in import StandIn

NOW = VirtualClock().now()
KEY = "task1-arguments1"
DRAFT = SessionDraft(title="Town hall", start=NOW + timedelta(days=1), duration_seconds=3600, key=KEY)
LOST = BrokenConnectionError("no answer came")
TAKEN = ConflictError("the name is taken", status=409)


class Platform(StandIn):
    """Makes, lists and cancels sessions.

    :ivar traces: what is there, by id, as lists tell of it.
    :ivar fates: what becomes of the next creates: an error, or a function that acts and may raise one.
    :ivar before_look: what happens before the first, the second ... look.
    :ivar listed_late: whether lists leave out what was made here.
    :ivar stale: whether lists show a canceled session as it was before.
    """

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(Account("stand_in_default", "stand_in", host="https://live.example.com"), None)
        self.client: Any = SimpleNamespace(clock=clock)
        self.clock = clock
        self.traces: dict[str, Trace] = {}
        self.fates: list[Exception | Callable[[SessionDraft], None]] = []
        self.before_look: list[Exception | Callable[[], None] | None] = []
        self.listed_late = self.stale = self.once = False
        self.other_names = 0
        self.drafts: list[SessionDraft] = []
        self.looks: list[tuple[float, bool]] = []
        self.canceled: list[tuple[str, bool]] = []
        self.uncancelable: set[str] = set()
        self.unlisted: set[str] = set()

    def put(
        self,
        session_id: str,
        *,
        key: str | None = KEY,
        attempt: str | None = "0a",
        turn: int = 1,
        age: float | None = 60,
        alike: bool = True,
        legible: bool = True,
        state: str = "scheduled",
    ) -> None:
        """Have a session there.

        :param key: of the create whose mark it bears; None for no mark.
        :param age: seconds; None where the platform does not tell.
        """
        made = Session(
            platform=self.platform,
            session_id=session_id,
            title=DRAFT.title,
            state=SessionState(state),
            created_at=None if age is None else self.clock.now() - timedelta(seconds=age),
        )
        self.held[session_id] = made
        self.traces[session_id] = Trace(made, Mark(key, attempt, turn) if key else None, alike, legible)

    async def create(self, draft: SessionDraft) -> Session:
        self.drafts.append(draft)
        fate = self.fates.pop(0) if self.fates else None
        if isinstance(fate, Exception):
            raise fate
        if fate is not None:
            fate(draft)
        return self.carry_out(draft)

    def carry_out(self, draft: SessionDraft, session_id: str | None = None) -> Session:
        session_id = session_id or f"made-{len(self.drafts)}"
        self.put(
            session_id, key=draft.key, attempt=draft.attempt, turn=draft.turn, age=0, legible=draft.key is not None
        )
        if self.listed_late:
            self.unlisted.add(session_id)
        return self.held[session_id]

    async def find(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Trace]:
        self.looks.append(((self.clock.now() - NOW).total_seconds(), everywhere))
        happens = self.before_look.pop(0) if self.before_look else None
        if isinstance(happens, Exception):
            raise happens
        if happens is not None:
            happens()
        return [trace for one, trace in self.traces.items() if one not in self.unlisted]

    def makes_one(self, draft: SessionDraft) -> bool:
        return self.once

    def renamed(self, draft: SessionDraft) -> SessionDraft | None:
        self.other_names -= 1
        return draft.model_copy(update={"turn": draft.turn + 1}) if self.other_names >= 0 else None

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        if session_id in self.uncancelable:
            raise PermissionDeniedError("not yours", status=403)
        self.canceled.append((session_id, notify))
        self.held[session_id] = self.held[session_id].model_copy(update={"state": SessionState.CANCELED})
        if not self.stale:
            trace = self.traces[session_id]
            self.traces[session_id] = Trace(self.held[session_id], trace.mark, trace.alike, trace.legible)
        return self.held[session_id]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(auto=True)


@pytest.fixture
def platform(clock: VirtualClock) -> Platform:
    return Platform(clock)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path))


def record(platform: Platform, try_number: int = 1) -> SendRecord:
    return SendRecord(KEY, ("stand_in", "https://live.example.com"), None, try_number, platform.clock)


def pending(platform: Platform, *attempts: str) -> SendRecord:
    """The record of a second try, after a first whose requests nobody answered until now."""
    first = record(platform)
    for attempt in attempts or ("0b",):
        first.record_give_up(attempt)
    return record(platform, 2)


def make(
    platform: Platform,
    on_existing: str = "return",
    *,
    sends: SendRecord | None = None,
    known: str | None = None,
    draft: SessionDraft = DRAFT,
) -> str:
    """The id of the session that comes of a try."""
    sends = sends or record(platform)
    return asyncio.run(create_once(platform, draft, OnExisting(on_existing), record=sends, known=known)).session_id


def passed(platform: Platform) -> float:
    return (platform.clock.now() - NOW).total_seconds()


# What is there


def test_what_is_not_there_is_made_at_once(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    sends = record(platform)
    assert make(platform, sends=sends) == "made-1"
    [draft] = platform.drafts
    assert (draft.turn, draft.since) == (1, NOW)
    assert platform.looks == [(0, False), (0, False)]
    assert platform.canceled == []
    assert sends.open_sends == frozenset()
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("mark", [{}, {"attempt": None}, {"key": None, "legible": False}])
def test_what_is_there_is_not_made_again(
    platform: Platform, caplog: pytest.LogCaptureFixture, mark: dict[str, Any]
) -> None:
    platform.put("there", **mark)
    assert make(platform) == "there"
    assert (platform.drafts, platform.canceled, len(platform.looks)) == ([], [], 1)
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    "other", [{"key": None}, {"key": "task2-arguments1"}, {"state": "canceled"}, {"state": "expired"}]
)
def test_what_others_made_or_was_called_off_is_no_obstacle(
    platform: Platform, caplog: pytest.LogCaptureFixture, other: dict[str, Any]
) -> None:
    platform.put("other", **other)
    assert make(platform) == "made-1"
    assert "with other arguments" not in caplog.text


def test_what_the_same_task_made_with_other_arguments_is_told(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.put("old", key="task1-arguments2", alike=False)
    assert make(platform) == "made-1"
    assert "session old ('Town hall') with other arguments" in caplog.text


AGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the older one": ({"age": 61}, {"age": 60}),
    "one whose age is known": ({"age": 1}, {"age": None}),
    "of the same instant the first asked for": ({"attempt": "0a"}, {"attempt": "0b"}),
    "of the same instant the first asked for, though nobody knows when": (
        {"attempt": "0a", "age": None},
        {"attempt": "0b", "age": None},
    ),
}


@pytest.mark.parametrize("ids", [("x", "y"), ("y", "x")])
@pytest.mark.parametrize("listed", [1, -1])
@pytest.mark.parametrize("case", AGES)
def test_of_several_sessions_all_tries_choose_the_same(
    platform: Platform, caplog: pytest.LogCaptureFixture, case: str, ids: tuple[str, str], listed: int
) -> None:
    for one, fields in list(zip(ids, AGES[case], strict=True))[::listed]:
        platform.put(one, **fields)
    assert make(platform) == ids[0]
    assert platform.canceled == []
    assert f"There are 2 such sessions; {ids[0]} is the oldest, besides {ids[1]}" in caplog.text


def test_of_sessions_that_nothing_tells_apart_the_lower_number_counts(platform: Platform) -> None:
    for one in ("10", "9", "11"):
        platform.put(one)
    assert make(platform) == "9"


@pytest.mark.parametrize("turns", [(1, 3), (3, 1)])
def test_a_session_that_was_called_off_counts_as_a_turn(platform: Platform, turns: tuple[int, int]) -> None:
    for turn in turns:
        platform.put(f"gone-{turn}", turn=turn, state="canceled")
    make(platform)
    assert platform.drafts[0].turn == 4


# What the task remembers


def test_what_is_remembered_is_not_looked_for(platform: Platform) -> None:
    platform.put("known", state="live")
    assert make(platform, known="known") == "known"
    assert platform.looks == platform.drafts == []


@pytest.mark.parametrize("state", ["canceled", "expired", None])
def test_what_is_remembered_and_gone_is_made_again(platform: Platform, state: str | None) -> None:
    if state:
        platform.put("known", state=state)
    assert make(platform, known="known") == "made-1"


# Others' sessions as an error


@pytest.mark.parametrize("theirs", [{"key": None}, {"key": None, "legible": False}, {"key": "task2-arguments1"}])
def test_a_session_of_others_can_be_an_error(platform: Platform, theirs: dict[str, Any]) -> None:
    platform.put("theirs", **theirs)
    with pytest.raises(ConflictError, match="theirs") as failure:
        make(platform, "fail")
    assert (failure.value.status, failure.value.route, platform.drafts) == (409, "create", [])


@pytest.mark.parametrize("theirs", [{"state": "canceled"}, {"key": "task1-arguments2", "alike": False}])
def test_what_is_no_such_session_is_no_error(platform: Platform, theirs: dict[str, Any]) -> None:
    platform.put("theirs", **theirs, age=90)
    assert make(platform, "fail") == "made-1"
    assert make(platform, "fail") == "made-1", "nor is one's own"


def test_ones_own_session_is_no_error_besides_others(platform: Platform) -> None:
    platform.put("theirs", key=None)
    platform.put("own", age=1)
    assert make(platform, "fail") == "own"


# Making it anew


@pytest.mark.parametrize("state", ["scheduled", "requested"])
@pytest.mark.parametrize("stale", [False, True])
def test_what_is_there_can_be_made_anew(platform: Platform, stale: bool, state: str) -> None:
    platform.stale = stale
    platform.put("older", turn=2, age=61, state=state)
    platform.put("old", turn=1)
    assert make(platform, "recreate") == "made-1"
    assert platform.canceled == [("older", True), ("old", True)]
    assert platform.drafts[0].turn == 3


def test_what_is_only_remembered_can_be_made_anew(platform: Platform) -> None:
    platform.put("known", key=None)
    assert make(platform, "recreate", known="known") == "made-1"
    assert platform.canceled == [("known", True)]


def test_with_nothing_there_making_anew_is_making(platform: Platform) -> None:
    assert make(platform, "recreate") == "made-1"
    assert platform.canceled == []


@pytest.mark.parametrize(
    ("obstacle", "why"),
    [({"key": None, "legible": False}, "nothing proves"), ({"state": "live"}, "live"), ({"state": "ended"}, "ended")],
)
def test_nothing_is_canceled_where_not_all_can_be(platform: Platform, obstacle: dict[str, Any], why: str) -> None:
    platform.put("own", age=90)
    platform.put("obstacle", **obstacle)
    with pytest.raises(ConflictError, match=f"obstacle.*{why}") as failure:
        make(platform, "recreate")
    assert (failure.value.status, failure.value.route) == (409, "cancel")
    assert platform.canceled == platform.drafts == []


# What may still be carried out


def test_while_an_earlier_request_may_be_carried_out_nothing_is_sent(platform: Platform) -> None:
    with pytest.raises(TooEarlyError) as early:
        make(platform, sends=pending(platform))
    assert early.value.until == NOW.timestamp() + 65
    assert platform.drafts == []
    assert len(platform.looks) == 2
    assert 2.5 < passed(platform) < 3.5, "a worker is held for some seconds at most"


def test_what_comes_meanwhile_is_taken(platform: Platform) -> None:
    platform.before_look = [None, lambda: platform.put("late", attempt="0b")]
    assert make(platform, sends=pending(platform)) == "late"
    assert platform.canceled == []


def test_after_a_minute_it_is_sent_again(platform: Platform) -> None:
    sends = pending(platform)
    platform.clock.jump(65)
    assert make(platform, sends=sends) == "made-1"
    assert len(platform.looks) == 2


def test_where_the_platform_refuses_twins_nothing_is_waited_for(platform: Platform) -> None:
    platform.once = True
    assert make(platform, sends=pending(platform)) == "made-1"
    assert (len(platform.looks), passed(platform)) == (1, 0)


def test_what_the_earlier_request_made_is_waited_for_no_longer(platform: Platform) -> None:
    platform.put("there", attempt="0b")
    sends = pending(platform)
    assert make(platform, sends=sends) == "there"
    assert passed(platform) == 0
    assert sends.open_sends == frozenset()


@pytest.mark.parametrize("other", [{"attempt": "0a"}, {"attempt": "0a", "age": 90}])
def test_anothers_session_is_not_taken_for_that_of_the_earlier_request(
    platform: Platform, other: dict[str, Any]
) -> None:
    platform.put("theirs", **other)
    platform.put("untold", attempt=None, age=30)
    platform.put("unmarked", key=None, legible=False, age=20)
    with pytest.raises(TooEarlyError):
        make(platform, sends=pending(platform))


@pytest.mark.parametrize("mark", [{"attempt": None}, {"key": None, "legible": False}])
def test_where_sessions_do_not_tell_their_attempt_the_one_there_counts(
    platform: Platform, mark: dict[str, Any]
) -> None:
    platform.put("there", **mark)
    assert make(platform, sends=pending(platform)) == "there"
    assert passed(platform) == 0


def test_a_try_before_that_nobody_knows_of_is_waited_for_only_where_nothing_is_there(platform: Platform) -> None:
    with pytest.raises(TooEarlyError):
        make(platform, sends=record(platform, 2))
    platform.put("there")
    assert make(platform, sends=record(platform, 2)) == "there"


def test_what_is_remembered_is_made_anew_without_a_wait(platform: Platform) -> None:
    platform.put("known", attempt=None)
    platform.unlisted.add("known")
    assert make(platform, "recreate", sends=record(platform, 2), known="known") == "made-1"
    assert passed(platform) == 0


@pytest.mark.parametrize(("age", "left"), [(10, "first"), (90, "late")])
def test_the_younger_twin_of_a_request_without_answer_is_taken_back(platform: Platform, age: float, left: str) -> None:
    platform.put("first", attempt="0a")
    platform.put("late", attempt="0b", age=age)
    sends = pending(platform)
    assert make(platform, sends=sends) == left
    assert platform.canceled == ([("late", False)] if left == "first" else [])
    assert sends.open_sends == frozenset()


def test_a_twin_that_cannot_be_taken_back_is_told(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    platform.put("first", attempt="0a")
    platform.put("late", attempt="0b", age=10)
    platform.uncancelable = {"late"}
    assert make(platform, sends=pending(platform)) == "first"
    assert "late is one too many" in caplog.text


# Creates whose outcome is not clear


def server_error(status: int) -> ServerError:
    return ServerError("failed", status=status)


@pytest.mark.parametrize(
    ("failure", "may_come", "once"),
    [
        *[(failure, True, False) for failure in (LOST, AnswerError("no JSON"), *map(server_error, (502, 504, 524)))],
        *[(server_error(status), False, False) for status in (500, 501, 503)],
        (LOST, True, True),
        (server_error(500), False, True),
    ],
    ids=repr,
)
def test_a_create_that_left_nothing_fails_and_may_be_waited_for(
    platform: Platform, caplog: pytest.LogCaptureFixture, failure: SessionsError, may_come: bool, once: bool
) -> None:
    platform.fates, platform.once = [failure], once
    sends = record(platform)
    with pytest.raises(type(failure)) as raised:
        make(platform, sends=sends)
    assert raised.value is failure
    assert bool(sends.open_sends) is may_come
    assert ("before you clear the task" in caplog.text) is (may_come and not once)


def carried_out(platform: Platform, failure: Exception, **twin: Any) -> Callable[[SessionDraft], None]:
    """A create that is carried out although it fails, after another attempt's, if such is given."""

    def fate(draft: SessionDraft) -> None:
        if twin:
            platform.put("twin", **twin)
        platform.carry_out(draft, "own")
        raise failure

    return fate


@pytest.mark.parametrize("failure", [LOST, server_error(500)])
@pytest.mark.parametrize(
    ("twin", "result", "canceled"),
    [
        ({}, "own", []),
        ({"attempt": "0a", "age": 1}, "twin", [("own", False)]),
        ({"attempt": "0a", "age": -1}, "own", []),
    ],
    ids=["alone", "second", "first"],
)
def test_a_create_that_was_carried_out_all_the_same_counts(
    platform: Platform, failure: SessionsError, twin: dict[str, Any], result: str, canceled: list[Any]
) -> None:
    platform.fates = [carried_out(platform, failure, **twin)]
    sends = record(platform)
    assert make(platform, sends=sends) == result
    assert platform.canceled == canceled
    assert sends.open_sends == frozenset()


def test_anothers_session_does_not_stand_for_a_request_that_may_still_come(platform: Platform) -> None:
    def fate(draft: SessionDraft) -> None:
        platform.put("twin", attempt="0a")
        raise LOST

    platform.fates = [fate]
    with pytest.raises(TooEarlyError) as early:
        make(platform)
    assert early.value.until == NOW.timestamp() + 65


@pytest.mark.parametrize(
    ("blind", "told"),
    [
        (BrokenConnectionError("blind"), "no answer came"),
        (RateLimitedError("full", status=429, retry_after=9), "full"),
    ],
)
def test_where_nobody_can_look_the_failure_is_told(platform: Platform, blind: SessionsError, told: str) -> None:
    platform.fates, platform.before_look = [LOST], [None, blind]
    with pytest.raises(SessionsError, match=told):
        make(platform)


def test_a_canceled_session_that_lists_still_show_does_not_stand_for_the_new_one(platform: Platform) -> None:
    platform.stale, platform.fates = True, [LOST]
    platform.put("old")
    with pytest.raises(BrokenConnectionError):
        make(platform, "recreate")


# Creates that are refused


@pytest.mark.parametrize(
    ("refused", "once"),
    [
        (TAKEN, False),
        (RejectedError("no", status=422), False),
        (PermissionDeniedError("no", status=403), True),
        (PermissionDeniedError("no", status=403), False),
    ],
)
def test_a_refusal_is_told_at_once(platform: Platform, refused: SessionsError, once: bool) -> None:
    platform.fates, platform.once = [refused], once
    sends = record(platform)
    with pytest.raises(type(refused)):
        make(platform, sends=sends)
    assert (len(platform.looks), len(platform.drafts), sends.open_sends) == (1, 1, frozenset())


@pytest.mark.parametrize("refused", [TAKEN, RejectedError("taken", status=422)])
def test_where_a_name_is_taken_its_holder_is_the_session(platform: Platform, refused: SessionsError) -> None:
    def fate(draft: SessionDraft) -> None:
        platform.put("younger", attempt=None, age=5)
        platform.put("holder", attempt=None, age=9)
        raise refused

    platform.fates, platform.once = [fate], True
    assert make(platform) == "holder"
    assert platform.looks == [(0, False), (0, True)]


def test_the_holder_of_a_name_may_be_listed_some_seconds_later(platform: Platform) -> None:
    platform.fates, platform.once = [TAKEN], True
    platform.before_look = [None, None, None, lambda: platform.put("holder", attempt=None)]
    assert make(platform) == "holder"
    assert platform.looks == [(0, False), (0, True), (1, True), (4, True)]


def test_what_is_rejected_for_another_reason_is_told(platform: Platform) -> None:
    platform.fates, platform.once, platform.other_names = [RejectedError("no", status=422)], True, 1
    with pytest.raises(RejectedError):
        make(platform)
    assert (len(platform.drafts), len(platform.looks)) == (1, 2)


def test_a_name_that_nobody_holds_any_more_is_given_up_for_another(platform: Platform) -> None:
    platform.fates, platform.once, platform.other_names = [TAKEN], True, 1
    assert make(platform) == "made-2"
    assert [draft.turn for draft in platform.drafts] == [1, 2]


def test_where_there_is_no_other_name_the_refusal_is_told(platform: Platform) -> None:
    platform.fates, platform.once, platform.other_names = [TAKEN, TAKEN], True, 1
    with pytest.raises(ConflictError):
        make(platform)
    assert len(platform.drafts) == 2


def test_a_canceled_session_that_lists_still_show_is_no_holder(platform: Platform) -> None:
    platform.put("old", attempt=None)
    platform.stale, platform.once, platform.other_names = True, True, 2
    platform.fates = [TAKEN, TAKEN]
    assert make(platform, "recreate") == "made-3"


# Attempts at once


@pytest.mark.parametrize("listed_late", [False, True])
@pytest.mark.parametrize(
    ("twin", "result"),
    [({"age": 1}, "twin"), ({"age": -1}, "made-1"), ({"age": 0, "attempt": "00"}, "twin"), ({"age": None}, "made-1")],
    ids=["older", "younger", "asked for before", "of unknown age"],
)
def test_attempts_at_once_agree_on_the_older_session(
    platform: Platform, twin: dict[str, Any], result: str, listed_late: bool
) -> None:
    platform.listed_late = listed_late
    platform.before_look = [None, lambda: platform.put("twin", **twin)]
    assert make(platform) == result
    assert platform.canceled == ([("made-1", False)] if result == "twin" else [])


@pytest.mark.parametrize("key", [KEY, None])
def test_what_is_not_listed_yet_counts_all_the_same(platform: Platform, key: str | None) -> None:
    platform.listed_late = True
    assert make(platform, draft=DRAFT.model_copy(update={"key": key})) == "made-1"
    assert platform.canceled == []


def test_the_look_after_a_create_waits_up_to_a_minute_for_its_slot(platform: Platform) -> None:
    platform.put("canceled")
    platform.stale = True
    platform.before_look = [
        None,
        RateLimitedError("full", status=429, retry_after=60.0),
        lambda: platform.put("twin", age=300),
    ]
    assert make(platform, "recreate") == "twin"
    assert [at for at, _ in platform.looks] == [0, 0, 60]


def test_a_canceled_session_does_not_win_after_such_a_wait(platform: Platform) -> None:
    platform.put("canceled")
    platform.stale = True
    platform.before_look = [None, RateLimitedError("full", status=429, retry_after=1.0)]
    assert make(platform, "recreate") == "made-1"


@pytest.mark.parametrize(
    "blind",
    [
        RateLimitedError("full", status=429, retry_after=60.5),
        RateLimitedError("full", status=429),
        BrokenConnectionError("blind"),
    ],
)
def test_what_was_made_is_returned_although_nobody_could_look(
    platform: Platform, caplog: pytest.LogCaptureFixture, blind: SessionsError
) -> None:
    platform.before_look = [None, blind]
    assert make(platform) == "made-1"
    assert passed(platform) == 0
    assert "Could not look whether another attempt" in caplog.text


def attempt_at(clock: VirtualClock) -> str:
    platform = Platform(clock)
    make(platform)
    return platform.drafts[0].attempt


@pytest.mark.parametrize("period", [395, 396])
def test_attempts_sort_by_when_they_began(period: int) -> None:
    began = datetime.fromtimestamp(period * 2**32 / 1000 + 1, UTC)
    moments = [began + timedelta(days=days) for days in (0, 10, 24, 25, 26, 40, 49)]
    attempts = [attempt_at(VirtualClock(moment)) for moment in (moments[0] + timedelta(milliseconds=2), *moments[1:])]
    attempts.insert(0, attempt_at(VirtualClock(began)))
    assert attempts == sorted(attempts)
    assert len({attempt[:8] for attempt in attempts}) == len(attempts), "two milliseconds apart or more"
    assert {len(attempt) for attempt in attempts} == {12}


def test_attempts_of_the_same_instant_are_told_apart(clock: VirtualClock) -> None:
    assert len({attempt_at(clock) for _ in range(4)}) == 4


@pytest.mark.parametrize("word", OnExisting)
def test_words_are_read(word: OnExisting) -> None:
    assert OnExisting.read(word.value) is word


def test_other_words_are_refused() -> None:
    with pytest.raises(InputError, match="on_existing"):
        OnExisting.read("replace")
